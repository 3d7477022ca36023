package snssender

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
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// open is a provider that shows its credentials to whoever prints it.
type open struct{ Value aws.Credentials }

func (o open) Retrieve(context.Context) (aws.Credentials, error) { return o.Value, nil }

// secrets are what the tests send and sign with. Of the address, the digits.
var secrets = []string{testCode, testTo[1:], testSecret, testSession}

// TestMain looks for secrets in whatever the tests, the sender and the SDK
// print while all is well.
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
		for _, secret := range secrets {
			if strings.Contains(printed.String(), secret) {
				fmt.Fprintf(out, "the output shows %q\n", secret)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// AWS that repeats all that it is told, in its errors and around them, does
// not get any of it into ours.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	// All that the client says, on one line.
	heard := func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s ", r.Header.Get("X-Amz-Security-Token"), body) // first what must not be cut off
		r.Header.Write(&b)
		return strings.Join(strings.Fields(b.String()), " ")
	}
	echoes := map[string]func(string) string{
		"as it came": func(s string) string { return s },
		"spelled":    func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
		"twice":      func(s string) string { return s + s },
		"token only": func(s string) string { return strings.Fields(s)[0] },
		"shouted":    strings.ToUpper,
	}
	said := 0
	for name, echo := range echoes {
		for kind, answer := range map[string]func(text string) http.HandlerFunc{
			"modelled":  func(text string) http.HandlerFunc { return refuse(400, "ConflictException", `"Reason":"X"`, text) },
			"throttled": func(text string) http.HandlerFunc { return refuse(400, "ThrottlingException", "", text) },
			"reason": func(text string) http.HandlerFunc {
				return refuse(400, "ConflictException", fmt.Sprintf(`"Reason":%q`, text), "")
			},
			"field": func(text string) http.HandlerFunc {
				return refuse(400, "ValidationException", fmt.Sprintf(`"Fields":[{"Name":%q,"Message":%q}]`, text, text), "")
			},
			"signature": func(text string) http.HandlerFunc { return refuse(403, "InvalidSignatureException", "", text) },
			"code":      func(text string) http.HandlerFunc { return refuse(400, text, "", text) },
			"HTML":      func(text string) http.HandlerFunc { return reply(502, html, text) },
			"200":       func(text string) http.HandlerFunc { return reply(200, amz, text) },
			"200 JSON":  func(text string) http.HandlerFunc { return reply(200, amz, fmt.Sprintf(`{"MessageId":[%q]}`, text)) },
			"header": func(text string) http.HandlerFunc {
				return reply(400, amz, "{}", "X-Amzn-ErrorType", text, "Retry-After", text)
			},
			"not HTTP": func(text string) http.HandlerFunc {
				return hijack(func(c net.Conn) { io.WriteString(c, text+"\r\n\r\n") })
			},
		} {
			c := newCloud(t)
			c.do = func(w http.ResponseWriter, r *http.Request) { answer(echo(heard(r)))(w, r) }
			m := testMessage()
			_, err := newSender(t, c.program(), Config{}).Send(t.Context(), m)
			if err == nil {
				t.Fatalf("%s, %s: no error", kind, name)
			}
			said += len(err.Error())
			seeNoSecret(t, kind+", "+name, err)
			c.Close()
		}
	}
	if said < 3000 {
		t.Errorf("the errors have %d bytes in all: they are empty", said)
	}
}

// seeNoSecret looks for secrets in every way of printing an error and what it
// wraps.
func seeNoSecret(t *testing.T, where string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		encoded, _ := json.Marshal(err)
		text := fmt.Sprintf("%v %+v %#v %q %s", err, err, err, err, encoded)
		squeezed := strings.ReplaceAll(text, " ", "")
		for _, secret := range append(secrets, base64.StdEncoding.EncodeToString([]byte(testSecret))) {
			if strings.Contains(strings.ToLower(squeezed), strings.ToLower(secret)) {
				t.Errorf("%s: the error shows %q: %v", where, secret, err)
			}
		}
	}
}
