package textfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/textfile"
)

// files makes a file system of paths and contents.
func files(pairs ...string) fstest.MapFS {
	m := make(fstest.MapFS)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func write(t *testing.T, fsys fstest.MapFS, texts delivery.Texts, text delivery.Text) (subject, body string) {
	t.Helper()
	loaded, err := textfile.Load(fsys, textfile.Config{Texts: texts})
	if err != nil {
		t.Fatal(err)
	}
	texts.Custom = loaded
	text.Code, text.Expires = "123456", 2*time.Minute
	if subject, body, err = texts.Write(text); err != nil {
		t.Fatal(err)
	}
	return subject, body
}

// The language of the reader decides before the purpose, and what is written
// for no purpose and no language is for all the rest.
func TestWhichFile(t *testing.T) {
	t.Parallel()
	fsys := files(
		"README.md", "not a text: {{",
		"sms.txt", "any {{.Code}}",
		"sms.es.txt", "es {{.Code}}",
		"login/sms.txt", "login {{.Code}}",
		"login/sms.es.txt", "login es {{.Code}}",
		"pay/sms.txt", "pay {{.Code}}",
		"whatsapp.fr.txt", "fr {{.Code}}",
	)
	for _, c := range []struct {
		channel         delivery.Channel
		purpose, locale string
		want            string
	}{
		{delivery.SMS, "login", "es", "login es 123456"},
		{delivery.SMS, "login", "de-DE", "login 123456"},
		{delivery.SMS, "pay", "es", "es 123456"},
		{delivery.SMS, "pay", "en", "pay 123456"},
		{delivery.SMS, "other", "es", "es 123456"},
		{delivery.SMS, "other", "", "any 123456"},
		{delivery.SMS, "", "fa", "any 123456"},
		{delivery.SMS, "../login", "en", "any 123456"},
		{delivery.WhatsApp, "login", "fr", "fr 123456"},
		{delivery.WhatsApp, "login", "en", "Your code is 123456. It expires in 2 min. Never share it."},
		{delivery.Email, "login", "en", "Your code is 123456. It expires in 2 min. Never share it.\n\nIf you did not ask for it, you can ignore this message."},
	} {
		if _, body := write(t, fsys, delivery.Texts{}, delivery.Text{Channel: c.channel, Purpose: c.purpose, Locale: c.locale}); body != c.want {
			t.Errorf("%s for %q in %q: %q, want %q", c.channel, c.purpose, c.locale, body, c.want)
		}
	}
}

func TestWhatIsFilledIn(t *testing.T) {
	t.Parallel()
	fsys := files(
		"sms.txt", "{{.App}} ({{.Purpose}}, {{.Locale}}): {{.Code}}, {{.Time}}\r\n\r\n",
		"email.subject.txt", "{{.App}} & you\n",
		"email.txt", "Hello.\r\n\r\n{{.Code}} <b>{{printf \"%.0f\" .Expires.Seconds}}</b>\n\n",
	)
	texts := delivery.Texts{App: "A & B", Origin: "example.com", AppHash: "FA+9qCX9VSu"}
	if _, body := write(t, fsys, texts, delivery.Text{Channel: delivery.SMS, Purpose: "login", Locale: "PT-BR"}); body != "A & B (login, pt-br): 123456, 2 min\nFA+9qCX9VSu\n@example.com #123456" {
		t.Errorf("%q", body)
	}
	subject, body := write(t, fsys, texts, delivery.Text{Channel: delivery.Email})
	if subject != "A & B & you" || body != "Hello.\n\n123456 <b>120</b>" {
		t.Errorf("%q, %q", subject, body)
	}
}

// Load names the file and what is wrong with it, for all files at once.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	gsm, wide := strings.Repeat("x", 154), strings.Repeat("я", 64)
	for _, c := range []struct {
		path, content string
		want          string
	}{
		{"sms.txt", "no code", "the code 0 times"},
		{"sms.txt", "{{.Code}} and {{.Code}}", "the code 2 times"},
		{"sms.txt", "{{.Code}", "sms.txt:1"},
		{"sms.txt", "a\nb\n{{.Kode}} {{.Code}}", "sms.txt:3"},
		{"sms.txt", "{{.Code.X}}", "sms.txt:1"},
		{"sms.txt", "{{nothing}}", "nothing"},
		{"sms.txt", "", "the code 0 times"},
		{"sms.txt", " {{.Code}}", "begins or ends with a space"},
		{"sms.txt", "{{.Code}}\tx", "does not print"},
		{"sms.txt", "{{.Code}}\rx", "does not print"},
		{"sms.txt", "{{.Code}} \u202e", "does not print"},
		{"sms.txt", "{{.Code}}\x00", "does not print"},
		{"sms.txt", "{{.Code}} \xff", "not UTF-8"},
		{"sms.txt", "{{.Code}}" + gsm + "x", "takes 2 messages"},
		{"sms.txt", "{{.Code}}" + wide + "я", "takes 2 messages"},
		{"sms.txt", "x\n@example.com #{{.Code}}", "set Origin"},
		{"sms.txt", "{{.Code}}" + strings.Repeat("x", 20_000), "longer than"},
		{"sms.txt", "{{.Code}}{{range 30000}}xx{{end}}", "more than"},
		{"sms.english.txt", "{{.Code}}", `"english" is no locale`},
		{"sms.en.us.txt", "{{.Code}}", "the name is not"},
		{"sms.subject.txt", "{{.Code}}", "only e-mail"},
		{"fax.txt", "{{.Code}}", `"fax" is no channel`},
		{"a/b/sms.txt", "{{.Code}}", "the name is not"},
		{".txt", "{{.Code}}", "is no channel"},
		{"email.ja.txt", "{{.Code}}", "no locale of this channel"},
		{"email.txt", "{{.Code}}", "the other file is missing"},
		{"email.subject.txt", "Hello", "the other file is missing"},
		{"whatsapp.txt", "{{.Code}}" + strings.Repeat("x", 17_000), "longer than"},
		{"email.html", "<p>no code", "the code 0 times"},
		{"email.html", "<p>{{.Code}}</p><p>{{.Code}}</p>", "the code 2 times"},
		{"email.html", "<!-- {{.Code}} -->", "the code 0 times"},
		{"email.html", "<a href=\"https://example.com/?c={{.Code}}\">here</a>", "the code in a tag"},
		{"email.html", "<p>{{if eq .Locale \"fr\"}}{{else}}{{.Code}}{{end}}", "in fr has the code 0 times"},
		{"email.html", "{{.Code}}<p {{if .App}}class=\"{{end}}>", "email.html"}, // html/template: two contexts
		{"email.html", "\n{{.Kode}} {{.Code}}", "email.html:2"},
		{"email.html", "{{.Code}} \xff", "not UTF-8"},
		{"email.html", "{{.Code}}" + strings.Repeat("x", 103_000), "longer than"},
		{"email.html", "{{.Code}}{{range 60000}}xx{{end}}", "more than"},
		{"email.xx.html", "{{.Code}}", `"xx" is no locale`},
		{"email.subject.html", "{{.Code}}", `"subject" is no locale`},
		{"email.en.fr.html", "{{.Code}}", "the name is not"},
		{"sms.html", "{{.Code}}", "only e-mail"},
		{"a/b/email.html", "{{.Code}}", "the name is not"},
	} {
		_, err := textfile.Load(files("other/whatsapp.txt", "{{.Code}}", c.path, c.content), textfile.Config{})
		if !errors.Is(err, textfile.ErrFile) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s %.40q: %v; want %q", c.path, c.content, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "826491") {
			t.Errorf("%v repeats the code", err)
		}
	}
	for _, subject := range []string{"Your {{.Code}}", "a\nb", "a\r\nBcc: x@example.com", "", strings.Repeat("x", 201)} {
		_, err := textfile.Load(files("email.txt", "{{.Code}}", "email.subject.txt", subject), textfile.Config{})
		if !errors.Is(err, textfile.ErrFile) || !strings.Contains(err.Error(), "subject") {
			t.Errorf("subject %.40q: %v", subject, err)
		}
	}
	_, err := textfile.Load(files("sms.txt", "x", "whatsapp.txt", "y"), textfile.Config{})
	if err == nil || strings.Count(err.Error(), ".txt: ") != 2 {
		t.Errorf("two bad files: %v", err)
	}
}

// An HTML part is chosen as a text is, has its fields and the subject, escaped,
// and needs no text beside it.
func TestHTML(t *testing.T) {
	t.Parallel()
	loaded, err := textfile.Load(files(
		"email.html", "<title>{{.Subject}}</title>\r\n<p lang={{.Locale}}>{{.App}}, {{.Purpose}}: <b>{{.Code}}</b>, {{.Time}}</p>\n",
		"email.es.html", "<p>es {{.Code}}</p>",
		"pay/email.es.html", "<p>pay es {{.Code}}</p>",
		"pay/email.html", "<p>pay {{.Code}}</p>",
	), textfile.Config{Texts: delivery.Texts{App: "A & <B>"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ purpose, locale, want string }{
		{"login", "en", "<title>a &lt; b</title>\r\n<p lang=en>A &amp; &lt;B&gt;, login: <b>123456</b>, 2 min</p>\n"},
		{"login", "es", "<p>es 123456</p>"},
		{"pay", "es", "<p>pay es 123456</p>"},
		{"pay", "fr", "<p>pay 123456</p>"},
	} {
		page, ok, err := loaded.HTML(delivery.Text{Purpose: c.purpose, Locale: c.locale, Code: "123456", Expires: 2 * time.Minute}, "a < b")
		if err != nil || !ok || page != c.want {
			t.Errorf("%s in %s: %q, %v, %v", c.purpose, c.locale, page, ok, err)
		}
	}
	if _, _, err := loaded.HTML(delivery.Text{Locale: "xx", Code: "123456", Expires: time.Minute}, "x"); !errors.Is(err, delivery.ErrLocale) {
		t.Errorf("a locale that there is not: %v", err)
	}
	if _, text := write(t, files("email.html", "<p>{{.Code}}</p>"), delivery.Texts{}, delivery.Text{Channel: delivery.Email}); !strings.HasPrefix(text, "Your code is") {
		t.Errorf("the text beside a page: %q", text)
	}
	none, err := textfile.Load(files("email.es.html", "<p>{{.Code}}</p>"), textfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if page, ok, err := none.HTML(delivery.Text{Locale: "en", Code: "123456", Expires: time.Minute}, "x"); ok || err != nil {
		t.Errorf("no page in English, and %q, %v", page, err)
	}
}

// As many messages as the operator pays for, and no unit more.
func TestMaxSMS(t *testing.T) {
	t.Parallel()
	for parts, most := range map[int]int{1: 160, 2: 306, 3: 459} {
		for extra := range 2 {
			fsys := files("sms.txt", "{{.Code}}"+strings.Repeat("x", most-6+extra))
			_, err := textfile.Load(fsys, textfile.Config{Texts: delivery.Texts{MaxSMS: parts}})
			if (err != nil) != (extra == 1) {
				t.Errorf("%d characters in %d messages: %v", most+extra, parts, err)
			}
		}
	}
	// What is added to the text counts, and so does the length of the code.
	fsys := files("sms.txt", "{{.Code}}"+strings.Repeat("x", 154))
	for _, cfg := range []textfile.Config{{Texts: delivery.Texts{Origin: "example.com"}}, {Texts: delivery.Texts{AppHash: "FA+9qCX9VSu"}}, {CodeLength: 7}} {
		if _, err := textfile.Load(fsys, cfg); err == nil {
			t.Errorf("%+v: too long, and loaded", cfg)
		}
	}
}

// No error that a send can cause says the code.
func TestErrorsAreQuiet(t *testing.T) {
	t.Parallel()
	fsys := files("sms.txt", `{{.Code}}{{if eq .Code "123456"}}{{index .Code 100}}{{end}}`)
	loaded, err := textfile.Load(fsys, textfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	texts := delivery.Texts{Custom: loaded}
	_, _, err = texts.Write(delivery.Text{Channel: delivery.SMS, Code: "123456", Expires: time.Minute})
	if !errors.Is(err, delivery.ErrTexts) || strings.Contains(fmt.Sprintf("%+v", err), "123456") {
		t.Errorf("%v", err)
	}
	loaded, err = textfile.Load(files("email.html", `{{.Code}}{{if eq .Code "123456"}}{{index .Code 100}}{{end}}`), textfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, ok, err := loaded.HTML(delivery.Text{Code: "123456", Expires: time.Minute}, "Subject")
	if ok || err == nil || strings.Contains(fmt.Sprintf("%+v", err), "123456") {
		t.Errorf("%v, %v", ok, err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"{{.Code}}", "{{.Code}} {{.App}}\n\n", "{{if .Code}}x{{end}}", "{{define \"x\"}}{{.Code}}{{end}}{{template \"x\" .}}", "\xff{{"} {
		f.Add("sms.txt", seed)
	}
	f.Add("login/email.fr.subject.txt", "{{.Code}}")
	f.Add("login/email.fr.html", "<p>{{.Code}}</p>")
	f.Add("email.html", "<a href={{.Code}}>{{.App}}")
	f.Fuzz(func(t *testing.T, path, content string) {
		if !fs.ValidPath(path) || strings.Contains(content, "range") || strings.Contains(content, "template") {
			return // an operator may write what takes for ever
		}
		loaded, err := textfile.Load(files(path, content), textfile.Config{})
		if err != nil {
			if !errors.Is(err, textfile.ErrFile) {
				t.Fatal(err)
			}
			return
		}
		for _, ch := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
			_, body, err := delivery.Texts{Custom: loaded}.Write(delivery.Text{Channel: ch, Code: "739152", Expires: time.Minute})
			if err == nil && strings.Count(body, "739152") != 1 {
				t.Fatalf("%q", body)
			}
		}
		page, _, err := loaded.HTML(delivery.Text{Code: "739152", Expires: time.Minute}, "x")
		if err == nil && strings.Count(page, "739152") > 1 {
			t.Fatalf("%q", page)
		}
	})
}
