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

// sentinel returns the sentinel of a kind, nil for a kind that is none.
func (k Kind) sentinel() error {
	switch k {
	case Temporary:
		return ErrTemporary
	case Throttled:
		return ErrThrottled
	case Rejected:
		return ErrRejected
	case Configuration:
		return ErrConfiguration
	case Ambiguous:
		return ErrAmbiguous
	}
	return nil
}

// An Error is why a sender did not deliver. Its Reason goes to logs: it holds
// neither code nor address. [AsError] makes sure of that.
type Error struct {
	Kind       Kind
	Provider   string        // who said so
	Reason     string        // in the provider's words, scrubbed
	RetryAfter time.Duration // when the provider may be asked again; 0 if it did not say

	tries *[]Error // of a joined error; a pointer, so that errors can be compared
}

// Error returns the kind, the provider and the reason.
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
	return target != nil && target == e.Kind.sentinel()
}

// AsError turns whatever a sender returned into an [*Error] that may be
// logged. An error of another type, context.DeadlineExceeded among them, and
// one of no known kind become Ambiguous. The code, the address and the body of
// m are cut out of the reason, since providers like to echo them; what is left
// is one line of at most 512 bytes of printable UTF-8. So it is done with every
// one of its Tries. The result does not unwrap to err, whose text cannot be
// trusted.
//
// AsError(nil, m) is a nil *Error, which as an error is not nil: look at err
// first and return AsError(err, m) only if there is one.
func AsError(err error, m Message) *Error {
	if err == nil {
		return nil
	}
	var e Error
	switch typed, ok := errors.AsType[*Error](err); {
	case !ok:
		e.Reason = err.Error()
	case typed == nil:
		e.Reason = "the sender returned a nil *Error as its error"
	default:
		e = *typed
	}
	e.clean(&m)
	return &e
}

// clean makes an error and its tries fit to be logged. The tries are replaced,
// not changed: somebody else may hold them.
func (e *Error) clean(m *Message) {
	if e.Kind.sentinel() == nil {
		e.Kind = Ambiguous
	}
	e.RetryAfter = max(e.RetryAfter, 0)
	e.Reason, e.Provider = m.scrub(e.Reason), m.scrub(e.Provider)
	if e.tries != nil {
		tries := e.Tries()
		for i := range tries {
			tries[i].clean(m)
		}
		e.tries = &tries
	}
}
