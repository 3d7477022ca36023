package loginpage

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of a form. What people type into these pages is short.
const (
	maxForm   = 16 << 10
	maxFields = 16
	maxField  = 2 << 10 // a whole message may be pasted
)

// A form has the fields of a request, each once.
type form map[string]string

var (
	errForm      = errors.New("loginpage: unreadable form")
	errFormSize  = errors.New("loginpage: form is too large")
	errFormMedia = errors.New("loginpage: not a form")
)

// readForm reads the body of a request. It takes what the pages send, and
// nothing that needs guessing: no field twice, no control characters but the
// white space that a pasted message has.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, errFormMedia
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errFormSize
	}
	if err != nil {
		return nil, errForm
	}
	return parseForm(string(body))
}

// parseForm decodes a form's body, or the query of an address.
func parseForm(body string) (form, error) {
	if strings.Count(body, "&") >= maxFields {
		return nil, errForm
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, errForm
	}
	f := make(form, len(values))
	for name, value := range values {
		if len(value) != 1 || len(value[0]) > maxField || !typed(value[0]) {
			return nil, errForm
		}
		f[name] = value[0]
	}
	return f, nil
}

// typed reports whether somebody can have typed or pasted s.
func typed(s string) bool {
	control := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }
	return utf8.ValidString(s) && !strings.ContainsFunc(s, control)
}

// back returns the path that the form says to return to, or "" if it is not to
// be trusted.
func (f form) back() string {
	if s := f["return_to"]; LocalPath(s) {
		return s
	}
	return ""
}
