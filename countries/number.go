package countries

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/nyaruka/phonenumbers"

	"github.com/passcode-go/passcode/countries/region"
)

// A Type is what kind of line a number plan gives a number to.
type Type string

// The types of number.
const (
	TypeMobile            Type = "mobile"
	TypeFixedLine         Type = "fixed_line"
	TypeFixedLineOrMobile Type = "fixed_line_or_mobile" // the plan does not tell them apart, as in the US and Canada
	TypeTollFree          Type = "toll_free"            // free to call
	TypePremiumRate       Type = "premium_rate"         // dear to call
	TypeSharedCost        Type = "shared_cost"          // paid by both ends
	TypeVoIP              Type = "voip"
	TypePersonalNumber    Type = "personal_number" // follows a person from line to line
	TypePager             Type = "pager"
	TypeUAN               Type = "uan" // universal access number of a company
	TypeVoicemail         Type = "voicemail"
	TypeUnknown           Type = "unknown" // of no valid number
)

// texts reports whether a line of the type may receive a text.
func (t Type) texts() bool {
	switch t {
	case TypeMobile, TypeFixedLineOrMobile, TypeFixedLine, TypeVoIP, TypePersonalNumber:
		return true
	}
	return false
}

func typeOf(p *phonenumbers.PhoneNumber) Type {
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.MOBILE:
		return TypeMobile
	case phonenumbers.FIXED_LINE:
		return TypeFixedLine
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		return TypeFixedLineOrMobile
	case phonenumbers.TOLL_FREE:
		return TypeTollFree
	case phonenumbers.PREMIUM_RATE:
		return TypePremiumRate
	case phonenumbers.SHARED_COST:
		return TypeSharedCost
	case phonenumbers.VOIP:
		return TypeVoIP
	case phonenumbers.PERSONAL_NUMBER:
		return TypePersonalNumber
	case phonenumbers.PAGER:
		return TypePager
	case phonenumbers.UAN:
		return TypeUAN
	case phonenumbers.VOICEMAIL:
		return TypeVoicemail
	}
	return TypeUnknown
}

// A Number is one phone number. Printed, logged or marshalled it shows itself
// masked, "+•••62 US fixed_line_or_mobile"; only the field E164 has it whole.
//
// Two ways of printing get past any method and show the field: the verb %p,
// which go vet reports, and printing a struct that holds a Number in a field
// that is not exported.
type Number struct {
	E164   string      // the whole number, such as "+12025550162"
	Region region.Code // the region it belongs to, or region.World
	Type   Type
}

// String returns the masked number, "" for the zero Number.
func (n Number) String() string {
	if n == (Number{}) {
		return ""
	}
	last := ""
	if len(n.E164) >= 8 {
		last = n.E164[len(n.E164)-2:]
	}
	return "+•••" + last + " " + string(n.Region) + " " + string(n.Type)
}

// Format prints the masked number whatever the verb.
func (n Number) Format(f fmt.State, _ rune) { io.WriteString(f, n.String()) }

// LogValue returns the masked number.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText returns the masked number; encoding/json calls it too.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
