package delivery

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Text says what a message is to tell.
type Text struct {
	Channel Channel
	Purpose string        // what the code is for, as the program said
	Locale  string        // one of Locales of the channel
	App     string        // Texts.App
	Code    string        // the code, which stands in the body once
	Expires time.Duration // how long it lives from now
	Time    string        // Expires in words of the locale, such as "2 min"
}

// A Writer writes the texts of messages. Texts calls it with all fields filled.
// ok is false for a message that it has no text for; then that of Texts is
// sent. The lines of an SMS that are for machines are not its own: Texts adds
// them. It is safe for concurrent use.
type Writer interface {
	Write(t Text) (subject, body string, ok bool, err error)
}

// maxSubject and maxBody bound what a Writer may write, in characters and
// bytes.
const (
	maxSubject = 200
	maxBody    = 16 << 10
)

// custom returns what a Writer wrote, or says what is wrong with it. An error
// repeats nothing of the text, which holds the code.
func (t Texts) custom(text Text, subject, body string) (string, string, error) {
	fault := func(format string, args ...any) (string, string, error) {
		return "", "", fmt.Errorf("%w: the text by %s for purpose %q in %s %s", ErrTexts, text.Channel, text.Purpose, text.Locale, fmt.Sprintf(format, args...))
	}
	lines := strings.Split(body, "\n")
	switch {
	case len(body) > maxBody || !utf8.ValidString(body):
		return fault("is longer than %d bytes, or not UTF-8", maxBody)
	case strings.ContainsFunc(strings.ReplaceAll(body, "\n", ""), unprintable):
		return fault("has a character that does not print")
	case strings.Count(body, text.Code) != 1:
		return fault("has the code %d times, not once", strings.Count(body, text.Code))
	case body != strings.TrimSpace(body):
		return fault("begins or ends with a space or an empty line")
	case (subject == "") == (text.Channel == Email):
		return fault("has a subject, or has none: e-mail needs one, and nothing else may have it")
	case utf8.RuneCountInString(subject) > maxSubject || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unprintable):
		return fault("has a subject of more than %d characters, or with one that does not print", maxSubject)
	case strings.Contains(subject, text.Code):
		return fault("has the code in its subject, which shows on lock screens and in logs")
	case strings.HasPrefix(lines[len(lines)-1], "@"):
		return fault("ends in a line that begins with @: set Origin, and leave that line to it")
	}
	if text.Channel != SMS {
		return subject, body, nil
	}
	body += t.lastLines(text.Code)
	if parts := SMSParts(body); parts > t.maxSMS() {
		units, limit := SMSLength(body)
		return fault("takes %d messages, more than MaxSMS, with %d units where one holds %d", parts, units, limit)
	}
	return subject, body, nil
}
