package delivery

import (
	"strings"
	"testing"
	"time"
)

// parseOriginBound reads an SMS the way a browser does: "parse an origin-bound
// one-time code message" of the WICG's sms-one-time-codes. ok is false where
// the algorithm returns failure.
func parseOriginBound(message string) (host, code, embedded string, ok bool) {
	message = strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\r", "\n")
	line := message[strings.LastIndexByte(message, '\n')+1:]
	host, line, ok = markedToken(line, '@')
	if !ok || !strings.HasPrefix(line, " ") {
		return "", "", "", false
	}
	code, line, ok = markedToken(line[1:], '#')
	if !ok {
		return "", "", "", false
	}
	if rest, more := strings.CutPrefix(line, " "); more {
		embedded, _, _ = markedToken(rest, '%')
	}
	return host, code, embedded, true
}

// markedToken extracts what stands between marker and white space.
func markedToken(line string, marker byte) (token, rest string, ok bool) {
	if line == "" || line[0] != marker {
		return "", line, false
	}
	end := strings.IndexAny(line, "\t\n\f\r ")
	if end < 0 {
		end = len(line)
	}
	return line[1:end], line[end:], end > 1
}

// The examples of the specification, so that the reader above can be trusted.
func TestParseOriginBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		message, host, code, embedded string
	}{
		{"747723 is your code.\n\n@example.com #747723", "example.com", "747723", ""},
		{"747723 is your code.\r\n@example.com #747723 %shop.example", "example.com", "747723", "shop.example"},
		{"@example.com #747723 %shop.example $future", "example.com", "747723", "shop.example"},
		{"@example.com #747723 $future", "example.com", "747723", ""},
		{"something @example.com #747723", "", "", ""},
		{"#747723 %shop.example @example.com", "", "", ""},
		{"@example.com code #747723", "", "", ""},
		{"@example.com  #747723", "", "", ""},
		{"@example.com #747723\n", "", "", ""},
		{"@ #747723", "", "", ""},
		{"@example.com #", "", "", ""},
		{"@example.com", "", "", ""},
		{"", "", "", ""},
	} {
		host, code, embedded, ok := parseOriginBound(tt.message)
		if host != tt.host || code != tt.code || embedded != tt.embedded || ok != (tt.code != "") {
			t.Errorf("%q reads as %q, %q, %q, %t", tt.message, host, code, embedded, ok)
		}
	}
}

func TestTextsOriginBound(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"123456", "WXY34679"} {
		each(t, want, 2*time.Minute, func(name string, texts Texts, ch Channel, _, body string) {
			host, code, embedded, ok := parseOriginBound(body)
			if ch != SMS || texts.Origin == "" {
				if ok {
					t.Errorf("%s: a browser reads %q as a code of %q", name, body, host)
				}
				return
			}
			if !ok || host != texts.Origin || code != want || embedded != "" {
				t.Errorf("%s: a browser reads %q as %q, %q, %q, %t", name, body, host, code, embedded, ok)
			}
			if !strings.HasSuffix(body, "\n@"+texts.Origin+" #"+want) {
				t.Errorf("%s: %q does not end in the line for browsers", name, body)
			}
		})
	}
}
