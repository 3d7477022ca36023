package delivery

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// writer makes a Writer of a function.
type writer func(t Text) (subject, body string, ok bool, err error)

func (w writer) Write(t Text) (subject, body string, ok bool, err error) { return w(t) }

func TestCustom(t *testing.T) {
	t.Parallel()
	var asked Text
	texts := Texts{App: "Acme", Origin: "example.com", AppHash: "FA+9qCX9VSu", Custom: writer(func(x Text) (string, string, bool, error) {
		asked = x
		return "", x.Code + " it is", true, nil
	})}
	_, body, err := texts.Write(Text{Channel: SMS, Purpose: "login", Locale: "PT-br", Code: "123456", Expires: 2 * time.Minute})
	if err != nil || body != "123456 it is\nFA+9qCX9VSu\n@example.com #123456" {
		t.Errorf("%q, %v", body, err)
	}
	if want := (Text{SMS, "login", "pt-br", "Acme", "123456", 2 * time.Minute, "2 min"}); asked != want {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	if _, body, err := texts.Write(Text{Channel: WhatsApp, Code: "123456", Expires: time.Minute}); err != nil || body != "123456 it is" {
		t.Errorf("%q, %v", body, err)
	}
	if _, _, err := texts.Write(Text{Channel: Email, Code: "123456", Expires: time.Minute}); !errors.Is(err, ErrTexts) {
		t.Errorf("an e-mail without a subject: %v", err)
	}

	// Who has no text leaves it to the ones here.
	builtIn := Texts{App: "Acme"}
	_, want, _ := builtIn.Render(SMS, "en", "123456", time.Minute)
	builtIn.Custom = writer(func(Text) (string, string, bool, error) { return "x", "x", false, nil })
	if _, body, err := builtIn.Render(SMS, "en", "123456", time.Minute); err != nil || body != want {
		t.Errorf("%q, %v", body, err)
	}
	failed := errors.New("disk gone")
	builtIn.Custom = writer(func(Text) (string, string, bool, error) { return "", "", true, failed })
	if _, _, err := builtIn.Render(SMS, "en", "123456", time.Minute); !errors.Is(err, failed) || !errors.Is(err, ErrTexts) {
		t.Errorf("%v", err)
	}
}

// A writer that breaks the form of a message sends none, whatever it was
// checked for before.
func TestCustomForm(t *testing.T) {
	t.Parallel()
	const code = "123456"
	for name, w := range map[string]struct {
		ch            Channel
		subject, body string
	}{
		"no code":              {SMS, "", "x"},
		"twice":                {SMS, "", code + code},
		"tab":                  {WhatsApp, "", code + "\tx"},
		"direction":            {WhatsApp, "", code + "\u202e"},
		"space":                {WhatsApp, "", code + " "},
		"not UTF-8":            {WhatsApp, "", code + "\xff"},
		"too long":             {WhatsApp, "", code + strings.Repeat("x", 16<<10)},
		"subject of an SMS":    {SMS, "x", code},
		"code in the subject":  {Email, "Your " + code, code},
		"header":               {Email, "x\r\nBcc: y@example.com", code},
		"long subject":         {Email, strings.Repeat("x", 201), code},
		"two messages":         {SMS, "", code + strings.Repeat("x", 155)},
		"line of the origin":   {SMS, "", "x\n@example.com #" + code},
		"subject is not UTF-8": {Email, "\xff", code},
	} {
		texts := Texts{Custom: writer(func(Text) (string, string, bool, error) { return w.subject, w.body, true, nil })}
		_, body, err := texts.Write(Text{Channel: w.ch, Code: code, Expires: time.Minute})
		if !errors.Is(err, ErrTexts) || body != "" {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		if err != nil && strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v repeats the code", name, err)
		}
	}
}

func TestSMSParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1},
		{strings.Repeat("x", 160), 1},
		{strings.Repeat("x", 161), 2},
		{strings.Repeat("x", 306), 2},
		{strings.Repeat("x", 307), 3},
		{strings.Repeat("€", 80), 1},
		{strings.Repeat("x", 152) + "€" + strings.Repeat("x", 152), 3}, // the euro sign is not cut in two
		{strings.Repeat("x", 151) + "€" + strings.Repeat("x", 153), 2},
		{strings.Repeat("я", 70), 1},
		{strings.Repeat("я", 71), 2},
		{strings.Repeat("я", 134), 2},
		{strings.Repeat("я", 135), 3},
		{strings.Repeat("я", 66) + "😀" + strings.Repeat("я", 66), 3},
	} {
		if got := SMSParts(c.text); got != c.want {
			t.Errorf("%d characters that begin with %.3q: %d messages, want %d", len([]rune(c.text)), c.text, got, c.want)
		}
	}
}

func TestMaxSMSAndAppHash(t *testing.T) {
	t.Parallel()
	app := strings.Repeat("я", 32)
	if err := (Texts{App: app, Origin: "example.com", AppHash: "FA+9qCX9VSu"}).Check(8); !errors.Is(err, ErrTexts) {
		t.Errorf("too long for one message: %v", err)
	}
	if err := (Texts{App: app, Origin: "example.com", AppHash: "FA+9qCX9VSu", MaxSMS: 2}).Check(8); err != nil {
		t.Errorf("two messages: %v", err)
	}
	for _, bad := range []Texts{{AppHash: "short"}, {AppHash: "FA+9qCX9VS\n"}, {AppHash: "FA+9qCX9VSu="}, {AppHash: "FA+9qCX9VSé"}, {MaxSMS: -1}, {MaxSMS: 11}} {
		if err := bad.Check(6); !errors.Is(err, ErrTexts) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
