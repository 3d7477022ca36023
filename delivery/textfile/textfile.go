// Package textfile reads the texts of messages from files, for operators who
// want words of their own.
//
//	sms.txt                 an SMS for every purpose in every language
//	sms.es.txt              the same in Spanish
//	login/sms.es.txt        an SMS for the purpose "login" in Spanish
//	email.txt               the body of an e-mail
//	email.subject.txt       its subject
//	email.html              its HTML part
//	login/email.fr.subject.txt
//
// A file is a template of package text/template, executed with a
// [delivery.Text]:
//
//	{{.Code}} is your {{.App}} code. It expires in {{.Time}}.
//
// One that ends in .html is a template of package html/template, which knows the
// {{.Subject}} besides.
//
// Of several files the one in the reader's language goes before one in any, and
// of those one for the purpose before one for all; where no file fits, the
// built-in text is sent. Lines end in LF or CRLF; empty ones at the end do not
// count.
//
// [Load] executes every file with a sample and names all that is wrong: a code
// that stands there twice or not at all, a character that does not print, an SMS
// that takes more messages than [delivery.Texts.MaxSMS], a subject with a line
// end or the code in it. The lines of an SMS that are for machines, those of
// Texts.Origin and Texts.AppHash, are added to a text and must not stand in it.
//
// HTML parts are for the sender: give [Files.HTML] to the adapter smtpsender. One
// has the code once, in its text: an address, say, would carry it away.
package textfile

import (
	"cmp"
	"errors"
	"fmt"
	html "html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// ErrFile is what every error of Load is.
var ErrFile = errors.New("textfile: a text cannot be used")

// A Config says what the texts are checked with.
type Config struct {
	// Texts are those that the files will stand in for: App, Origin, AppHash
	// and MaxSMS count. Custom is not looked at.
	Texts delivery.Texts

	// CodeLength is how many characters a code has. Default 6.
	CodeLength int
}

// Files are texts that were read from files. They are a [delivery.Writer] for
// delivery.Texts.Custom, and safe for concurrent use.
type Files struct {
	texts map[name]*template.Template
	pages map[name]*html.Template
	words delivery.Texts // fill the fields of a page
}

var _ delivery.Writer = (*Files)(nil)

// A name is what the path of a file says.
type name struct {
	purpose string // "": every one
	channel delivery.Channel
	locale  string // "": every one
	part    part
}

// A part is what a file is of a message.
type part string

const (
	body    part = ""
	subject part = "subject"
	page    part = "html"
)

// most bounds the bytes of a file, and of what it is executed to. Gmail cuts a
// message off at 102 KB.
func (p part) most() int {
	if p == page {
		return 100 << 10
	}
	return 16 << 10
}

// Load reads all files of fsys whose names end in .txt or .html. What is in it
// besides, a README say, is left alone. The error names every file that cannot be used,
// and the line where there is one.
func Load(fsys fs.FS, cfg Config) (*Files, error) {
	f := &Files{make(map[name]*template.Template), make(map[name]*html.Template), cfg.Texts}
	paths := make(map[name]string)
	var faults []error
	fault := func(path string, err error) { faults = append(faults, fmt.Errorf("%s: %w", path, err)) }
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".txt") && !strings.HasSuffix(path, ".html") {
			return err
		}
		n, err := parseName(path)
		if err == nil {
			err = f.parseFile(fsys, path, n)
			paths[n] = path
		}
		if err != nil {
			fault(path, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if len(faults) == 0 {
		for _, n := range slices.SortedFunc(maps.Keys(paths), func(a, b name) int { return cmp.Compare(paths[a], paths[b]) }) {
			if err := f.check(n, cfg); err != nil {
				fault(paths[n], err)
			}
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrFile, errors.Join(faults...))
	}
	return f, nil
}

// parseName reads [PURPOSE/]CHANNEL[.LOCALE][.subject].txt, or the same without
// subject that ends in .html.
func parseName(file string) (n name, err error) {
	dir, base := path.Split(file)
	n.purpose = strings.TrimSuffix(dir, "/")
	if rest, ok := strings.CutSuffix(base, ".html"); ok {
		n.part, base = page, rest
	}
	parts := strings.Split(strings.TrimSuffix(base, ".txt"), ".")
	n.channel = delivery.Channel(parts[0])
	if parts = parts[1:]; n.part == body && len(parts) > 0 && parts[len(parts)-1] == "subject" {
		n.part, parts = subject, parts[:len(parts)-1]
	}
	if len(parts) == 1 {
		n.locale, parts = parts[0], nil
	}
	switch {
	case len(parts) > 0 || strings.Contains(n.purpose, "/"):
		return n, errors.New("the name is not [PURPOSE/]CHANNEL[.LOCALE][.subject].txt or [PURPOSE/]email[.LOCALE].html")
	case n.channel.Class() == "":
		return n, fmt.Errorf("%q is no channel: they are sms, whatsapp and email", n.channel)
	case n.part != body && n.channel != delivery.Email:
		return n, errors.New("only e-mail has a subject, or an HTML part")
	case n.locale != "" && !slices.Contains(delivery.Locales(n.channel), n.locale):
		return n, fmt.Errorf("%q is no locale of this channel: they are %s", n.locale, strings.Join(delivery.Locales(n.channel), ", "))
	}
	return n, nil
}

func (f *Files) parseFile(fsys fs.FS, path string, n name) error {
	info, err := fs.Stat(fsys, path)
	if err != nil {
		return err
	}
	if most := n.part.most(); info.Size() > int64(most) {
		return fmt.Errorf("longer than %d bytes", most)
	}
	content, err := fs.ReadFile(fsys, path)
	if err != nil {
		return err
	}
	if n.part == page {
		f.pages[n], err = html.New(path).Option("missingkey=error").Parse(string(content))
		return err
	}
	text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	f.texts[n], err = template.New(path).Option("missingkey=error").Parse(text)
	return err
}

// check writes a file with a sample, in every language that it may be sent in.
func (f *Files) check(n name, cfg Config) error {
	texts := cfg.Texts
	texts.Custom = f
	locales := delivery.Locales(n.channel)
	if n.locale != "" {
		locales = []string{n.locale}
	}
	if n.channel == delivery.Email && n.part != page && find(f.texts, other(n)) == nil {
		return errors.New("an e-mail needs a subject and a body: the other file is missing")
	}
	code := strings.Repeat("8264917350", 10)[:min(max(cmp.Or(cfg.CodeLength, 6), 1), 100)]
	for _, locale := range locales {
		sample := delivery.Text{Channel: n.channel, Purpose: n.purpose, Locale: locale, Code: code, Expires: 99 * time.Minute}
		if n.part == page {
			if err := f.checkPage(sample); err != nil {
				return err
			}
		} else if _, _, err := texts.Write(sample); err != nil {
			return err
		}
	}
	return nil
}

// other returns the name of the text that goes with one of an e-mail.
func other(n name) name {
	if n.part == subject {
		n.part = body
	} else {
		n.part = subject
	}
	return n
}

// find returns the template that is nearest to a name, nil if there is none.
func find[T any](templates map[name]*T, n name) *T {
	for _, locale := range []string{n.locale, ""} {
		for _, purpose := range []string{n.purpose, ""} {
			if t := templates[name{purpose, n.channel, locale, n.part}]; t != nil {
				return t
			}
		}
	}
	return nil
}

// Write implements [delivery.Writer].
func (f *Files) Write(t delivery.Text) (head, text string, ok bool, err error) {
	n := name{purpose: t.Purpose, channel: t.Channel, locale: t.Locale}
	file := find(f.texts, n)
	if file == nil {
		return "", "", false, nil
	}
	if text, err = execute(file, body.most(), t, sample(t)); err != nil {
		return "", "", false, err
	}
	if t.Channel != delivery.Email {
		return "", text, true, nil
	}
	n.part = subject
	if file = find(f.texts, n); file == nil {
		return "", "", false, nil
	}
	head, err = execute(file, subject.most(), t, sample(t))
	return head, text, err == nil, err
}

// sample returns a text with another code.
func sample(t delivery.Text) delivery.Text {
	t.Code = "CODE"
	return t
}

// execute returns what a template makes of data. The error of a template
// repeats values, the code among them, so it is replaced by that of a sample.
func execute(t interface {
	Execute(io.Writer, any) error
	Name() string
}, most int, data, sample any) (string, error) {
	b := limited{most: most}
	if err := t.Execute(&b, data); err != nil {
		if err := t.Execute(&limited{most: most}, sample); err != nil {
			return "", err
		}
		return "", fmt.Errorf("%s cannot be executed", t.Name())
	}
	return b.String(), nil
}

// A limited is a builder that takes no more than so many bytes.
type limited struct {
	strings.Builder
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.most {
		return 0, fmt.Errorf("more than %d bytes", l.most)
	}
	return l.Builder.Write(p)
}
