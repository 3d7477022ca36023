package countries

import (
	"errors"

	"github.com/passcode-go/passcode/countries/region"
)

// Why a number is refused, for errors.Is.
var (
	ErrSyntax    = errors.New("countries: not E.164, which is a plus sign and 2 to 15 digits that do not begin with 0, and nothing else")
	ErrInvalid   = errors.New("countries: no number plan has this number")
	ErrNoCountry = errors.New("countries: the number belongs to no country")
	ErrType      = errors.New("countries: a number of this type cannot receive a text")
)

// An Error is why a number was refused. It never holds the number, so it may
// be logged and shown.
type Error struct {
	Err    error       // wraps ErrSyntax, ErrInvalid, ErrNoCountry or ErrType
	Region region.Code // of the number, where it is ErrNoCountry or ErrType; else empty
	Type   Type        // likewise
}

// Error says why, and for a number that exists its region and type.
func (e *Error) Error() string {
	if e.Region == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (" + string(e.Region) + ", " + string(e.Type) + ")"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Refused says on what ground a number that exists was refused: "country",
// "type", or "" for one that does not exist. The engine asks for it through an
// interface, since it does not import this package.
func (e *Error) Refused() string {
	switch {
	case errors.Is(e.Err, ErrNoCountry):
		return "country"
	case errors.Is(e.Err, ErrType):
		return "type"
	}
	return ""
}
