package delivery

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

var allTexts = []Texts{{}, {App: "Acme"}, {Origin: "example.com"}, {App: "Acme", Origin: "example.com"}}

var channels = []Channel{SMS, WhatsApp, Email}

// each calls f with every message that there is, for a code and a lifetime.
func each(t *testing.T, code string, expires time.Duration, f func(name string, texts Texts, ch Channel, subject, body string)) {
	t.Helper()
	for _, texts := range allTexts {
		for _, ch := range channels {
			for _, locale := range Locales(ch) {
				subject, body, err := texts.Render(ch, locale, code, expires)
				if err != nil {
					t.Errorf("Render(%s, %s): %v", ch, locale, err)
				}
				f(fmt.Sprintf("%s %s %+v", ch, locale, texts), texts, ch, subject, body)
			}
		}
	}
}

// The golden files are for people to read: all words that anybody is sent.
func TestTextsGolden(t *testing.T) {
	t.Parallel()
	for _, ch := range channels {
		var b bytes.Buffer
		for _, locale := range Locales(ch) {
			for _, texts := range allTexts {
				subject, body, err := texts.Render(ch, locale, "123456", 2*time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				units, limit := SMSLength(body)
				fmt.Fprintf(&b, "=== %s App=%q Origin=%q", locale, texts.App, texts.Origin)
				if ch == SMS {
					fmt.Fprintf(&b, " %d/%d", units, limit)
				}
				if subject != "" {
					fmt.Fprintf(&b, "\n[%s]", subject)
				}
				fmt.Fprintf(&b, "\n%s\n", body)
			}
		}
		file := filepath.Join("testdata", string(ch)+".golden")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("the %s texts differ from %s; if that is meant, run go test -update", ch, file)
		}
	}
}

func TestTextsForm(t *testing.T) {
	t.Parallel()
	// Codes of both alphabets, of which no part is in any text.
	for _, code := range []string{"123456", "0000000000", "34CD67", "WXY34679"} {
		for _, expires := range []time.Duration{time.Second, time.Minute, 10 * time.Minute} {
			each(t, code, expires, func(name string, texts Texts, ch Channel, subject, body string) {
				codes := 1
				if ch == SMS && texts.Origin != "" {
					codes = 2
				}
				if n := strings.Count(body, code); n != codes {
					t.Errorf("%s: the code is there %d times in %q", name, n, body)
				}
				if (ch == Email) != (subject != "") || strings.Contains(subject, code) || strings.Contains(subject, "\n") {
					t.Errorf("%s: subject is %q", name, subject)
				}
				if texts.App != "" && !strings.Contains(body, texts.App) || ch == Email && texts.App != "" && !strings.Contains(subject, texts.App) {
					t.Errorf("%s: no application in %q, %q", name, subject, body)
				}
				if body != strings.TrimSpace(body) || strings.ContainsAny(subject+body, "{}") || !utf8.ValidString(body) {
					t.Errorf("%s: %q has loose ends", name, body)
				}
				for _, r := range subject + body {
					if r != '\n' && !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) {
						t.Errorf("%s: %q has %q, which cannot be seen or is not composed", name, body, r)
					}
				}
				if units, limit := SMSLength(body); ch == SMS && units > limit {
					t.Errorf("%s: %d units, more than %d: %q", name, units, limit, body)
				}
			})
		}
	}
}

// Persian runs from right to left. In a line of its own, with nothing before
// it, a code keeps its order: the line's direction is that of the first letter
// in it (UAX 9, rules P1 to P3), and there is no Arabic letter before its
// digits (W2).
func TestTextsRightToLeft(t *testing.T) {
	t.Parallel()
	each(t, "34CD67", time.Minute, func(name string, _ Texts, _ Channel, _, body string) {
		if !strings.ContainsFunc(body, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) {
			return
		}
		if !strings.Contains(body, "\n34CD67") {
			t.Errorf("%s: the code does not begin a line: %q", name, body)
		}
	})
}

func TestTextsLifetime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expires time.Duration
		want    string
	}{
		{1, "1 s"},
		{time.Second, "1 s"},
		{59 * time.Second, "59 s"},
		{time.Minute, "1 min"},
		{2 * time.Minute, "2 min"},
		{2*time.Minute - time.Millisecond, "2 min"},
		{2*time.Minute - time.Second, "1 min"},
		{10 * time.Minute, "10 min"},
		{99*time.Minute + 59*time.Second, "99 min"},
	} {
		_, body, err := Texts{}.Render(SMS, "en", "123456", tt.expires)
		if err != nil || !strings.Contains(body, " "+tt.want+".") {
			t.Errorf("a lifetime of %v is told as %q, %v", tt.expires, body, err)
		}
	}
}

// What does not fit is left out, the warning first.
func TestTextsLeaveOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		texts Texts
		want  string
	}{
		{Texts{}, "Tu código: 123456. Vence en 2 min. No lo compartas."},
		{Texts{Origin: "example.com"}, "Tu código: 123456. Vence en 2 min.\n@example.com #123456"},
		{Texts{App: "Example Bank", Origin: "examplebank.com"}, "Código de Example Bank: 123456 (2 min)\n@examplebank.com #123456"},
	} {
		if _, body, err := tt.texts.Render(SMS, "es", "123456", 2*time.Minute); err != nil || body != tt.want {
			t.Errorf("%+v: %q, %v, want %q", tt.texts, body, err, tt.want)
		}
	}
	_, body, err := Texts{App: "Example Bank", Origin: "examplebank.com"}.Render(WhatsApp, "es", "123456", 2*time.Minute)
	if want := "Código de Example Bank: 123456. Vence en 2 min. No lo compartas."; err != nil || body != want {
		t.Errorf("WhatsApp: %q, %v, want %q", body, err, want)
	}
}

func TestTextsCheck(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for _, tt := range []struct {
		name   string
		texts  Texts
		length int
		want   string // in the error; empty: none
	}{
		{"zero", Texts{}, 6, ""},
		{"usual", Texts{App: "Acme", Origin: "example.com"}, 6, ""},
		{"long code", Texts{App: "Acme", Origin: "example.com"}, 10, ""},
		{"full name and host", Texts{App: "Example Bank", Origin: "examplebank.com"}, 6, ""},
		{"foreign name", Texts{App: "Übung 銀行"}, 6, ""},
		{"longest name", Texts{App: strings.Repeat("é", 32)}, 6, ""},
		{"no code", Texts{}, 0, "a code of 0 characters"},
		{"endless code", Texts{}, 1 << 40, "characters"},
		{"long name", Texts{App: strings.Repeat("x", 33)}, 6, "App has more than 32"},
		{"name of two lines", Texts{App: "Acme\n@evil.example #1"}, 6, "App has a character"},
		{"name with a return", Texts{App: "Acme\rx"}, 6, "App has a character"},
		{"name with an escape", Texts{App: "\x1b[31m"}, 6, "App has a character"},
		{"name that turns", Texts{App: "Ac\u202eme"}, 6, "App has a character"},
		{"name with a hidden space", Texts{App: "Ac\u200bme"}, 6, "App has a character"},
		{"broken name", Texts{App: "Acm\xe9"}, 6, "App has a character"},
		{"blank name", Texts{App: " "}, 6, "App begins"},
		{"name with a space after", Texts{App: "Acme "}, 6, "App begins"},
		{"URL", Texts{Origin: "https://example.com"}, 6, "Origin has a character"},
		{"port", Texts{Origin: "example.com:443"}, 6, "Origin has a character"},
		{"path", Texts{Origin: "example.com/"}, 6, "Origin has a character"},
		{"marked", Texts{Origin: "@example.com"}, 6, "Origin has a character"},
		{"capitals", Texts{Origin: "Example.com"}, 6, "Origin has a character"},
		{"no domain", Texts{Origin: "localhost"}, 6, "Origin has no dot"},
		{"address", Texts{Origin: "127.0.0.1"}, 6, "Origin ends"},
		{"not ASCII", Texts{Origin: "bücher.example"}, 6, "Origin has a character"},
		{"space", Texts{Origin: "example.com #000000"}, 6, "Origin has a character"},
		{"line", Texts{Origin: "example.com\n"}, 6, "Origin has a character"},
		{"long label", Texts{Origin: "a" + label + ".com"}, 6, "Origin has a label"},
		{"too long a host", Texts{Origin: strings.Repeat(label+".", 4) + "com"}, 6, "Origin is longer"},
		// "\n@" + 40 + " #" + 6 + "Tu código: 123456 (99 min)" is 6 over 70
		{"long host", Texts{Origin: strings.Repeat("a", 36) + ".com"}, 6, "too long in es by 6,"},
		{"foreign name too long", Texts{App: strings.Repeat("銀", 32), Origin: "example.com"}, 6, "too long in en by 12,"},
	} {
		err := tt.texts.Check(tt.length)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrTexts) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Whatever Check lets pass fits, to the last character.
func TestTextsCheckMeansItFits(t *testing.T) {
	t.Parallel()
	passed, refused := 0, 0
	for _, app := range []int{0, 1, 8, 32} {
		for host := 5; host < 40; host++ {
			texts := Texts{App: strings.Repeat("a", app), Origin: strings.Repeat("a", host-4) + ".com"}
			fits := true
			for _, locale := range Locales(SMS) {
				_, body, err := texts.Render(SMS, locale, "12345678", 99*time.Minute)
				units, limit := SMSLength(body)
				fits = fits && err == nil && units <= limit
			}
			if got := texts.Check(8) == nil; got != fits {
				t.Errorf("%+v: Check passes: %t, all texts fit: %t", texts, got, fits)
			}
			if fits {
				passed++
			} else {
				refused++
			}
		}
	}
	if passed == 0 || refused == 0 {
		t.Errorf("%d passed, %d refused: this test tells nothing", passed, refused)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		texts   Texts
		ch      Channel
		locale  string
		code    string
		expires time.Duration
		want    error
	}{
		{"locale", Texts{}, SMS, "tlh", "123456", time.Minute, ErrLocale},
		{"e-mail locale", Texts{}, Email, "ja", "123456", time.Minute, ErrLocale},
		{"channel", Texts{}, "pigeon", "en", "123456", time.Minute, ErrLocale},
		{"no code", Texts{}, SMS, "en", "", time.Minute, ErrTexts},
		{"code with a space", Texts{}, SMS, "en", "123 456", time.Minute, ErrTexts},
		{"code of two lines", Texts{}, SMS, "en", "123\n456", time.Minute, ErrTexts},
		{"foreign digits", Texts{}, SMS, "fa", "۱۲۳۴۵۶", time.Minute, ErrTexts},
		{"letter whose low byte is one", Texts{}, SMS, "en", "12345\u0141", time.Minute, ErrTexts},
		{"no time", Texts{}, SMS, "en", "123456", 0, ErrTexts},
		{"time past", Texts{}, SMS, "en", "123456", -time.Minute, ErrTexts},
		{"unchecked App", Texts{App: "a\r\nBcc: x"}, Email, "en", "123456", time.Minute, ErrTexts},
		{"unchecked Origin", Texts{Origin: "x #1"}, SMS, "en", "123456", time.Minute, ErrTexts},
	} {
		subject, body, err := tt.texts.Render(tt.ch, tt.locale, tt.code, tt.expires)
		if !errors.Is(err, tt.want) || subject+body != "" {
			t.Errorf("%s: %q, %q, %v, want %v", tt.name, subject, body, err, tt.want)
		}
	}
}

// An application may be called like a placeholder.
func TestRenderFillsOnce(t *testing.T) {
	t.Parallel()
	_, body, err := Texts{App: "{code}{time}"}.Render(SMS, "en", "123456", time.Minute)
	if want := "Your {code}{time} code is 123456. It expires in 1 min. Never share it."; err != nil || body != want {
		t.Errorf("%q, %v, want %q", body, err, want)
	}
}

func TestLocales(t *testing.T) {
	t.Parallel()
	phone := []string{"en", "es", "fr", "pt-br", "it", "de-DE", "zh-Hans", "ca-ES", "ja", "ru", "nl", "pl", "tr", "fa", "vi", "cs"}
	for _, tt := range []struct {
		ch   Channel
		want []string
	}{{SMS, phone}, {WhatsApp, phone}, {Email, phone[:4]}, {"pigeon", nil}, {"", nil}} {
		got := Locales(tt.ch)
		if !slices.Equal(got, tt.want) {
			t.Errorf("Locales(%q) = %q, want %q", tt.ch, got, tt.want)
		}
		clear(got)
		if !slices.Equal(Locales(tt.ch), tt.want) {
			t.Errorf("Locales(%q) hands out its own list", tt.ch)
		}
	}
}

func TestMatchLocale(t *testing.T) {
	t.Parallel()
	for _, ch := range channels {
		for _, name := range Locales(ch) {
			for _, s := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
				if got, ok := MatchLocale(ch, s); got != name || !ok {
					t.Errorf("MatchLocale(%s, %q) = %q, %t", ch, s, got, ok)
				}
			}
		}
		if got, ok := MatchLocale(ch, ""); got != "en" || !ok {
			t.Errorf("MatchLocale(%s, empty) = %q, %t", ch, got, ok)
		}
		for _, s := range []string{"xx", "pt", "pt_br", "pt-BR ", " en", "en-US", "de", "zh", "eſ", "c\u017f", "en\x00", "e"} {
			if got, ok := MatchLocale(ch, s); got != "" || ok {
				t.Errorf("MatchLocale(%s, %q) = %q, %t", ch, s, got, ok)
			}
		}
	}
	if _, ok := MatchLocale(Email, "ja"); ok {
		t.Error("there is no Japanese e-mail")
	}
	if _, ok := MatchLocale("pigeon", ""); ok {
		t.Error("there are no texts for pigeons")
	}
}
