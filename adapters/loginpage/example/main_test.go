package main

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// Somebody signs in by a phone, pays, and is asked for an e-mail address first.
func TestExample(t *testing.T) {
	t.Parallel()
	inbox := deliverytest.New()
	handler, err := newHandler(inbox)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	var visit func(method, path string, fields ...string) (at, page string)
	visit = func(method, path string, fields ...string) (at, page string) {
		t.Helper()
		form := make(url.Values)
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		answer, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(answer.Body); err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]+)"`).FindStringSubmatch(body.String()); m != nil {
			return visit(http.MethodGet, m[1])
		}
		return answer.Request.URL.Path, body.String()
	}
	enter := func(page, address string) (at, next string) {
		t.Helper()
		message, ok := inbox.Last(address)
		flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)
		if !ok || flow == nil {
			t.Fatalf("no message to %s, or no form:\n%s", address, page)
		}
		return visit(http.MethodPost, "/login/code", "flow", flow[1], "code", message.Code.Reveal())
	}

	if at, _ := visit(http.MethodGet, "/"); at != "/login/" {
		t.Fatalf("led to %s", at)
	}
	_, page := visit(http.MethodPost, "/login/", "via", "sms", "country", "US", "phone", "202 555 0162", "return_to", "/")
	// A browser offers the code that this line is about.
	if m, _ := inbox.Last("+12025550162"); !strings.HasSuffix(m.Body.Reveal(), "\n@example.com #"+m.Code.Reveal()) {
		t.Errorf("the message ends otherwise: %q", m.Body.Reveal())
	}
	if at, page := enter(page, "+12025550162"); at != "/" || !strings.Contains(page, "by 1 factors") {
		t.Fatalf("%s: %s", at, page)
	}
	if at, page := visit(http.MethodGet, "/pay"); at != "/login/factor" {
		t.Fatalf("%s: %s", at, page)
	}
	_, page = visit(http.MethodPost, "/login/add", "via", "email", "email", "ada@example.com", "return_to", "/pay")
	if at, page := enter(page, "ada@example.com"); at != "/pay" || !strings.Contains(page, "by 2 factors") {
		t.Fatalf("%s: %s", at, page)
	}
}

// It is small.
func TestLength(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n >= 80 {
		t.Errorf("%d lines", n)
	}
}
