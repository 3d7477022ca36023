package delivery

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors of Texts.
var (
	ErrLocale = errors.New("delivery: no text in this locale for this channel")
	ErrTexts  = errors.New("delivery: texts cannot be used")
)

// maxApp bounds the characters of an application's name.
const maxApp = 32

// Texts writes the messages that carry codes, in the languages of [Locales].
// Nothing that a user typed enters a message. The zero value is ready to use.
// Texts is safe for concurrent use.
type Texts struct {
	// App is the name of the application, as people know it: at most 32
	// printable characters. Empty: messages name no application.
	App string

	// Origin is the host that codes are entered on, in lower case, such as
	// "example.com": no scheme, no port. The last line of an SMS is then
	// "@example.com #123456", the origin-bound format of the WICG
	// (sms-one-time-codes), and a browser fills the code in on pages of the
	// same site and nowhere else. Since the site is what counts, the
	// registrable domain does for all hosts below it. Empty: no such line.
	Origin string

	// AppHash is the 11 characters by which Android knows an app, for its SMS
	// Retriever; they stand in a line of their own, before that of Origin.
	// Empty: no such line.
	AppHash string

	// MaxSMS is how many messages an SMS may be cut into. Default 1, at most
	// 10: each is paid for, and some networks lose one of several.
	MaxSMS int

	// Custom writes messages in the place of the texts here; package textfile
	// reads it from files. Default: none.
	Custom Writer
}

// Check reports whether t can write every message with a code of codeLength
// characters that lives for at most 99 minutes. An SMS must fit into MaxSMS
// messages by [SMSParts] in each locale; the error names those it is too long
// for, and by how much. Call it when a program starts: Render then does not
// fail for anything but its arguments. What Custom writes is checked as it is
// written; who makes one checks it before.
func (t Texts) Check(codeLength int) error {
	if err := t.validate(); err != nil {
		return err
	}
	if codeLength < 1 || codeLength > maxSeptets {
		return fmt.Errorf("%w: a code of %d characters", ErrTexts, codeLength)
	}
	var over []string
	for i := range locales {
		l := &locales[i]
		body := t.sms(l, strings.Repeat("0", codeLength), 99*time.Minute)
		if parts := SMSParts(body); parts > t.maxSMS() {
			units, limit := SMSLength(body)
			over = append(over, fmt.Sprintf("%s by %d", l.name, units-limit))
		}
	}
	if over != nil {
		return fmt.Errorf("%w: with this App, Origin and code length an SMS is too long in %s", ErrTexts, strings.Join(over, ", "))
	}
	return nil
}

func (t Texts) validate() error {
	switch {
	case utf8.RuneCountInString(t.App) > maxApp:
		return fmt.Errorf("%w: App has more than %d characters", ErrTexts, maxApp)
	case !utf8.ValidString(t.App) || strings.ContainsFunc(t.App, unprintable):
		return fmt.Errorf("%w: App has a character that does not print", ErrTexts)
	case t.App != strings.TrimSpace(t.App):
		return fmt.Errorf("%w: App begins or ends with a space", ErrTexts)
	case t.AppHash != "" && (len(t.AppHash) != 11 || strings.ContainsFunc(t.AppHash, notBase64)):
		return fmt.Errorf("%w: AppHash is not 11 characters of base64", ErrTexts)
	case t.MaxSMS < 0 || t.MaxSMS > 10:
		return fmt.Errorf("%w: MaxSMS %d is outside 1 to 10", ErrTexts, t.MaxSMS)
	}
	if t.Origin != "" {
		if fault := hostFault(t.Origin); fault != "" {
			return fmt.Errorf("%w: Origin %s", ErrTexts, fault)
		}
	}
	return nil
}

// Render writes one message. The locale is matched as by [MatchLocale]; the
// code is ASCII letters and digits; expires is how long it lives from now, and
// is told in whole minutes, or in seconds if less than one is left.
//
// The code appears once in the body, and once more in the last line of an SMS
// with an Origin. The subject is empty except in e-mail and never holds the
// code, since subjects show on lock screens and in logs of mail servers. Lines
// end in "\n", the last in nothing.
//
// The error is ErrLocale, or ErrTexts for any other argument.
func (t Texts) Render(ch Channel, locale, code string, expires time.Duration) (subject, body string, err error) {
	return t.Write(Text{Channel: ch, Locale: locale, Code: code, Expires: expires})
}

// Write is Render of a text for a purpose, which only Custom looks at. What
// Custom writes is bound to the same form: the code once, no character that
// does not print, a subject for e-mail and for nothing else, an SMS within
// MaxSMS.
func (t Texts) Write(text Text) (subject, body string, err error) {
	ch, code, expires := text.Channel, text.Code, text.Expires
	l := find(ch, text.Locale)
	if l == nil {
		return "", "", ErrLocale
	}
	if err := t.validate(); err != nil {
		return "", "", err
	}
	if code == "" || strings.ContainsFunc(code, func(r rune) bool { return r >= 0x80 || !alphanumeric(byte(r)) }) {
		return "", "", fmt.Errorf("%w: a code is ASCII letters and digits", ErrTexts)
	}
	if expires <= 0 {
		return "", "", fmt.Errorf("%w: the code has no time left", ErrTexts)
	}
	if t.Custom != nil {
		text.Locale, text.App, text.Time = l.name, t.App, l.time(expires)
		subject, body, ok, err := t.Custom.Write(text)
		if err != nil {
			return "", "", fmt.Errorf("%w: %w", ErrTexts, err)
		}
		if ok {
			return t.custom(text, subject, body)
		}
	}
	switch ch {
	case SMS:
		return "", t.sms(l, code, expires), nil
	case WhatsApp:
		return "", t.fill(l, code, expires, l.head(t.App), l.life, l.warn), nil
	}
	subject = l.subject
	if t.App != "" {
		subject = l.subjectApp
	}
	return t.fill(l, code, expires, subject), t.fill(l, code, expires, l.head(t.App), l.life, l.warn, "\n\n", l.ignore), nil
}

// sms writes the fullest text that fits into one SMS: with the warning not to
// share the code, without it, with the lifetime in parentheses only.
func (t Texts) sms(l *locale, code string, expires time.Duration) (body string) {
	last := t.lastLines(code)
	for _, tail := range []string{l.life + l.warn, l.life, " ({time})"} {
		body = t.fill(l, code, expires, l.head(t.App), tail) + last
		if SMSParts(body) <= t.maxSMS() {
			break
		}
	}
	return body
}

// lastLines returns the lines of an SMS that are for machines.
func (t Texts) lastLines(code string) (last string) {
	if t.AppHash != "" {
		last = "\n" + t.AppHash
	}
	if t.Origin != "" {
		last += "\n@" + t.Origin + " #" + code
	}
	return last
}

func (t Texts) maxSMS() int { return max(t.MaxSMS, 1) }

func notBase64(r rune) bool {
	return r >= 0x80 || !alphanumeric(byte(r)) && r != '+' && r != '/'
}

// fill joins the parts and replaces their placeholders in one pass, so that
// nothing in a value is taken for a placeholder.
func (t Texts) fill(l *locale, code string, expires time.Duration, parts ...string) string {
	return strings.NewReplacer("{app}", t.App, "{code}", code, "{time}", l.time(expires)).Replace(strings.Join(parts, ""))
}

// Locales returns the locales that have a text for the channel, English
// first, none for an unknown channel. They are spelled as on the wire of the
// HTTP interface.
func Locales(ch Channel) []string {
	var names []string
	for i := range locales {
		if locales[i].speaks(ch) {
			names = append(names, locales[i].name)
		}
	}
	return names
}

// MatchLocale returns the locale of [Locales] that is spelled like s in any
// mix of capital and small letters, and whether there is one. Empty is "en".
// There is no guessing: "pt" is not "pt-br", and "en-US" is not "en". See
// [BestLocale] for that.
func MatchLocale(ch Channel, s string) (string, bool) {
	if l := find(ch, s); l != nil {
		return l.name, true
	}
	return "", false
}

func find(ch Channel, name string) *locale {
	if name == "" {
		name = "en"
	}
	for i := range locales {
		// EqualFold takes a long s for an s; the lengths keep it out.
		l := &locales[i]
		if l.speaks(ch) && len(l.name) == len(name) && strings.EqualFold(l.name, name) {
			return l
		}
	}
	return nil
}

func (l *locale) speaks(ch Channel) bool {
	return ch.Class() == ClassPhone || ch == Email && l.subject != ""
}

func (l *locale) head(app string) string {
	if app == "" {
		return l.plain
	}
	return l.named
}

// time never promises more than there is, but for half a second, so that two
// minutes do not become one on the way here.
func (l *locale) time(d time.Duration) string {
	seconds := int(d.Round(time.Second) / time.Second)
	if seconds >= 60 {
		return strconv.Itoa(seconds/60) + l.minutes
	}
	return strconv.Itoa(max(seconds, 1)) + l.seconds
}
