package engine

import (
	"strconv"
	"strings"
	"time"
)

// A Kind is a reason why the engine refused. Each is an error of its own, so
// that errors.Is(err, engine.ErrWrong) asks for it.
type Kind string

func (k Kind) Error() string { return "passcode: " + string(k) }

// What Start, Resend and VerifyAddress refuse a request for. Nothing was
// stored, counted or sent.
const (
	ErrRequest    Kind = "bad request"                // a field of the request, or an id, is malformed or out of range
	ErrAddress    Kind = "bad address"                // the channel's parser refused it
	ErrCountry    Kind = "country not reached"        // the number's region is refused for the channel
	ErrNumberType Kind = "type of number not reached" // the number cannot receive, or the policy does not allow, messages
)

// What becomes of a guess that is not accepted.
const (
	ErrFormat  Kind = "not the form of a code" // not counted: what was typed can be no code
	ErrWrong   Kind = "wrong code"             // compared and counted; AttemptsLeft says how many guesses remain
	ErrExpired Kind = "code expired"           // not compared
	ErrUsed    Kind = "code used or replaced"  // not compared: used, replaced, cancelled, its tries spent, its key removed, or never sent
	ErrLocked  Kind = "address locked"         // not compared, or not sent; Until says for how long
)

// What becomes of a send that does not happen, and of any call that cannot be
// decided.
const (
	ErrLimited     Kind = "too many codes sent" // RetryAfter says when the next may be sent
	ErrDelivery    Kind = "not delivered"       // the provider refused; the error unwraps to a *delivery.Error
	ErrUnavailable Kind = "unavailable"         // a dependency failed or is overloaded; nothing was accepted
)

// An Error is what every method of the engine returns when it refuses. It
// holds no code and no address.
type Error struct {
	Kind         Kind
	AttemptsLeft int           // with ErrWrong: guesses that remain before the code or the address closes
	Until        time.Time     // with ErrLocked, and with the ErrWrong that closed the address: when the lock ends
	RetryAfter   time.Duration // with ErrLimited, and wherever Until is set: how long to wait; more than 0
	Region       string        // with ErrCountry and ErrNumberType: the number's region, where known
	Err          error         // the cause, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	switch e.Kind {
	case ErrWrong:
		b.WriteString(", attempts left: ")
		b.WriteString(strconv.Itoa(e.AttemptsLeft))
	case ErrLimited, ErrLocked:
		b.WriteString(", retry after ")
		b.WriteString(e.RetryAfter.String())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Is reports whether target is the error's Kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
