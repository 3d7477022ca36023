package main

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestQuickStart pastes what the banner shows into a shell, in order.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skip("no shell to paste into")
		}
		curl := func(t *testing.T, p *program, pasted string) []byte {
			if _, err := exec.LookPath("curl"); err != nil {
				t.Skip("no curl")
			}
			cmd := exec.CommandContext(t.Context(), sh, "-c", pasted)
			text, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", pasted, err)
			}
			return text
		}
		for name, paste := range map[string]func(*testing.T, *program, string) []byte{"curl": curl, "no curl": withoutCurl(sh)} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := launch(t, t.TempDir(), nil, where()...)
				commands := pasteable(p.stdout.String())
				if len(commands) != len(steps) {
					t.Fatalf("%d commands in the banner, want %d:\n%s", len(commands), len(steps), p.stdout)
				}
				try := func(want int, command string) reply {
					t.Helper()
					r := readReply(t, paste(t, p, command))
					if r.StatusCode != want {
						t.Fatalf("%s: %+v", command, r)
					}
					return r
				}
				login, check, create, send, session := commands[0], commands[1], commands[2], commands[3], commands[4]
				code := func(to string) string {
					return p.stdout.await(t, `^sms to \`+to+`: code ([0-9]{6}) for login, expires in 2m0s\n`)[1]
				}

				sent := try(200, login)
				if !sent.UserCreated || sent.PhoneID == "" {
					t.Errorf("login_or_create: %+v", sent)
				}
				check1 := strings.NewReplacer("PHONE_ID", sent.PhoneID, "CODE", code("+12025550162")).Replace(check)
				if r := try(200, check1); r.UserID != sent.UserID {
					t.Errorf("authenticate: user %q, want %q", r.UserID, sent.UserID)
				}
				try(401, check1)

				made := try(201, create)
				if r := try(200, send); r.PhoneID != made.PhoneID {
					t.Errorf("send: phone %q, want %q", r.PhoneID, made.PhoneID)
				}
				begin := strings.NewReplacer("PHONE_ID", made.PhoneID, "CODE", code("+12025550163")).Replace(session)
				if r := try(200, begin); r.UserID != made.UserID || r.SessionToken == "" || r.SessionJWT == "" {
					t.Error("authenticate: another user, or no session")
				}
			})
		}
	})
}

// pasteable returns the commands of a banner.
func pasteable(banner string) []string {
	return regexp.MustCompile(`(?m)^curl (?:.*\\\n)*.*\n`).FindAllString(banner, -1)
}

// withoutCurl lets a shell take the command apart and sends the request
// itself.
func withoutCurl(sh string) func(*testing.T, *program, string) []byte {
	return func(t *testing.T, p *program, pasted string) []byte {
		cmd := exec.CommandContext(t.Context(), sh, "-c", `curl() { for word; do printf '%s\0' "$word"; done; }`+"\n"+pasted)
		words, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		arg := strings.Split(string(words), "\x00")
		if len(arg) != 11 || arg[0] != "--request" || arg[2] != "--url" || arg[4] != "-u" || arg[6] != "-H" || arg[8] != "-d" {
			t.Fatalf("words of the command: %q", arg)
		}
		req, err := http.NewRequestWithContext(t.Context(), arg[1], arg[3], strings.NewReader(arg[9]))
		if err != nil {
			t.Fatal(err)
		}
		user, password, _ := strings.Cut(arg[5], ":")
		req.SetBasicAuth(user, password)
		name, value, _ := strings.Cut(arg[7], ": ")
		req.Header.Set(name, value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

func TestBanner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ip        string
		listening string
		curl      string
		loopback  bool
	}{
		{"127.0.0.1", "http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"::1", "http://[::1]:8080", "http://[::1]:8080", true},
		{"192.0.2.7", "http://192.0.2.7:8080", "http://192.0.2.7:8080", false},
		{"2001:db8::7", "http://[2001:db8::7]:8080", "http://[2001:db8::7]:8080", false},
		{"0.0.0.0", "http://0.0.0.0:8080", "http://127.0.0.1:8080", false},
		{"::", "http://[::]:8080", "http://[::1]:8080", false},
	} {
		at := &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 8080}
		if strings.Contains(c.ip, ".") {
			at.IP = at.IP.To4()
		}
		out := newOutput()
		b := banner{at, config{db: "x.db", keys: "x.keys", users: "postgres://u:correct-horse@db.example/users"}, credentials{testID, "secret-test-it's'0123456789"}}
		if err := b.print(out); err != nil {
			t.Fatal(err)
		}
		wantText(t, out.String(), "\nlistening on "+c.listening+"\n", "--url "+c.curl+"/v1/users ",
			"-u '"+testID+`:secret-test-it'\''s'\''0123456789' `, "Database: x.db\n", "Keys:     x.keys\n", "Users:    postgres://db.example/users\n")
		if strings.Contains(out.String(), "correct-horse") {
			t.Errorf("the banner has a password:\n%s", out)
		}
		if isLoopback(at) != c.loopback {
			t.Errorf("isLoopback(%v) is %v", at, !c.loopback)
		}
	}
}
