package smtpsender

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// secrets are what the tests send and log in with, in the forms in which they
// go over the wire.
func secrets() []string {
	b64 := base64.StdEncoding.EncodeToString
	return []string{
		testCode, testTo, strings.Split(testTo, "@")[0], testPassword, testToken,
		b64([]byte(testPassword)), b64([]byte("\x00" + testUser + "\x00" + testPassword)),
		b64([]byte("user=" + testUser + "\x01auth=Bearer " + testToken + "\x01\x01")),
	}
}

// TestMain looks for secrets in whatever the tests, the sender and its
// libraries print while all is well.
func TestMain(m *testing.M) {
	out := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout, os.Stderr = w, w
	log.SetOutput(w)
	slog.SetDefault(slog.New(slog.NewTextHandler(w, nil)))
	var printed bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.MultiWriter(out, &printed), r)
	}()
	code := m.Run()
	w.Close()
	<-done
	if code == 0 {
		for _, secret := range secrets() {
			if strings.Contains(printed.String(), secret) {
				fmt.Fprintf(out, "the output shows %q\n", secret)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// A server that answers everything with all that it has been told, in every
// way of putting it, learns our secrets but does not get them into an error.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	echoes := map[string]func(string) string{
		"as it came": func(seen string) string { return strings.ReplaceAll(seen, "\n", " ") },
		"decoded":    unbase64All,
		"quoted":     func(seen string) string { return fmt.Sprintf("%q", seen) },
		"shouted":    func(seen string) string { return strings.ToUpper(strings.ReplaceAll(seen, "\n", " ")) },
		"spelled": func(seen string) string {
			return strings.Join(strings.Split(strings.Join(strings.Fields(seen), " "), ""), " ")
		},
		"in lines": nil,
	}
	said := 0
	for _, login := range []string{"PLAIN", "LOGIN", "XOAUTH2", "CRAM-MD5"} {
		for _, at := range []string{"STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "dot"} {
			for name, echo := range echoes {
				for _, code := range []string{"550", "HTTP/1.1 400"} {
					do := func(c *puppetConn) bool {
						if login == "LOGIN" && at == "AUTH" {
							for range 2 {
								say("334 VXNlcg==")(c)
								line, _ := c.text.ReadLine()
								c.seen += line + "\n"
							}
						}
						if echo != nil {
							return say(code + " " + echo(c.seen))(c)
						}
						lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(c.seen, "\r", "")), "\n")
						for i, line := range lines {
							lines[i] = code + "-" + line
						}
						return say(append(lines, code+" end")...)(c)
					}
					p := &puppet{tls: serverTLS(), auth: login, do: map[string]action{at: do}}
					if login == "LOGIN" && at != "AUTH" {
						p.do["AUTH"] = verifier
					}
					cfg := config(p.start(t).addr)
					if login == "XOAUTH2" {
						cfg.Password = delivery.Secret{}
						cfg.Token = func(context.Context) (delivery.Secret, error) { return delivery.NewSecret(testToken), nil }
					}
					s := newSender(t, cfg)
					_, err := s.Send(t.Context(), testMessage())
					if err == nil {
						t.Fatalf("%s, %s: no error", at, code)
					}
					said += len(err.Error())
					seeNoSecret(t, fmt.Sprintf("%s, %s at %s, %s", login, code, at, name), err)
					s.Close()
				}
			}
		}
	}
	if said < 10_000 {
		t.Errorf("the errors have %d bytes in all: they are empty", said)
	}
}

// unbase64All decodes what can be decoded.
func unbase64All(seen string) string {
	words := strings.Fields(seen)
	for i, word := range words {
		if b, err := base64.StdEncoding.DecodeString(word); err == nil && len(b) > 5 {
			words[i] = strings.Map(func(r rune) rune { return max(r, ' ') }, string(b))
		}
	}
	return strings.Join(words, " ")
}

// seeNoSecret looks for secrets in every way of printing an error and what it
// wraps.
func seeNoSecret(t *testing.T, where string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		encoded, _ := json.Marshal(err)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Error("send", "err", err)
		text := fmt.Sprintf("%v %+v %#v %q %s %s", err, err, err, err, encoded, &logged)
		for _, secret := range secrets() {
			if strings.Contains(squeeze(text), squeeze(secret)) {
				t.Errorf("%s: the error shows %q: %v", where, secret, err)
			}
		}
	}
}
