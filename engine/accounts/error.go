package accounts

import (
	"errors"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

// What is not there.
var (
	ErrUserNotFound   = errors.New("accounts: user not found")
	ErrMethodNotFound = errors.New("accounts: no user has this address or method")
)

// What the state of a user does not allow.
var (
	ErrUnverified = errors.New("accounts: the user has an address or app that waits for its first code")
	ErrHasAddress = errors.New("accounts: the user has this address already")
	ErrNotSingle  = errors.New("accounts: the user does not have exactly one factor")
	ErrTOTPGone   = errors.New("accounts: no user has this authenticator app")

	ErrLastAddress = errors.New("accounts: this is the user's last verified address")
)

// What Create and Update refuse a user for, besides the engine's errors.
// ErrField is every [*FieldError], and one of the three below it says what is
// wrong.
var (
	ErrNoAddress   = errors.New("accounts: neither phone nor e-mail address")
	ErrField       = errors.New("accounts: field refused")
	ErrFormat      = errors.New("malformed")
	ErrTooLarge    = errors.New("too large")
	ErrTooManyKeys = errors.New("too many keys")
)

// A FieldError says which field of a [NewUser] or a [Change] is refused, and
// why. It does not repeat the field's value.
type FieldError struct {
	Field string // "external_id", "name", "trusted_metadata", "untrusted_metadata" or "roles"
	Err   error  // ErrFormat, ErrTooLarge or ErrTooManyKeys
}

func (e *FieldError) Error() string { return ErrField.Error() + ": " + e.Field + ": " + e.Err.Error() }

// Unwrap returns ErrField and e.Err.
func (e *FieldError) Unwrap() []error { return []error{ErrField, e.Err} }

// An AddressError says which address of a [NewUser], a [Change] or an Exchange
// the engine refused, and why. It does not repeat the address.
type AddressError struct {
	Class delivery.Class
	Err   error // the engine's
}

func (e *AddressError) Error() string { return "accounts: " + string(e.Class) + ": " + e.Err.Error() }

// Unwrap returns e.Err.
func (e *AddressError) Unwrap() error { return e.Err }

func badRequest(why string) error {
	return &engine.Error{Kind: engine.ErrRequest, Err: errors.New(why)}
}

// What a Directory should never cause.
var (
	errLost      = errors.New("the user does not have what it was found by")
	errContended = errors.New("users of one address come and go")
)

// unavailable is what becomes of an error of the Directory. The addresses
// that the Directory knew of are cut out of its words.
func unavailable(err error, addresses ...string) error {
	return &engine.Error{Kind: engine.ErrUnavailable, Err: without(err, addresses...)}
}

// without returns an error of the Directory with addresses cut out of it.
func without(err error, addresses ...string) error {
	words := err
	for _, address := range addresses {
		words = errors.New(delivery.AsError(words, delivery.Message{To: delivery.NewAddress(address)}).Reason)
	}
	return &directoryError{"directory: " + words.Error(), err}
}

// A directoryError tells errors.Is what it came from, and does not unwrap:
// the text of the cause may hold an address.
type directoryError struct {
	text  string
	cause error
}

func (e *directoryError) Error() string        { return e.text }
func (e *directoryError) Is(target error) bool { return errors.Is(e.cause, target) }
