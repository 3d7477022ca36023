package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what should take a moment.
const patience = 30 * time.Second

// TestMain makes the test binary the program itself where spawn runs it.
func TestMain(m *testing.M) {
	if os.Getenv("PASSCODED_TEST_SPAWNED") != "" {
		main()
	}
	status := m.Run()
	stopServers()
	os.Exit(status)
}

// An output collects what a program prints.
type output struct {
	mu      sync.Mutex
	text    []byte
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// await returns the submatches of the first match, once there is one.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		match, changed := re.FindStringSubmatch(string(o.text)), o.changed
		o.mu.Unlock()
		if match != nil {
			return match
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no output matches %q:\n%s", pattern, o)
		}
	}
}

// A program is a running one.
type program struct {
	dir            string   // its directory, where the outbox is
	args           []string // what it was given besides
	stdout, stderr *output
	url            string
	project        credentials
	process        *os.Process // nil for one that runs in the test's process
	ended          chan int    // gets the exit status
	cancel         context.CancelFunc
}

// arguments gives a program files in dir and a port of its own.
func arguments(dir string, more []string) []string {
	return append([]string{"-addr", "127.0.0.1:0", "-db", filepath.Join(dir, "passcode.db"), "-insecure-outbox", filepath.Join(dir, "outbox")}, more...)
}

// launch runs the program in the test's process until the test ends.
func launch(t *testing.T, dir string, env map[string]string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{dir: dir, args: args, stdout: newOutput(), stderr: newOutput(), ended: make(chan int, 1), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ended <- run(ctx, arguments(dir, args), lookup(env), p.stdout, p.stderr)
	}()
	t.Cleanup(func() { cancel(); <-done })
	p.awaitReady(t, env)
	return p
}

func lookup(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// spawn runs the program in a process of its own until the test ends.
func spawn(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	return spawnWith(t, nil, dir, args...)
}

// spawnWith is spawn with an environment, of NAME=value.
func spawnWith(t *testing.T, env []string, dir string, args ...string) *program {
	t.Helper()
	p := &program{dir: dir, args: args, stdout: newOutput(), stderr: newOutput(), ended: make(chan int, 1)}
	cmd := command(p, args)
	cmd.Env = append(cmd.Env, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = cmd.Process
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait()
		p.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { p.process.Kill(); <-done })
	p.awaitReady(t, nil)
	return p
}

func command(p *program, args []string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, arguments(p.dir, args)...)
	cmd.Env = []string{"PASSCODED_TEST_SPAWNED=1"}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	return cmd
}

// awaitReady waits for the line that says so and reads the banner.
func (p *program) awaitReady(t *testing.T, env map[string]string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("standard error:\n%s", p.stderr)
		}
	})
	p.url = p.stdout.await(t, `^listening on (http://127\.0\.0\.1:[0-9]+)\n`)[1]
	user := regexp.MustCompile(`-u ['"]([^:]+):([^'"]+)['"]`).FindStringSubmatch(p.stdout.String())
	if user == nil {
		t.Fatalf("no credentials in the banner:\n%s", p.stdout)
	}
	p.project = credentials{user[1], user[2]}
	if user[2] == "$PASSCODED_SECRET" {
		p.project.secret = env["PASSCODED_SECRET"]
	}
}

// end waits for the program's exit status.
func (p *program) end(t *testing.T) int {
	t.Helper()
	select {
	case status := <-p.ended:
		return status
	case <-time.After(patience):
		t.Fatalf("the program does not end:\n%s", p.stderr)
		return 0
	}
}

// A reply is what the tests look at of an answer.
type reply struct {
	StatusCode   int    `json:"status_code"`
	ErrorType    string `json:"error_type"`
	UserID       string `json:"user_id"`
	UserCreated  bool   `json:"user_created"`
	PhoneID      string `json:"phone_id"`
	EmailID      string `json:"email_id"`
	SessionToken string `json:"session_token"`
	SessionJWT   string `json:"session_jwt"`
}

func (r reply) methodID() string { return cmp.Or(r.PhoneID, r.EmailID) }

// post sends a request and wants an answer with this status.
func (p *program) post(t *testing.T, want int, path, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(p.project.projectID, p.project.secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d: %s", path, body, resp.StatusCode, want, text)
	}
	return readReply(t, text)
}

func readReply(t *testing.T, text []byte) (r reply) {
	t.Helper()
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("answer %q: %v", text, err)
	}
	return r
}

// authenticate enters a code and wants this status.
func (p *program) authenticate(t *testing.T, want int, methodID, code string) reply {
	t.Helper()
	return p.post(t, want, "/v1/otps/authenticate", `{"method_id": "`+methodID+`", "code": "`+code+`"}`)
}

// outbox returns the messages sent so far.
func (p *program) outbox(t *testing.T) (letters []letter) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		var l letter
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("outbox line %q: %v", line, err)
		}
		letters = append(letters, l)
	}
	return letters
}

// code returns the code of the newest message.
func (p *program) code(t *testing.T) string {
	t.Helper()
	letters := p.outbox(t)
	if len(letters) == 0 {
		t.Fatal("the outbox is empty")
	}
	return letters[len(letters)-1].Code
}

// another returns a code of the same form that is not this one.
func another(code string) string {
	last := (code[len(code)-1]-'0'+1)%10 + '0'
	return code[:len(code)-1] + string(last)
}
