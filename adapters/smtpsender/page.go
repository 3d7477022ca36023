package smtpsender

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// maxPage bounds the bytes of the HTML part. Gmail cuts a message off at 102 KB.
const maxPage = 100 << 10

// A Page is what the HTML part is written from: the fields of a message, none
// of which a user typed.
type Page struct {
	Locale     string        // Message.Locale, for the lang attribute
	Subject    string        // Message.Subject
	Code       string        // the code alone, to be shown large and in one piece
	Paragraphs []string      // the text, code included, as it was between empty lines
	Purpose    string        // Message.Purpose
	Expires    time.Duration // Message.Expires
}

func pageOf(m delivery.Message) Page {
	return Page{
		Locale:     m.Locale,
		Subject:    m.Subject,
		Code:       m.Code.Reveal(),
		Paragraphs: strings.Split(m.Body.Reveal(), "\n\n"),
		Purpose:    m.Purpose,
		Expires:    m.Expires,
	}
}

// plainPage returns the default of Config.HTML. It sets no colours, so that
// dark mode is the reader's; dir="auto" does for languages written from the
// right; the two format hints keep phones from making a telephone number of
// the code; user-select takes the whole code with one tap.
func plainPage() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html{{with .Locale}} lang="{{.}}"{{end}}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no">
<meta name="x-apple-disable-message-reformatting">
<title>{{.Subject}}</title>
<style>:root { color-scheme: light dark }</style>
</head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
{{with .Code}}<p style="margin:0 0 16px;font:700 32px/1.25 ui-monospace,monospace;-webkit-user-select:all;user-select:all">{{.}}</p>
{{end}}{{range .Paragraphs}}<p dir="auto" style="margin:0 0 16px;white-space:pre-line">{{.}}</p>
{{end}}</body>
</html>
`))
}

// page writes the HTML part of a message.
func (c *Config) page(m delivery.Message) (string, error) {
	p := pageOf(m)
	if c.Pages != nil {
		out, ok, err := c.Pages(p)
		switch {
		case err != nil:
			return "", err
		case ok && len(out) > maxPage:
			return "", fmt.Errorf("longer than %d bytes", maxPage)
		case ok && !strings.Contains(out, p.Code):
			return "", errNoCode
		case ok:
			return out, nil
		}
	}
	return render(c.HTML, p)
}

var errNoCode = errors.New("the code is not on the page in one piece")

// render executes a page's template.
func render(t *template.Template, p Page) (string, error) {
	b := limited{left: maxPage}
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	return b.String(), nil
}

// A limited is a buffer that takes no more than so many bytes.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("longer than %d bytes", maxPage)
	}
	return l.Buffer.Write(p)
}

// checkPage writes a page as New needs to see it before it trusts a template.
func checkPage(t *template.Template) error {
	const code = "S4MPLE"
	out, err := render(t, Page{
		Locale: "en", Subject: "Your code", Code: code, Purpose: "login", Expires: time.Minute,
		Paragraphs: []string{"Your code is " + code + ".", "If you did not ask for it, you can ignore this message."},
	})
	switch {
	case err != nil:
		return err
	case !strings.Contains(out, code):
		return errNoCode
	}
	return nil
}
