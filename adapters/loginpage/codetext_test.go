package loginpage

import (
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
)

// A whole message can be pasted, in every language and by every channel, and
// without its ends of lines, as browsers paste it.
func TestCodeInMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shape policy.Code
		code  string
	}{
		{policy.Code{Length: 6, Alphabet: policy.Digits}, "012345"},
		{policy.Code{Length: 8, Alphabet: policy.Digits}, "00123456"},
		{policy.Code{Length: 8, Alphabet: policy.Unambiguous}, "3X7KQ9TW"},
	} {
		for _, texts := range []delivery.Texts{{}, {App: "Example 2000"}, {App: "Example", Origin: "app123.example"}} {
			for _, channel := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
				for _, locale := range delivery.Locales(channel) {
					_, body, err := texts.Render(channel, locale, c.code, 10*time.Minute)
					if err != nil {
						t.Fatal(err)
					}
					for _, pasted := range []string{body, strings.ReplaceAll(body, "\n", ""), "  " + body + "\r\n", strings.ToLower(body)} {
						if got := codeIn(c.shape, pasted); got != c.code {
							t.Errorf("%s %s: %q in %q", channel, locale, got, pasted)
						}
					}
				}
			}
		}
	}
}

func TestCodeIn(t *testing.T) {
	t.Parallel()
	shape := policy.Code{Length: 6, Alphabet: policy.Digits}
	for typed, want := range map[string]string{
		"123456":                  "123456",
		" 123456 ":                "123456",
		"123 456":                 "123 456", // the engine forgives it
		"123-456":                 "123-456",
		"۱۲۳۴۵۶":                  "۱۲۳۴۵۶",
		"123456 123456":           "123456",
		"123456 or 654321":        "123456 or 654321", // which one?
		"call 1234567":            "call 1234567",
		"":                        "",
		"code: 123456, 10 min":    "123456",
		"@app.example #123456":    "123456",
		"G-123456 is your code.":  "123456",
		"1234567 and then 123456": "123456",
	} {
		if got := codeIn(shape, typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
