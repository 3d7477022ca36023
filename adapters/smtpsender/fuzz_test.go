package smtpsender

import (
	"bytes"
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// A tape is a connection to a server that says what it says whatever it is
// told.
type tape struct {
	net.Conn // nil: nothing else is called
	says     *bytes.Reader
	told     bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error)  { return t.says.Read(p) }
func (t *tape) Write(p []byte) (int, error) { return t.told.Write(p) }
func (t *tape) Close() error                { return nil }
func (t *tape) SetDeadline(time.Time) error { return nil }

// Whatever a server says, the outcome is one of those promised, and fits what
// was sent.
func FuzzServer(f *testing.F) {
	const start = "220 hi\r\n250-hi\r\n250 AUTH SCRAM-SHA-256 CRAM-MD5\r\n"
	f.Add(false, []byte(start+"250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"))
	f.Add(false, []byte(start+"250 ok\r\n550 5.1.1 jane.roe@recipient.example 917364\r\n"))
	f.Add(false, []byte(start+"250 ok\r\n250 ok\r\n354 go\r\n4"))
	f.Add(false, []byte(start+"250 ok\r\n250 ok\r\n354 go\r\n550-5.7.1 a\r\nb\r\n550 c\r\n"))
	f.Add(true, []byte(start+"334 \r\n334 cj0=\r\n334 dj0=\r\n235 ok\r\n250 ok\r\n"))
	f.Add(true, []byte("220 hi\r\n250-hi\r\n250 AUTH CRAM-MD5\r\n334 PGE+\r\n235 ok\r\n250 ok\r\n250 ok\r\n354\r\n250\r\n"))
	f.Add(true, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, login bool, says []byte) {
		c := &tape{says: bytes.NewReader(says)}
		cfg := plaintext("")
		if login {
			cfg.Username, cfg.Password = testUser, delivery.NewSecret(testPassword)
		}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return c, nil }
		_, err := newSender(t, cfg).Send(t.Context(), testMessage())
		complete := strings.Contains(c.told.String(), "\r\n.\r\n")
		var e *delivery.Error
		switch {
		case err == nil && !complete:
			t.Fatal("sent without a dot")
		case err == nil:
			return
		case !errors.As(err, &e):
			t.Fatalf("a %T: %v", err, err)
		}
		answered := regexp.MustCompile(`^end of message: [45]\d\d`).MatchString(e.Reason)
		if want := complete && !answered; (e.Kind == delivery.Ambiguous) != want {
			t.Fatalf("%v, complete %t, answered %t", e, complete, answered)
		}
		if len(e.Reason) > 512 || strings.ContainsFunc(e.Reason, func(r rune) bool { return !unicode.IsPrint(r) }) ||
			strings.Contains(e.Reason, testTo) || strings.Contains(e.Reason, testPassword) {
			t.Fatalf("the reason is %q", e.Reason)
		}
	})
}

// Whatever a message holds, it is refused or makes a letter with our headers
// and no others, which says what it is to say.
func FuzzCompose(f *testing.F) {
	f.Add("id", "jane@example.com", "Your code", "Your code is 123456.\n\nIgnore it.", "123456", "en")
	f.Add("a\r\nb", "a@b.example", "=?utf-8?q?=0D=0ABcc:_x?=", "\r\n.\r\n", "<b>", "\"><script>")
	f.Add("", "a@xn--bcher-kva.example", "é\u2028", ".\nFrom a", "", "pt-br")
	f.Add(strings.Repeat("x", 70), "x@y.example", strings.Repeat("é ", 90), "a\rb\x00", "1", "")
	s, err := New(plaintext(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, to, subject, body, code, locale string) {
		l, fault := s.compose(delivery.Message{
			ID: id, Channel: delivery.Email, To: delivery.NewAddress(to), Code: delivery.NewSecret(code),
			Subject: subject, Body: delivery.NewSecret(body), Locale: locale,
		})
		if fault != nil {
			return
		}
		if fault := wireFault(l.text); fault != "" {
			t.Fatal(fault)
		}
		p, err := parse(string(l.text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, l.text)
		}
		if len(p.header) != 9 || p.header.Get("To") != "<"+to+">" {
			t.Fatalf("headers: %q", p.header)
		}
		if got, err := decoder.DecodeHeader(p.header.Get("Subject")); err != nil || !strings.Contains(subject, "=?") && unspaced(got) != unspaced(subject) {
			t.Fatalf("subject %q arrives as %q, %v", subject, got, err)
		}
		if plain := strings.NewReplacer("\r\n", "\n", "\r", "\n"); utf8.ValidString(body) && p.text != plain.Replace(body) {
			t.Fatalf("text %q arrives as %q", body, p.text)
		}
		if strings.Contains(p.html, "<script") || strings.Contains(p.html, "<b>") {
			t.Fatalf("the page is %s", p.html)
		}
	})
}

// unspaced leaves spaces out: folding may add to them or take of them.
func unspaced(s string) string { return strings.ReplaceAll(s, " ", "") }
