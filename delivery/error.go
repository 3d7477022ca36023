package delivery

import (
	"errors"
	"strings"
	"time"
)

// A Kind tells why a message was not taken, and so what may be done next.
type Kind string

// The kinds of delivery error.
const (
	Temporary     Kind = "temporary"     // the provider took nothing and may take it later: refused connection, 5xx
	Throttled     Kind = "throttled"     // the provider asks to wait: 429 or its like
	Rejected      Kind = "rejected"      // this address cannot get the message: bad number, opted out, not on WhatsApp
	Configuration Kind = "configuration" // the account or template is wrong: 401, 403, unknown sender
	Ambiguous     Kind = "ambiguous"     // cut or timed out after the request went out: it may have been sent
)

// One sentinel for each Kind, for errors.Is.
var (
	ErrTemporary     = errors.New("delivery: temporary failure")
	ErrThrottled     = errors.New("delivery: throttled")
	ErrRejected      = errors.New("delivery: rejected")
	ErrConfiguration = errors.New("delivery: configuration error")
	ErrAmbiguous     = errors.New("delivery: outcome unknown")
)

// An Error is why a sender did not deliver. Its Reason goes to logs: it holds
// neither code nor address.
type Error struct {
	Kind       Kind
	Provider   string        // who said so
	Reason     string        // in the provider's words, scrubbed
	RetryAfter time.Duration // when the provider may be asked again; 0 if it did not say
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("delivery: ")
	b.WriteString(string(e.Kind))
	for _, s := range []string{e.Provider, e.Reason} {
		if s != "" {
			b.WriteString(": ")
			b.WriteString(s)
		}
	}
	return b.String()
}

// Is reports whether target is the sentinel of the error's kind.
func (e *Error) Is(target error) bool {
	switch e.Kind {
	case Temporary:
		return target == ErrTemporary
	case Throttled:
		return target == ErrThrottled
	case Rejected:
		return target == ErrRejected
	case Configuration:
		return target == ErrConfiguration
	case Ambiguous:
		return target == ErrAmbiguous
	}
	return false
}

// AsError turns whatever a sender returned into an [*Error] that may be
// logged: an error of another type becomes Ambiguous, and the message's code
// and address are cut out of the reason, since providers like to echo them.
// It returns nil for nil. The result does not unwrap to err, whose text
// cannot be trusted.
func AsError(err error, m Message) *Error {
	if err == nil {
		return nil
	}
	e := &Error{Kind: Ambiguous, Reason: err.Error()}
	var typed *Error
	if errors.As(err, &typed) {
		*e = *typed
	}
	e.Reason, e.Provider = m.scrub(e.Reason), m.scrub(e.Provider)
	return e
}

// maxReason bounds the bytes of a provider's words that are kept.
const maxReason = 512

// scrub cuts the code and the address, with and without its plus sign, out of
// a provider's words.
func (m Message) scrub(s string) string {
	to := m.To.Reveal()
	for _, secret := range []string{m.Body.Reveal(), m.Code.Reveal(), to, strings.TrimPrefix(to, "+")} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.ToValidUTF8(strings.Map(printable, s), "")
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
