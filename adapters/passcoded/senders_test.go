package main

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// answering starts a provider that answers every request so, and returns its
// URL and what it was sent last.
func answering(t *testing.T, kind, body string, status int) (address string, got func() string) {
	t.Helper()
	requests := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent, err := url.QueryUnescape(string(text))
		if err != nil {
			sent = string(text)
		}
		requests <- sent
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() string { return <-requests }
}

// mailing starts a mail server that takes everything, and returns its port and
// the letter that it got last. With a name of a file it speaks TLS, and its
// authority is in there.
func mailing(t *testing.T, authority string) (port int, got func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if authority != "" {
		s := httptest.NewUnstartedServer(nil) // has a certificate for 127.0.0.1
		s.StartTLS()
		defer s.Close()
		l = tls.NewListener(l, &tls.Config{Certificates: s.TLS.Certificates})
		write(t, authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
	}
	t.Cleanup(func() { l.Close() })
	letters := make(chan string, 10)
	serve := func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		fmt.Fprint(c, "220 mail.example.com\r\n")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch verb := strings.ToUpper(strings.TrimSpace(line)); {
			case strings.HasPrefix(verb, "EHLO"):
				fmt.Fprint(c, "250-mail.example.com\r\n250 8BITMIME\r\n")
			case verb == "DATA":
				fmt.Fprint(c, "354 go on\r\n")
				var letter strings.Builder
				for line != ".\r\n" {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
					letter.WriteString(line)
				}
				letters <- letter.String()
				fmt.Fprint(c, "250 taken\r\n")
			case verb == "QUIT":
				fmt.Fprint(c, "221 bye\r\n")
				return
			default:
				fmt.Fprint(c, "250 yes\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, func() string { return <-letters }
}

// TestEverySender sends a code through each kind of provider, by nothing but
// the configuration file.
func TestEverySender(t *testing.T) {
	t.Parallel()
	const hex = "0123456789abcdef0123456789abcdef"
	twilio, ofTwilio := answering(t, "application/json", `{"sid": "SM`+hex+`", "status": "queued", "error_code": null}`, 201)
	meta, ofMeta := answering(t, "application/json", `{"messaging_product": "whatsapp", "contacts": [{"input": "12025550162", "wa_id": "12025550162"}], "messages": [{"id": "wamid.HBgL", "message_status": "accepted"}]}`, 200)
	aws, ofAWS := answering(t, "application/x-amz-json-1.0", `{"MessageId": "aws-1"}`, 200)
	own, ofOwn := answering(t, "application/json", `{"provider": "own", "id": "own-1"}`, 200)
	port, ofMail := mailing(t, "")
	path := filepath.Join(t.TempDir(), "passcoded.toml")
	write(t, path, fmt.Appendf(nil, `
[providers.twilio.twilio]
account_sid = "AC%s"
secret = "env:SECRET"
base_url = %q
sms = { from = "+12025550100" }

[providers.meta.whatsapp]
phone_number_id = "105500000000000"
token = "env:SECRET"
base_url = %q
templates = { default = { name = "login_code" } }

[providers.aws.sns]
region = "us-east-1"
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_key = "env:SECRET"
endpoint = %q
unsafe_plaintext = true

[providers.own.webhook]
url = %q
keys = ["env:WEBHOOK_KEY"]

[providers.mail.smtp]
host = "127.0.0.1"
port = %d
unsafe_plaintext = true
from = "Example <codes@example.com>"

[providers.print.console]

[channels.sms]
providers = ["print"]
[channels.whatsapp]
providers = ["meta"]
[channels.email]
providers = ["mail"]
[[channels.sms.routes]]
locales = ["es"]
providers = ["twilio"]
[[channels.sms.routes]]
locales = ["fr"]
providers = ["aws"]
[[channels.sms.routes]]
locales = ["nl"]
providers = ["own"]
`, hex, twilio, meta, aws, own, port), 0o600)
	env := map[string]string{"SECRET": "correct-horse-battery-staple", "WEBHOOK_KEY": webhookKey}
	for _, c := range []struct {
		channel, to, locale, provider string
		sent                          func() string
	}{
		{"sms", "+12025550162", "es", "twilio", ofTwilio},
		{"sms", "+12025550162", "fr", "aws", ofAWS},
		{"sms", "+12025550162", "nl", "own", ofOwn},
		{"whatsapp", "+12025550162", "en", "meta", ofMeta},
		{"email", "somebody@example.com", "en", "mail", ofMail},
		{"sms", "+12025550162", "en", "console", nil},
	} {
		stdout, stderr := newOutput(), newOutput()
		args := []string{"send-test", "-config", path, "-channel", c.channel, "-to", c.to, "-locale", c.locale}
		if status := run(t.Context(), args, lookup(env), stdout, stderr); status != 0 {
			t.Errorf("%s: exit status %d: %s", c.provider, status, stderr)
			continue
		}
		if !strings.Contains(stdout.String(), c.provider+" took the message") {
			t.Errorf("%s: %s", c.provider, stdout)
		}
		text := stdout.String()
		if c.sent != nil {
			text = c.sent()
		}
		if !regexp.MustCompile(`\b[0-9]{6}\b`).MatchString(text) {
			t.Errorf("%s was sent no code: %s", c.provider, text)
		}
		for _, secret := range env {
			if strings.Contains(stdout.String()+stderr.String(), secret) {
				t.Errorf("%s: a secret is printed: %s%s", c.provider, stdout, stderr)
			}
		}
	}
}

// TestCredentialsOfTheMachine has no keys in the file: those of the environment
// sign, as AWS's own programs do it, and nobody is asked for any before a
// message is sent.
func TestCredentialsOfTheMachine(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	asked := make(chan string, 100)
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.WriteHeader(http.StatusNotFound)
	}))
	defer machine.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.URL)
	signed := make(chan string, 10)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, `{"MessageId": "aws-1"}`)
	}))
	defer aws.Close()
	path := filepath.Join(t.TempDir(), "passcoded.toml")
	write(t, path, fmt.Appendf(nil, `
[providers.aws.sns]
region = "eu-central-1"
endpoint = %q
unsafe_plaintext = true
[channels.sms]
providers = ["aws"]
`, aws.URL), 0o600)
	stdout, stderr := newOutput(), newOutput()
	if status := run(t.Context(), []string{"check-config", "-config", path}, lookup(nil), stdout, stderr); status != 0 || len(asked) > 0 {
		t.Errorf("exit status %d, the machine was asked %d times: %s", status, len(asked), stderr)
	}
	send := []string{"send-test", "-config", path, "-channel", "sms", "-to", "+12025550162"}
	if status := run(t.Context(), send, lookup(nil), stdout, stderr); status != 1 || len(signed) > 0 || len(asked) == 0 {
		t.Errorf("without credentials: exit status %d, %s", status, stdout)
	}
	wantText(t, stderr.String(), "nobody took the message")

	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "correct-horse-battery-staple")
	if status := run(t.Context(), send, lookup(nil), stdout, stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	if got := <-signed; !strings.Contains(got, "Credential=AKIAIOSFODNN7EXAMPLE/") || !strings.Contains(got, "/eu-central-1/") {
		t.Errorf("signed by %s", got)
	}
}
