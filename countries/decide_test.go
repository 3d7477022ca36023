package countries

import (
	"errors"

	"github.com/passcode-go/passcode/countries/region"
)

// What the default rule for SMS comes to: allowed, or why not.
const (
	allowed     = "allowed"
	unsupported = "refused: unsupported region"
	noCountry   = "refused: no country"
	wrongType   = "refused: type"
	invalid     = "refused: invalid"
)

// decide is the default rule for SMS, which is Mobile and membership of
// region.Unsupported, nothing else.
func decide(raw string) (decision string, reg region.Code, kind Type) {
	_, r, k, err := Mobile(raw)
	reg, kind = region.Code(r), Type(k)
	switch {
	case errors.Is(err, ErrNoCountry):
		return noCountry, reg, kind
	case errors.Is(err, ErrType):
		return wrongType, reg, kind
	case err != nil:
		return invalid, reg, kind
	case region.Unsupported().Has(reg):
		return unsupported, reg, kind
	}
	return allowed, reg, kind
}
