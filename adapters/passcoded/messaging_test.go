package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/webhooksender"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/receipts"
)

const webhookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func webhookKeys(t *testing.T) webhooksender.Keys {
	t.Helper()
	keys, err := webhooksender.ParseKeys(delivery.NewSecret(webhookKey))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A carrier is an operator's own service, behind webhooksender: it answers as
// it is told and remembers what it was given.
type carrier struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivery.Message
	answer func(delivery.Message) error
}

func newCarrier(t *testing.T, name string) *carrier {
	t.Helper()
	c := new(carrier)
	receiver, err := webhooksender.NewReceiver(webhooksender.ReceiverConfig{Keys: webhookKeys(t), Sender: delivery.SenderFunc(
		func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.answer != nil {
				if err := c.answer(m); err != nil {
					return delivery.Receipt{}, err
				}
			}
			c.got = append(c.got, m)
			return delivery.Receipt{Provider: name, ID: fmt.Sprintf("%s-%d", name, len(c.got))}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(receiver)
	t.Cleanup(c.Close)
	return c
}

func (c *carrier) answers(f func(delivery.Message) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

// messages returns what the carrier has taken.
func (c *carrier) messages() []delivery.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]delivery.Message(nil), c.got...)
}

// configured writes a file for two carriers and returns its path and the
// environment that it refers to.
func configured(t *testing.T, one, two *carrier, more string) (path string, env map[string]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "passcoded.toml")
	write(t, path, fmt.Appendf(nil, `
[callbacks]
url = "https://codes.example.com"

[providers.one.webhook]
url = %q
keys = ["env:WEBHOOK_KEY"]
report_keys = ["env:WEBHOOK_KEY"]

[providers.two]
timeout = "2s"

[providers.two.webhook]
url = %q
keys = ["env:WEBHOOK_KEY"]

[channels.sms]
providers = ["one", "two"]
%s`, one.URL, two.URL, more), 0o600)
	return path, map[string]string{"WEBHOOK_KEY": webhookKey}
}

// look returns the status and the body of an operator's page.
func (p *program) look(t *testing.T, path string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(p.project.projectID, p.project.secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil && json.Unmarshal(text, into) != nil {
		t.Fatalf("%s: %s", path, text)
	}
	return resp.StatusCode
}

// report tells the program what became of a message, as the carrier would.
func (p *program) report(t *testing.T, want int, key, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/callbacks/one", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := webhooksender.ParseKeys(delivery.NewSecret(key))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	keys.Sign(req.Header, "report", time.Now(), []byte(body))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		t.Fatalf("report %s: status %d, want %d", body, resp.StatusCode, want)
	}
}

// TestProviders sends through two providers: the second takes what the first
// does not, and the operator sees who took what and what became of it.
func TestProviders(t *testing.T) {
	t.Parallel()
	one, two := newCarrier(t, "one"), newCarrier(t, "two")
	path, env := configured(t, one, two, `
[channels.email]
providers = ["two"]
`)
	p := launch(t, t.TempDir(), env, "-config", path)
	var codes []string
	send := func(from *carrier, number string) (reply, delivery.Message) {
		t.Helper()
		sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "`+number+`"}`)
		got := from.messages()
		if len(got) == 0 {
			t.Fatalf("nothing was taken:\n%s", p.stderr)
		}
		m := got[len(got)-1]
		codes = append(codes, m.Code.Reveal())
		return sent, m
	}
	sent, m := send(one, "+12025550162")
	p.authenticate(t, 200, sent.PhoneID, m.Code.Reveal())
	var record receipts.Record
	if status := p.look(t, "/messages/"+m.ID, &record); status != 200 || record.State != receipts.Taken || record.Provider != "one" || record.ID != "one-1" {
		t.Errorf("%d, %+v", status, record)
	}
	p.report(t, 403, "whsec_"+strings.Repeat("AAAA", 8), `{"message": "`+m.ID+`", "status": "delivered"}`)
	p.report(t, 200, webhookKey, `{"message": "`+m.ID+`", "status": "delivered"}`)
	if p.look(t, "/messages/"+m.ID, &record); record.State != receipts.Delivered {
		t.Errorf("%+v", record)
	}
	if status := p.look(t, "/messages/"+m.ID+"x", nil); status != 404 {
		t.Errorf("an unknown message: %d", status)
	}

	one.answers(func(delivery.Message) error {
		return &delivery.Error{Kind: delivery.Configuration, Reason: "key expired"}
	})
	sent, m = send(two, "+12025550163")
	p.authenticate(t, 200, sent.PhoneID, m.Code.Reveal())
	p.stderr.await(t, `level=ERROR msg=provider event=misconfigured provider=one`)
	var lines []healthLine
	if status := p.look(t, "/providers", &lines); status != 200 || len(lines) != 2 || lines[0].Circuit != "open" || lines[0].Kind != "configuration" || lines[1].Circuit != "closed" {
		t.Errorf("%d, %+v", status, lines)
	}
	two.answers(func(delivery.Message) error {
		return &delivery.Error{Kind: delivery.Rejected, Reason: "no such number"}
	})
	if r := p.post(t, 400, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550164"}`); r.ErrorType != "downstream_carrier_error" {
		t.Errorf("%+v", r)
	}
	p.post(t, 400, "/v1/otps/whatsapp/login_or_create", `{"phone_number": "+12025550162"}`) // no such channel

	// Who is not the operator sees nothing.
	p.project.secret += "x"
	for _, path := range []string{"/providers", "/messages/" + m.ID} {
		if status := p.look(t, path, nil); status != 401 {
			t.Errorf("%s with a wrong secret: %d", path, status)
		}
	}
	// Without what is random and so may look like a code.
	printed := p.stdout.String() + regexp.MustCompile(`(time|took|until|duration|request_id|subject|message)=\S+`).ReplaceAllString(p.stderr.String(), "")
	for _, secret := range append(codes, webhookKey, "+12025550163", "+12025550164") {
		if strings.Contains(strings.ReplaceAll(printed, `{"phone_number": "+12025550163"}`, ""), secret) {
			t.Errorf("%q is printed:\n%s", secret, printed)
		}
	}
}

// TestFallback lets codes go by SMS that do not arrive by WhatsApp: the same
// code, whatever the reason.
func TestFallback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, after string }{
		{"rejected", ""},
		{"reported", ""}, // as Meta does for numbers that are not on WhatsApp
		{"reported", "9m"},
		{"silent", "100ms"},
		{"delivered", ""},
	} {
		t.Run(c.name+c.after, func(t *testing.T) {
			t.Parallel()
			one, two := newCarrier(t, "one"), newCarrier(t, "two")
			path, env := configured(t, one, two, `
[channels.whatsapp]
providers = ["one"]
fallback = "sms"
`)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			content = bytes.Replace(content, []byte(`providers = ["one", "two"]`), []byte(`providers = ["two"]`), 1)
			if c.after != "" {
				content = fmt.Appendf(content, "fallback_after = %q\n", c.after)
			}
			write(t, path, content, 0o600)
			p := launch(t, t.TempDir(), env, "-config", path)
			if c.name == "rejected" {
				one.answers(func(delivery.Message) error {
					return &delivery.Error{Kind: delivery.Rejected, Reason: "not on WhatsApp"}
				})
			}
			sent := p.post(t, 200, "/v1/otps/whatsapp/login_or_create", `{"phone_number": "+12025550162"}`)
			report := func(status string) {
				first := one.messages()
				p.report(t, 200, webhookKey, `{"message": "`+first[len(first)-1].ID+`", "status": "`+status+`", "kind": "rejected", "reason": "131026"}`)
			}
			switch c.name {
			case "reported":
				report("failed")
			case "delivered":
				report("delivered")
				report("failed")
				// Another one falls back, so that this one has had its time.
				p.post(t, 200, "/v1/otps/whatsapp/login_or_create", `{"phone_number": "+12025550163"}`)
				report("failed")
			}
			p.stderr.await(t, `event=fell_back .*channel=sms`)
			p.stderr.await(t, `event=sent .*channel=sms`)
			if c.name != "delivered" {
				p.authenticate(t, 200, sent.PhoneID, two.messages()[0].Code.Reveal())
			}
			p.cancel()
			if status := p.end(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			got := two.messages()
			if len(got) != 1 || got[0].Channel != delivery.SMS || c.name == "delivered" && got[0].To.Reveal() != "+12025550163" {
				t.Fatalf("%d messages by SMS", len(got))
			}
			if first := one.messages(); c.name != "rejected" && first[len(first)-1].Code.Reveal() != got[0].Code.Reveal() {
				t.Error("another code was sent by SMS")
			}
		})
	}
}

func TestSendTest(t *testing.T) {
	t.Parallel()
	one, two := newCarrier(t, "one"), newCarrier(t, "two")
	path, env := configured(t, one, two, "")
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		stdout, stderr := newOutput(), newOutput()
		if status := run(t.Context(), args, lookup(env), stdout, stderr); status != want {
			t.Fatalf("%q: exit status %d, want %d: %s", args, status, want, stderr)
		}
		return stdout.String(), stderr.String()
	}
	stdout, _ := run(0, "send-test", "-config", path, "-channel", "sms", "-to", "+12025550162", "-locale", "es")
	got := one.messages()
	if len(got) != 1 || got[0].Locale != "es" || !strings.Contains(stdout, `one took the message to +•••62 as "one-1"`) {
		t.Errorf("%d messages; %s", len(got), stdout)
	}
	if strings.Contains(stdout, got[0].Code.Reveal()) {
		t.Errorf("the code is printed: %s", stdout)
	}
	refused := func(m delivery.Message) error {
		return &delivery.Error{Kind: delivery.Temporary, Reason: "down: " + m.Code.Reveal()}
	}
	one.answers(refused)
	two.answers(func(delivery.Message) error { return &delivery.Error{Kind: delivery.Throttled, Reason: "slow down"} })
	_, stderr := run(1, "send-test", "-config", path, "-channel", "sms", "-to", "+12025550162")
	for _, want := range []string{"nobody took", "one", "down: [redacted]", "two", "slow down"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
	run(1, "send-test", "-config", path, "-channel", "sms", "-to", "+4670174060599")
	run(1, "send-test", "-config", path, "-channel", "email", "-to", "a@example.com")
	run(2, "send-test", "-config", path, "-channel", "sms")
	run(2, "send-test", "-channel", "sms", "-to", "+12025550162")
	run(2, "-to", "+12025550162")
}

// TestSplit has one share of a split be down: the heaviest of the others takes
// its messages.
func TestSplit(t *testing.T) {
	t.Parallel()
	one, two, three := newCarrier(t, "one"), newCarrier(t, "two"), newCarrier(t, "zed")
	path, env := configured(t, one, two, fmt.Sprintf(`
[[channels.sms.routes]]
regions = ["US"]
split = { one = 1000000, two = 1, zed = 2 }
[providers.zed.webhook]
url = %q
keys = ["env:WEBHOOK_KEY"]
`, three.URL))
	one.Close()
	stdout, stderr := newOutput(), newOutput()
	if status := run(t.Context(), []string{"send-test", "-config", path, "-channel", "sms", "-to", "+12025550162"}, lookup(env), stdout, stderr); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	wantText(t, stdout.String(), "zed took the message")
}

// TestDeadlines has a provider be slow: a try has the time that its provider
// has, and all of them together that of the channel.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ provider, channel, want string }{
		{"50ms", "10s", "may be on its way"},
		{"14s", "14s", "one took the message"},
	} {
		one, two := newCarrier(t, "one"), newCarrier(t, "two")
		path, env := configured(t, one, two, fmt.Sprintf("timeout = %q\n[providers.one]\ntimeout = %q\n", c.channel, c.provider))
		one.answers(func(delivery.Message) error {
			<-time.After(500 * time.Millisecond)
			return nil
		})
		stdout, stderr := newOutput(), newOutput()
		if status := run(t.Context(), []string{"send-test", "-config", path, "-channel", "sms", "-to", "+12025550162"}, lookup(env), stdout, stderr); status != 0 {
			t.Errorf("exit status %d: %s", status, stderr)
		}
		wantText(t, stdout.String(), c.want)
	}
}

// TestReportedMisconfiguration has a provider report that the account is at
// fault: that wakes somebody like an answer that says so.
func TestReportedMisconfiguration(t *testing.T) {
	t.Parallel()
	one, two := newCarrier(t, "one"), newCarrier(t, "two")
	path, env := configured(t, one, two, "")
	p := launch(t, t.TempDir(), env, "-config", path)
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	id := one.messages()[0].ID
	p.report(t, 200, webhookKey, `{"message": "`+id+`", "status": "failed", "kind": "configuration", "reason": "sender not registered"}`)
	p.stderr.await(t, `level=ERROR msg=provider event=misconfigured provider=one message=`+id+` channel=sms error=".*sender not registered"`)
	p.stderr.await(t, `level=INFO msg=message message=`+id+` state=failed provider=one`)

	// What another provider says of it is in the log, and nowhere else.
	p.report(t, 200, webhookKey, `{"message": "`+id+`", "provider": "three", "id": "3", "status": "delivered"}`)
	p.stderr.await(t, `level=INFO msg=report provider=three id=3 message=`+id+` status=delivered`)
	var record receipts.Record
	if p.look(t, "/messages/"+id, &record); record.State != receipts.Failed || record.Provider != "one" {
		t.Errorf("%+v", record)
	}
}

// TestOwnPages sends an operator's own HTML, to a server whose certificate is of
// the operator's own authority.
func TestOwnPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "texts"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "texts", "email.html"), []byte("<p>{{.App}}: <b>{{.Code}}</b> in {{.Locale}}</p>"), 0o600)
	port, ofMail := mailing(t, filepath.Join(dir, "ca.pem"))
	path := filepath.Join(dir, "passcoded.toml")
	send := func(want int, more string) string {
		t.Helper()
		write(t, path, fmt.Appendf(nil, `
[providers.mail.smtp]
host = "127.0.0.1"
port = %d
implicit_tls = true
from = "codes@example.com"
%s
[channels.email]
providers = ["mail"]
[texts]
directory = "texts"
`, port, more), 0o600)
		stderr := newOutput()
		args := []string{"send-test", "-config", path, "-channel", "email", "-to", "somebody@example.com", "-locale", "es", "-app", "A & B"}
		if status := run(t.Context(), args, lookup(nil), newOutput(), stderr); status != want {
			t.Errorf("exit status %d: %s", status, stderr)
		}
		return stderr.String()
	}
	wantText(t, send(1, ""), "certificate")
	send(0, `ca_file = "ca.pem"`)
	letter := ofMail()
	if !regexp.MustCompile(`<p>A &amp; B: <b>[0-9]{6}</b> in es</p>`).MatchString(letter) || !strings.Contains(letter, "text/plain") {
		t.Errorf("%s", letter)
	}
}

// TestOwnTexts sends an operator's own words.
func TestOwnTexts(t *testing.T) {
	t.Parallel()
	one, two := newCarrier(t, "one"), newCarrier(t, "two")
	path, env := configured(t, one, two, "[texts]\ndirectory = \"texts\"\n")
	dir := filepath.Join(filepath.Dir(path), "texts")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sms.txt"), []byte("{{.Code}} is for {{.App}}\n"), 0o600)
	p := launch(t, t.TempDir(), env, "-config", path, "-app", "Acme", "-origin", "example.com")
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	m := one.messages()[0]
	if want := m.Code.Reveal() + " is for Acme\n@example.com #" + m.Code.Reveal(); m.Body.Reveal() != want {
		t.Errorf("%q, want %q", m.Body.Reveal(), want)
	}
	write(t, filepath.Join(dir, "sms.txt"), []byte("{{.Code}} {{.Code}}\n"), 0o600)
	line := newOutput()
	if status := run(t.Context(), []string{"check-config", "-config", path}, lookup(env), newOutput(), line); status != 1 {
		t.Errorf("exit status %d", status)
	}
	wantText(t, line.String(), "texts.directory", "sms.txt", "the code 2 times")
}
