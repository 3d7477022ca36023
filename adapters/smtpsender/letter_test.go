package smtpsender

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// composed returns the letter that a sender makes of a message.
func composed(t testing.TB, s *Sender, m delivery.Message) (string, parsed) {
	t.Helper()
	l, f := s.compose(m)
	if f != nil {
		t.Fatal(f.reason)
	}
	p, err := parse(string(l.text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, l.text)
	}
	return string(l.text), p
}

func TestLetter(t *testing.T) {
	t.Parallel()
	cfg := config("")
	cfg.From = (&mail.Address{Name: `Bücher, "Söhne"`, Address: testFrom}).String()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("far away", 9*3600))
	cfg.Now = func() time.Time { return now }
	s := newSender(t, cfg)
	for _, locale := range delivery.Locales(delivery.Email) {
		m := testMessage()
		subject, body, err := delivery.Texts{App: "Acmé & <Söhne>"}.Render(delivery.Email, locale, testCode, 5*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		m.Subject, m.Body, m.Locale = subject, delivery.NewSecret(body), locale
		_, p := composed(t, s, m)
		want := map[string]string{
			"From":                     cfg.From,
			"To":                       "<" + testTo + ">",
			"Date":                     "Sun, 01 Mar 2026 03:00:00 +0000",
			"Message-Id":               "<" + m.ID + "@passcode.example>",
			"Mime-Version":             "1.0",
			"Auto-Submitted":           "auto-generated",
			"X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply",
			"Subject":                  "", "Content-Type": "", // below, and in parse
		}
		for name, values := range p.header {
			if expected, ok := want[name]; !ok || len(values) != 1 || expected != "" && values[0] != expected {
				if from, err := mail.ParseAddress(p.header.Get("From")); name == "From" && err == nil && from.String() == cfg.From {
					continue
				}
				t.Errorf("%s: header %s: %q", locale, name, values)
			}
		}
		if len(p.header) != len(want) {
			t.Errorf("%d headers, want %d", len(p.header), len(want))
		}
		if got, err := decoder.DecodeHeader(p.header.Get("Subject")); err != nil || got != subject {
			t.Errorf("%s: the subject is %q, %v; want %q", locale, got, err, subject)
		}
		if p.text != body {
			t.Errorf("%s: the text is %q, want %q", locale, p.text, body)
		}
		checkHTML(t, p.html, m)
	}
}

// checkHTML sees that a page shows what the text says, and loads nothing.
func checkHTML(t *testing.T, page string, m delivery.Message) {
	t.Helper()
	for _, paragraph := range strings.Split(m.Body.Reveal(), "\n\n") {
		if !strings.Contains(page, ">"+template.HTMLEscapeString(paragraph)+"</p>") {
			t.Errorf("the page lacks %q:\n%s", paragraph, page)
		}
	}
	for _, part := range []string{">" + testCode + "</p>", "user-select:all", `lang="` + m.Locale + `"`, "color-scheme", "telephone=no"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
	for _, part := range []string{"http", "src=", "href=", "url(", "<img", "<script", "<a ", "@import", "cid:"} {
		if strings.Contains(page, part) {
			t.Errorf("the page has %q:\n%s", part, page)
		}
	}
}

// An operator's own page, of a locale and a purpose.
func TestOwnPage(t *testing.T) {
	t.Parallel()
	cfg := config("")
	cfg.HTML = template.Must(template.New("page").Parse(
		`<html lang="{{.Locale}}"><title>{{.Subject}}</title><p>{{.Purpose}} {{.Expires}} <b>{{.Code}}</b>{{range .Paragraphs}}|{{.}}{{end}}`))
	m := testMessage()
	m.Purpose = "<b>step up</b>"
	_, p := composed(t, newSender(t, cfg), m)
	want := `<html lang="en"><title>Your Acme code</title><p>&lt;b&gt;step up&lt;/b&gt; 5m0s <b>917364</b>` +
		`|Your Acme code is 917364. It expires in 5 min. Never share it.|If you did not ask for it, you can ignore this message.`
	if p.html != want {
		t.Errorf("the page is %s, want %s", p.html, want)
	}
}

// What Pages writes stands in the place of HTML, in the messages that it is for.
func TestPages(t *testing.T) {
	t.Parallel()
	cfg := config("")
	cfg.Pages = func(p Page) (string, bool, error) {
		switch p.Locale {
		case "es":
			return "<p>es " + p.Purpose + " " + p.Code, true, nil
		case "fr":
			return "<p>no code", true, nil
		case "de":
			return p.Code + strings.Repeat("x", maxPage), true, nil
		case "it":
			return "", true, errors.New("no page, and " + p.Code)
		}
		return "not for this one", false, nil
	}
	s := newSender(t, cfg)
	m := testMessage()
	m.Locale = "es"
	if _, p := composed(t, s, m); strings.TrimSpace(p.html) != "<p>es "+m.Purpose+" "+testCode || p.text != m.Body.Reveal() {
		t.Errorf("%q, %q", p.html, p.text)
	}
	m.Locale = "en"
	_, p := composed(t, s, m)
	checkHTML(t, p.html, m)
	for _, locale := range []string{"fr", "de", "it"} {
		m.Locale = locale
		if _, err := s.Send(t.Context(), m); kindOfError(err) != string(delivery.Configuration) || !strings.Contains(err.Error(), "HTML: ") || strings.Contains(err.Error(), testCode) {
			t.Errorf("%s: %v", locale, err)
		}
	}
}

// A page that fails for one message and not for another fails that message.
func TestOwnPageFails(t *testing.T) {
	t.Parallel()
	cfg := config("")
	cfg.HTML = template.Must(template.New("page").Parse(`{{.Code}}{{if eq .Locale "fr"}}{{index .Paragraphs 7}}{{end}}`))
	s := newSender(t, cfg)
	m := testMessage()
	m.Locale = "fr"
	if _, err := s.Send(t.Context(), m); kindOfError(err) != string(delivery.Configuration) || !strings.Contains(err.Error(), "HTML: ") {
		t.Errorf("Send = %v", err)
	}
}

// hostile are what a header must not be made of.
var hostile = []string{
	"a\r\nBcc: victim@example.com", "a\nBcc: x", "a\rBcc: x", "a\r\n\r\nbody", "a\x00b", "a\u2028b", "a\u0085b", "a\x0bb", "a\x7fb", "\r\n.\r\n", "\xff\xfe",
}

// Nothing in a message makes a header of its own, or a second recipient.
func TestInjection(t *testing.T) {
	t.Parallel()
	s := newSender(t, config(""))
	normal := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Auto-Response-Suppress"}
	for _, text := range append(hostile, "=?utf-8?q?a=0D=0ABcc:_x?=", "=?utf-8?b?DQpCY2M6IHg=?=", strings.Repeat("long ", 500), strings.Repeat("x", 5000)) {
		for field, set := range map[string]func(*delivery.Message){
			"Subject":     func(m *delivery.Message) { m.Subject = text },
			"ID":          func(m *delivery.Message) { m.ID = text },
			"Body":        func(m *delivery.Message) { m.Body = delivery.NewSecret(text + testCode) },
			"Code":        func(m *delivery.Message) { m.Code = delivery.NewSecret(text) },
			"Locale":      func(m *delivery.Message) { m.Locale = text },
			"Purpose":     func(m *delivery.Message) { m.Purpose = text },
			"App":         func(m *delivery.Message) { m.Subject = "Your " + text + " code" },
			"To":          func(m *delivery.Message) { m.To = delivery.NewAddress(text) },
			"To's local":  func(m *delivery.Message) { m.To = delivery.NewAddress(text + "@example.com") },
			"To's domain": func(m *delivery.Message) { m.To = delivery.NewAddress("a@" + text) },
		} {
			m := testMessage()
			set(&m)
			l, f := s.compose(m)
			if f != nil {
				if want := map[bool]delivery.Kind{true: delivery.Rejected, false: delivery.Configuration}[strings.HasPrefix(field, "To")]; f.kind != want {
					t.Errorf("%s %.99q: %s: %s", field, text, f.kind, f.reason)
				}
				continue
			}
			if _, _, _, err := delivery.ParseEmailExact(m.To.Reveal()); err != nil {
				t.Errorf("%s %.99q is taken", field, text)
			}
			p, err := parse(string(l.text))
			if err != nil {
				t.Errorf("%s %.99q: %v", field, text, err)
				continue
			}
			var names []string
			for name := range p.header {
				names = append(names, name)
			}
			slices.Sort(names)
			if !slices.Equal(names, normal) {
				t.Errorf("%s %.99q: the headers are %q", field, text, names)
			}
			if fault := wireFault(l.text); fault != "" {
				t.Errorf("%s %.99q: %s", field, text, fault)
			}
		}
	}
}

// wireFault says what is wrong with the bytes of a letter: a carriage return
// or a line feed alone, a long line (RFC 5322 §2.1.1), a byte that is not ASCII.
func wireFault(letter []byte) string {
	for line := range bytes.SplitSeq(letter, []byte("\r\n")) {
		switch {
		case bytes.ContainsAny(line, "\r\n"):
			return fmt.Sprintf("a bare CR or LF in %.99q", line)
		case len(line) > 998:
			return fmt.Sprintf("a line of %d bytes", len(line))
		case bytes.ContainsFunc(line, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\t' }):
			return fmt.Sprintf("a control character in %.99q", line)
		}
	}
	return ""
}

// Lines that SMTP could take for its own end arrive as they were written.
func TestDots(t *testing.T) {
	t.Parallel()
	b := newMailbox(t, false)
	s := newSender(t, config(b.addr))
	for _, body := range []string{
		testCode + "\n.\nMAIL FROM:<a@b.example>", ".\n" + testCode, "..\n..", ".", testCode + "\n.", "\n\n\n" + testCode + "\n\n\n", "\t " + testCode + " ",
		strings.Repeat(".", 200), "From me: " + testCode,
	} {
		m := testMessage()
		m.Body = delivery.NewSecret(body)
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		letters := b.all()
		p, err := parse(letters[len(letters)-1])
		if err != nil || p.text != body {
			t.Errorf("%q arrives as %q, %v", body, p.text, err)
		}
	}
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	s := newSender(t, config(""))
	const domain = "@passcode.example"
	seen := make(map[string]bool)
	for _, id := range append(hostile, "", "a b", "<a>", "a@b", strings.Repeat("a", 65), "é", "a.b", "..") {
		got, ok := strings.CutSuffix(s.messageID(id), domain)
		if !ok || len(got) < 26 || strings.Trim(got, "0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || seen[got] {
			t.Errorf("%q makes %q", id, got)
		}
		seen[got] = true
		if again, _ := strings.CutSuffix(s.messageID(id), domain); (again == got) != (id != "") {
			t.Errorf("%q makes %q, then %q", id, got, again)
		}
	}
	for _, id := range []string{"a", "Az0_-9", strings.Repeat("x", 64)} {
		if got := s.messageID(id); got != id+domain {
			t.Errorf("%q makes %q", id, got)
		}
	}
}

// What cannot be sent is not, and nobody connects for it.
func TestUnsendable(t *testing.T) {
	t.Parallel()
	p := &puppet{}
	s := newSender(t, plaintext(p.start(t).addr))
	for name, tt := range map[string]struct {
		change func(*delivery.Message)
		want   delivery.Kind
	}{
		"SMS":               {func(m *delivery.Message) { m.Channel, m.To = delivery.SMS, delivery.NewAddress("+12025550162") }, delivery.Configuration},
		"WhatsApp":          {func(m *delivery.Message) { m.Channel = delivery.WhatsApp }, delivery.Configuration},
		"no address":        {func(m *delivery.Message) { m.To = delivery.Address{} }, delivery.Rejected},
		"not canonical":     {func(m *delivery.Message) { m.To = delivery.NewAddress("jane@Example.com") }, delivery.Rejected},
		"with a name":       {func(m *delivery.Message) { m.To = delivery.NewAddress("Jane <jane@example.com>") }, delivery.Rejected},
		"two":               {func(m *delivery.Message) { m.To = delivery.NewAddress("a@example.com,b@example.com") }, delivery.Rejected},
		"not ASCII":         {func(m *delivery.Message) { m.To = delivery.NewAddress("jané@example.com") }, delivery.Rejected},
		"IDN as people say": {func(m *delivery.Message) { m.To = delivery.NewAddress("jane@bücher.example") }, delivery.Rejected},
		"ORCPT":             {func(m *delivery.Message) { m.To = delivery.NewAddress(`"a> ORCPT=x"@example.com`) }, delivery.Rejected},
		"no text":           {func(m *delivery.Message) { m.Body = delivery.Secret{} }, delivery.Configuration},
		"two lines subject": {func(m *delivery.Message) { m.Subject = "a\nb" }, delivery.Configuration},
		"long subject":      {func(m *delivery.Message) { m.Subject = strings.Repeat("x", 201) }, delivery.Configuration},
	} {
		m := testMessage()
		tt.change(&m)
		if _, err := s.Send(t.Context(), m); kindOfError(err) != string(tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if conns, _ := p.count(); conns != 0 {
		t.Errorf("%d connections", conns)
	}
}

// Addresses in the form that the engine hands out go out unchanged, without
// SMTPUTF8 even where the server offers it.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN"}
	s := newSender(t, config(p.start(t).addr))
	for _, to := range []string{"jane@xn--bcher-kva.example", "Jane.Roe+tag@example.com", "o'neil#$&*/=?^_`{|}~@example.com"} {
		m := testMessage()
		m.To = delivery.NewAddress(to)
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", to, err)
		}
		if said := p.commands(); !strings.Contains(said, "RCPT TO:<"+to+">\n") {
			t.Errorf("the client said\n%s", said)
		}
	}
	said := p.commands()
	if strings.Contains(said, "SMTPUTF8") || !strings.HasPrefix(said, "EHLO passcode.example\nSTARTTLS\nEHLO passcode.example\nAUTH PLAIN ") ||
		!strings.Contains(said, "\nMAIL FROM:<"+testFrom+"> BODY=8BITMIME\n") {
		t.Errorf("the client said\n%s", said)
	}
}
