package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestStreams looks at what goes where: one ready line, files for the owner
// only, and a log without codes, addresses or secrets.
func TestStreams(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	if n := strings.Count(p.stdout.String(), "listening on"); n != 1 || !strings.HasSuffix(p.stdout.String(), p.url+"\n") {
		t.Errorf("%d ready lines, or something after it:\n%s", n, p.stdout)
	}
	for channel, address := range map[string]string{"sms": "+12025550162", "whatsapp": "+12025550163", "email": "somebody@example.com"} {
		field := "phone_number"
		if channel == "email" {
			field = "email"
		}
		sent := p.post(t, 200, "/v1/otps/"+channel+"/login_or_create", fmt.Sprintf(`{%q: %q}`, field, address))
		code := p.code(t)
		p.authenticate(t, 404, sent.methodID(), another(code))
		p.authenticate(t, 200, sent.methodID(), code)
		p.authenticate(t, 401, sent.methodID(), code)
	}
	p.post(t, 400, "/v1/otps/sms/login_or_create", `{"phone_number": "+4670174060599"}`)
	p.cancel()
	if status := p.end(t); status != 0 {
		t.Errorf("exit status %d", status)
	}

	// Without what is random or a time, and so may look like a code.
	log := regexp.MustCompile(`(time|duration|request_id|subject|message)=\S+`).ReplaceAllString(p.stderr.String(), "")
	for _, letter := range p.outbox(t) {
		if !strings.Contains(p.stdout.String(), string(letter.Channel)+" to "+letter.To+": code "+letter.Code) {
			t.Errorf("the %s is not on the terminal:\n%s", letter.Channel, p.stdout)
		}
		for _, secret := range []string{letter.To, letter.To[1:], letter.Code, another(letter.Code)} {
			if strings.Contains(log, secret) {
				t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	}
	if strings.Contains(log, p.project.secret) {
		t.Errorf("the log has the secret:\n%s", log)
	}
	keys, err := readKeys(filepath.Join(p.dir, "passcode.keys"))
	if err != nil {
		t.Fatal(err)
	}
	wantNoKeys(t, p.stdout.String()+p.stderr.String(), keys)
	for _, want := range []string{"event=sent", "event=wrong", "event=verified", "channel=email", "@example.com", "status=401", "INSECURE", "shutting down"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %q:\n%s", want, log)
		}
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil || len(files) != 3 {
		t.Errorf("files %q, %v; want database, keys and outbox", files, err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if db, err := os.ReadFile(filepath.Join(p.dir, "passcode.db")); err != nil || bytes.Contains(db, []byte(p.project.secret)) {
		t.Errorf("the secret is in the database, or %v", err)
	}
}

func TestOutboxLine(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil, "-app", "Åpp & Co", "-origin", "example.com")
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162", "locale": "es"}`)
	p.post(t, 200, "/v1/otps/whatsapp/login_or_create", `{"phone_number": "+12025550162"}`)
	content, err := os.ReadFile(filepath.Join(p.dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("outbox %q: want two lines", content)
	}
	for i, want := range []map[string]string{
		{"to": "+12025550162", "channel": "sms", "locale": "es"},
		{"to": "+12025550162", "channel": "whatsapp", "locale": "en"},
	} {
		var got map[string]string
		if err := json.Unmarshal(lines[i], &got); err != nil {
			t.Fatalf("%q: %v", lines[i], err)
		}
		if !strings.Contains(got["body"], got["code"]) || !strings.Contains(got["body"], "Åpp & Co") {
			t.Errorf("body %q without code or name", got["body"])
		}
		if sms := want["channel"] == "sms"; sms != strings.HasSuffix(got["body"], "\n@example.com #"+got["code"]) {
			t.Errorf("%s: last line of %q", want["channel"], got["body"])
		}
		delete(got, "body")
		if len(got["code"]) != 6 {
			t.Errorf("code %q", got["code"])
		}
		delete(got, "code")
		if !maps.Equal(got, want) {
			t.Errorf("line %q: got %v besides code and body, want %v", lines[i], got, want)
		}
	}
}

// TestRestart ends the program in good order, and not, and wants to find
// everything again.
func TestRestart(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		if runtime.GOOS == "windows" {
			t.Skip("no such signals")
		}
		for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
			t.Run(signal.String(), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				p := spawn(t, dir, where()...)
				first := p.project
				sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
				code := p.code(t)
				if err := p.process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if status := p.end(t); (status == 0) != (signal != syscall.SIGKILL) {
					t.Errorf("exit status %d:\n%s", status, p.stderr)
				}

				p = launch(t, dir, nil, p.args...)
				if p.project != first {
					t.Error("the credentials changed")
				}
				p.authenticate(t, 404, sent.PhoneID, another(code))
				p.authenticate(t, 200, sent.PhoneID, code)
				p.authenticate(t, 401, sent.PhoneID, code)
				again := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
				if again.UserCreated || again.UserID != sent.UserID {
					t.Errorf("another user after the restart: %+v, was %+v", again, sent)
				}
				if letters := p.outbox(t); len(letters) != 2 || letters[0].Code != code {
					t.Errorf("%d messages in the outbox, want that of before the restart and another", len(letters))
				}
			})
		}
	})
}

// underWay begins a request and returns once the program waits for its body.
func underWay(t *testing.T, p *program) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	req, err := http.NewRequest(http.MethodPost, p.url+"/v1/otps/sms/login_or_create", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(p.project.projectID, p.project.secret)
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		req.URL.Path, req.Header.Get("Authorization"), len(steps[0].body))
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, line); err != nil || !bytes.Contains(line, []byte("100 Continue")) {
		t.Fatalf("%q, %v", line, err)
	}
	return conn
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no such signals")
	}
	p := spawn(t, t.TempDir())
	conn := underWay(t, p)
	p.process.Signal(syscall.SIGTERM)
	p.stderr.await(t, `msg="shutting down"`)
	io.WriteString(conn, steps[0].body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || err != nil {
		t.Errorf("%d %s, %v", resp.StatusCode, text, err)
	}
	if status := p.end(t); status != 0 {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
}

func TestSecondSignal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no such signals")
	}
	p := spawn(t, t.TempDir())
	conn := underWay(t, p)
	p.process.Signal(syscall.SIGTERM)
	p.stderr.await(t, `msg="shutting down"`)
	p.process.Signal(syscall.SIGTERM)
	if status := p.end(t); status != -1 { // ended by the signal
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
	if text, err := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("an answer to half a request: %q, %v", text, err)
	}
}

// fails runs the program, wants this exit status, nothing on standard output
// and one line of explanation, and returns the line.
func fails(t *testing.T, want int, env map[string]string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stdout, stderr := newOutput(), newOutput()
	status := run(ctx, args, lookup(env), stdout, stderr)
	line := stderr.String()
	if status != want || stdout.String() != "" || !strings.HasPrefix(line, "passcoded: ") || strings.Index(line, "\n") != len(line)-1 {
		t.Errorf("%q: exit status %d, want %d; stdout %q; stderr %q", args, status, want, stdout, line)
	}
	return line
}

// wantText fails unless the line has all of these parts.
func wantText(t *testing.T, line string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("%q does not say %q", line, part)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	second := &program{dir: p.dir, stdout: newOutput(), stderr: newOutput()}
	err := command(second, nil).Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the second process: %v", err)
	}
	db := filepath.Join(p.dir, "passcode.db")
	if got, want := second.stderr.String(), "passcoded: "+db+" is in use by another process\n"; got != want || second.stdout.String() != "" {
		t.Errorf("stderr %q, want %q; stdout %q", got, want, second.stdout)
	}
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	address := strings.TrimPrefix(p.url, "http://")
	line := fails(t, 1, nil, "-addr", address, "-db", filepath.Join(t.TempDir(), "passcode.db"))
	wantText(t, line, address, "bind")
}

func TestDatabaseErrors(t *testing.T) {
	t.Parallel()
	old := launch(t, t.TempDir(), nil)
	old.cancel()
	old.end(t)
	sound, err := os.ReadFile(filepath.Join(old.dir, "passcode.db"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(filepath.Join(old.dir, "passcode.keys"))
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.ReplaceAll(sound, []byte("version\x01"), []byte("version\x7f"))
	if bytes.Equal(newer, sound) {
		t.Fatal("no version found in the database")
	}
	for name, c := range map[string]struct {
		content []byte
		perm    os.FileMode
		want    string
	}{
		"newer":   {newer, 0o600, "127"},
		"garbage": {[]byte("# Notes\n"), 0o600, "not a usable file"},
		"cut":     {sound[:len(sound)/2], 0o600, "not a usable file"},
		"open":    {sound, 0o644, "open to others"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && c.perm != 0o600 {
				t.Skip("no such permissions")
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "passcode.keys"), keys, 0o600)
			write(t, filepath.Join(dir, "passcode.db"), c.content, c.perm)
			wantText(t, fails(t, 1, nil, arguments(dir, nil)[:4]...), "passcode.db", c.want)
		})
	}
}

func write(t *testing.T, path string, content []byte, perm os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil { // whatever the umask
		t.Fatal(err)
	}
}
