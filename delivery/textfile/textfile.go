// Package textfile reads the texts of messages from files, for operators who
// want words of their own.
//
//	sms.txt                 an SMS for every purpose in every language
//	sms.es.txt              the same in Spanish
//	login/sms.es.txt        an SMS for the purpose "login" in Spanish
//	email.txt               the body of an e-mail
//	email.subject.txt       its subject
//	login/email.fr.subject.txt
//
// A file is a template of package text/template, executed with a
// [delivery.Text]:
//
//	{{.Code}} is your {{.App}} code. It expires in {{.Time}}.
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
// The HTML part of an e-mail is the sender's: see the adapter smtpsender.
package textfile

import (
	"cmp"
	"errors"
	"fmt"
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
}

var _ delivery.Writer = (*Files)(nil)

// A name is what the path of a file says.
type name struct {
	purpose string // "": every one
	channel delivery.Channel
	locale  string // "": every one
	subject bool
}

// maxFile bounds the bytes of a file, and of what it is executed to.
const maxFile = 16 << 10

// Load reads all files of fsys whose names end in .txt. What is in it besides,
// a README say, is left alone. The error names every file that cannot be used,
// and the line where there is one.
func Load(fsys fs.FS, cfg Config) (*Files, error) {
	f := &Files{make(map[name]*template.Template)}
	paths := make(map[name]string)
	var faults []error
	fault := func(path string, err error) { faults = append(faults, fmt.Errorf("%s: %w", path, err)) }
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".txt") {
			return err
		}
		n, err := parseName(path)
		if err == nil {
			f.texts[n], err = parseFile(fsys, path)
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

// parseName reads [PURPOSE/]CHANNEL[.LOCALE][.subject].txt.
func parseName(file string) (n name, err error) {
	dir, base := path.Split(file)
	n.purpose = strings.TrimSuffix(dir, "/")
	parts := strings.Split(strings.TrimSuffix(base, ".txt"), ".")
	n.channel = delivery.Channel(parts[0])
	if parts = parts[1:]; len(parts) > 0 && parts[len(parts)-1] == "subject" {
		n.subject, parts = true, parts[:len(parts)-1]
	}
	if len(parts) == 1 {
		n.locale, parts = parts[0], nil
	}
	switch {
	case len(parts) > 0 || strings.Contains(n.purpose, "/"):
		return n, errors.New("the name is not [PURPOSE/]CHANNEL[.LOCALE][.subject].txt")
	case n.channel.Class() == "":
		return n, fmt.Errorf("%q is no channel: they are sms, whatsapp and email", n.channel)
	case n.subject && n.channel != delivery.Email:
		return n, errors.New("only e-mail has a subject")
	case n.locale != "" && !slices.Contains(delivery.Locales(n.channel), n.locale):
		return n, fmt.Errorf("%q is no locale of this channel: they are %s", n.locale, strings.Join(delivery.Locales(n.channel), ", "))
	}
	return n, nil
}

func parseFile(fsys fs.FS, path string) (*template.Template, error) {
	info, err := fs.Stat(fsys, path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	content, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	return template.New(path).Option("missingkey=error").Parse(text)
}

// check writes a file with a sample, in every language that it may be sent in.
func (f *Files) check(n name, cfg Config) error {
	texts := cfg.Texts
	texts.Custom = f
	locales := delivery.Locales(n.channel)
	if n.locale != "" {
		locales = []string{n.locale}
	}
	if n.channel == delivery.Email && f.texts[other(n)] == nil && f.find(other(n)) == nil {
		return errors.New("an e-mail needs a subject and a body: the other file is missing")
	}
	code := strings.Repeat("8264917350", 10)[:min(max(cmp.Or(cfg.CodeLength, 6), 1), 100)]
	for _, locale := range locales {
		sample := delivery.Text{Channel: n.channel, Purpose: n.purpose, Locale: locale, Code: code, Expires: 99 * time.Minute}
		if _, _, err := texts.Write(sample); err != nil {
			return err
		}
	}
	return nil
}

// other returns the name of the file that goes with one of an e-mail.
func other(n name) name {
	n.subject = !n.subject
	return n
}

// find returns the text that is nearest to a name, nil if there is none.
func (f *Files) find(n name) *template.Template {
	for _, locale := range []string{n.locale, ""} {
		for _, purpose := range []string{n.purpose, ""} {
			if t := f.texts[name{purpose, n.channel, locale, n.subject}]; t != nil {
				return t
			}
		}
	}
	return nil
}

// Write implements [delivery.Writer].
func (f *Files) Write(t delivery.Text) (subject, body string, ok bool, err error) {
	n := name{purpose: t.Purpose, channel: t.Channel, locale: t.Locale}
	text := f.find(n)
	if text == nil {
		return "", "", false, nil
	}
	if body, err = execute(text, t); err != nil {
		return "", "", false, err
	}
	if t.Channel != delivery.Email {
		return "", body, true, nil
	}
	n.subject = true
	if text = f.find(n); text == nil {
		return "", "", false, nil
	}
	subject, err = execute(text, t)
	return subject, body, err == nil, err
}

// execute returns what a template makes of a text. The error of a template
// repeats values, the code among them, so it is replaced.
func execute(t *template.Template, text delivery.Text) (string, error) {
	var b limited
	if err := t.Execute(&b, text); err != nil {
		sample := text
		sample.Code = "CODE"
		if err := t.Execute(new(limited), sample); err != nil {
			return "", err
		}
		return "", fmt.Errorf("%s cannot be executed", t.Name())
	}
	return b.String(), nil
}

// A limited is a builder that takes no more than maxFile bytes.
type limited struct{ strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxFile {
		return 0, fmt.Errorf("more than %d bytes", maxFile)
	}
	return l.Builder.Write(p)
}
