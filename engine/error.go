package engine

import (
	"strconv"
	"strings"
	"time"
)

// A Kind is a reason why the engine refused. Each is an error of its own, so
// that errors.Is(err, engine.ErrWrong) asks for it.
type Kind uint8

// What Start, Resend and VerifyAddress refuse a request for. Nothing was
// stored, counted or sent.
const (
	ErrRequest    Kind = iota + 1 // a field of the request, or an id, is malformed or out of range
	ErrAddress                    // the channel's parser refused it
	ErrCountry                    // the number's region is refused for the channel
	ErrNumberType                 // the number cannot receive, or the policy does not allow, messages
)

// What becomes of a guess that is not accepted.
const (
	ErrFormat   Kind = iota + 11 // what was typed can be no code; not counted
	ErrWrong                     // compared and counted; AttemptsLeft says how many guesses remain
	ErrExpired                   // not compared
	ErrUsed                      // not compared: used, replaced, cancelled, its tries spent, its key removed, or never sent
	ErrLocked                    // not compared, or not sent; Until says for how long
	ErrMismatch                  // not compared: another client asked for the code, or an unknown one
)

// What becomes of a send that does not happen, and of any call that cannot be
// decided.
const (
	ErrLimited     Kind = iota + 21 // too many codes were sent; RetryAfter says when the next may be
	ErrDelivery                     // the provider refused; the error unwraps to a *delivery.Error
	ErrUnavailable                  // a dependency failed or is overloaded; nothing was accepted
)

func (k Kind) Error() string {
	text := "unknown kind of error"
	switch k {
	case ErrRequest:
		text = "bad request"
	case ErrAddress:
		text = "bad address"
	case ErrCountry:
		text = "country not reached"
	case ErrNumberType:
		text = "type of number not reached"
	case ErrFormat:
		text = "not the form of a code"
	case ErrWrong:
		text = "wrong code"
	case ErrExpired:
		text = "code expired"
	case ErrUsed:
		text = "code used or replaced"
	case ErrLocked:
		text = "address locked"
	case ErrMismatch:
		text = "another client asked for the code"
	case ErrLimited:
		text = "too many codes sent"
	case ErrDelivery:
		text = "not delivered"
	case ErrUnavailable:
		text = "unavailable"
	}
	return "passcode: " + text
}

// An Error is what every method of the engine returns when it refuses. It
// holds no code and no address.
type Error struct {
	Kind         Kind
	AttemptsLeft int           // with ErrWrong: guesses that remain before the code or the address closes
	RetryAfter   time.Duration // with ErrLimited, ErrLocked, and the ErrWrong that closed the address: how long to wait; more than 0
	Region       string        // with ErrCountry and ErrNumberType: the number's region, where known
	Err          error         // the cause, if there is one

	until int64 // Unix nanoseconds; 0 if the address is not locked
}

// Until returns when the lock ends, with ErrLocked and with the ErrWrong that
// closed the address; else the zero time.
func (e *Error) Until() time.Time {
	if e.until == 0 {
		return time.Time{}
	}
	return time.Unix(0, e.until).UTC()
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
