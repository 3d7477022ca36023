package textfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// A pageText is what an HTML part is executed with.
type pageText struct {
	delivery.Text
	Subject string
}

// HTML writes the HTML part of an e-mail from the file that fits best; ok is
// false if none does. App, Time and Channel of t are filled here. It is safe for
// concurrent use.
func (f *Files) HTML(t delivery.Text, subject string) (part string, ok bool, err error) {
	file := find(f.pages, name{t.Purpose, delivery.Email, t.Locale, page})
	if file == nil {
		return "", false, nil
	}
	t.Channel = delivery.Email
	texts := f.words
	texts.Custom = filler{&t}
	if _, _, err := texts.Write(t); err != nil {
		return "", false, err
	}
	part, err = execute(file, page.most(), pageText{t, subject}, pageText{sample(t), subject})
	return part, err == nil, err
}

// A filler is a Writer that writes nothing, and keeps the text with the fields
// that Texts has filled.
type filler struct{ text *delivery.Text }

func (f filler) Write(t delivery.Text) (subject, body string, ok bool, err error) {
	*f.text = t
	return "", "", false, nil
}

// tag is what is not text in HTML, as html/template writes it: comments are
// gone, and a < in a value is escaped.
var tag = regexp.MustCompile(`<[^>]*>`)

// checkPage writes an HTML part and says what is wrong with it.
func (f *Files) checkPage(t delivery.Text) error {
	out, _, err := f.HTML(t, "Subject")
	if err != nil {
		return err
	}
	in, shown := strings.Count(out, t.Code), strings.Count(tag.ReplaceAllString(out, ""), t.Code)
	switch {
	case !utf8.ValidString(out):
		return errors.New("is not UTF-8")
	case in != 1:
		return fmt.Errorf("the page in %s has the code %d times, not once", t.Locale, in)
	case shown != 1:
		return fmt.Errorf("the page in %s has the code in a tag, where nobody sees it", t.Locale)
	}
	return nil
}
