package callout

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

func TestReadBody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		body   io.Reader
		status int
	}{
		"largest":    {"POST", strings.NewReader("12345678"), 200},
		"empty":      {"POST", strings.NewReader(""), 200},
		"too large":  {"POST", strings.NewReader("123456789"), 413},
		"unreadable": {"POST", iotest.ErrReader(io.ErrUnexpectedEOF), 400},
		"GET":        {"GET", strings.NewReader("1"), 405},
		"PUT":        {"PUT", strings.NewReader("1"), 405},
	} {
		w := httptest.NewRecorder()
		body, ok := ReadBody(w, httptest.NewRequest(tt.method, "/", tt.body), 8)
		if w.Code != tt.status || ok != (tt.status == 200) || ok != (body != nil) {
			t.Errorf("%s: %d, %q, %t", name, w.Code, body, ok)
		}
		if w.Code == 405 && w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: does not say what is allowed", name)
		}
	}
}

// One report that was not taken does not keep the others, and the provider is
// asked for all of them again.
func TestTell(t *testing.T) {
	t.Parallel()
	var told []string
	observe := func(_ context.Context, r delivery.Report) error {
		told = append(told, r.ID)
		if r.ID == "2" {
			return errors.New("the store is down")
		}
		return nil
	}
	for ids, want := range map[string]int{"": 200, "1": 200, "13": 200, "123": 503, "2": 503} {
		told = nil
		var reports []delivery.Report
		for _, id := range ids {
			reports = append(reports, delivery.Report{ID: string(id)})
		}
		w := httptest.NewRecorder()
		Tell(w, httptest.NewRequest("POST", "/", http.NoBody), observe, reports...)
		if w.Code != want || strings.Join(told, "") != ids || strings.Contains(w.Body.String(), "store") {
			t.Errorf("%q: %d %s, told %q", ids, w.Code, w.Body, told)
		}
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code  string
		words []string
		want  string
	}{
		{"", nil, ""},
		{"30003", nil, "30003"},
		{"131026", []string{"Message undeliverable", ""}, "131026: Message undeliverable"},
		{"131026", []string{"(#131026) no", "to +1 (202) 555-0162 now"}, "131026: (#[redacted]) no: to [redacted] now"},
		{"", []string{"code 123 456, 12-34-56, ١٢٣٤٥٦ and 999"}, "code [redacted], [redacted], [redacted] and 999"},
		{"", []string{"to jane@example.com\r\nand\x00more"}, "to [redacted] and more"},
	} {
		if got := Reason(tt.code, tt.words...); got != tt.want {
			t.Errorf("Reason(%q, %q) = %q, want %q", tt.code, tt.words, got, tt.want)
		}
	}
	if got := Reason("1", strings.Repeat("é", 1000), "\xff"); len(got) > 512 || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestURLFault(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://example.com":           "",
		"https://example.com:8443/a?b":  "",
		"http://127.0.0.1:80":           "",
		"http://[::1]/":                 "",
		"http://localhost/x":            "",
		"http://localhost.example.com/": "is not https",
		"http://10.0.0.1/":              "is not https",
		"":                              "is not an absolute https URL",
		"example.com":                   "is not an absolute https URL",
		"/path":                         "is not an absolute https URL",
		"https:example.com":             "is not an absolute https URL",
		"https://:80/":                  "is not an absolute https URL",
		"ftp://example.com":             "is not an absolute https URL",
		"https://user@example.com":      "has a user or a password in it",
		"https://a:b@example.com":       "has a user or a password in it",
		"https://exa\nmple.com":         "is not a URL",
		"https://[::1":                  "is not a URL",
	} {
		if got := URLFault(raw, false); got != want {
			t.Errorf("URLFault(%q) = %q, want %q", raw, got, want)
		}
	}
	if got := URLFault("http://10.0.0.1/", true); got != "" {
		t.Errorf("with plain: %q", got)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	sid := "AC0123456789abcdefABCDEF0123456789"
	for name, tt := range map[string]struct {
		f        func(string) bool
		yes, not []string
	}{
		"IsNumber": {IsNumber, []string{"+1202555", "+12025550162", "+123456789012345"},
			[]string{"", "+", "12025550162", "+02025550162", "+120255", "+1234567890123456", "+1202555016a", "+1 2025550162", "+١٢٣٤٥٦٧٨", "whatsapp:+12025550162"}},
		"IsID":     {IsID, []string{"a", "aZ09-_", strings.Repeat("x", 128)}, []string{"", "a.b", "a b", "é", "a\n", strings.Repeat("x", 129)}},
		"IsSID":    {func(s string) bool { return IsSID(s, "AC") }, []string{sid}, []string{"", "AC", sid[1:], sid + "0", "SM" + sid[2:], sid[:33] + "g"}},
		"IsDigits": {IsDigits, []string{"0", strings.Repeat("1", 32)}, []string{"", "1a", "-1", strings.Repeat("1", 33)}},
	} {
		for _, s := range tt.yes {
			if !tt.f(s) {
				t.Errorf("%s(%q) = false", name, s)
			}
		}
		for _, s := range tt.not {
			if tt.f(s) {
				t.Errorf("%s(%q) = true", name, s)
			}
		}
	}
}
