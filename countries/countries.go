// Package countries knows phone numbers: which are well written, which exist
// in a number plan, what region each belongs to and what type of line it is.
//
//   - [Mobile] is the parser for a channel that sends to phones: give it to the
//     engine with the channel's sender.
//   - [Parse] tells everything there is to know of any number.
//   - [CallingCode] and [ExampleMobile] serve country pickers and tests.
//   - Package region, beside this one, has the regions themselves, their names
//     and the set that is not texted by default.
//
// A number is accepted only as E.164 writes it: a plus sign and ASCII digits,
// with no space, letter, extension or invisible character. The number library
// below forgives far more, and drops what it forgives; a service that counts
// attempts by address must not see one phone under many names, so whatever the
// library would rewrite is refused. Programs that let people type freely tidy
// the input first and show them the result.
//
// Number plans change, so a number's validity, region and type are true on the
// day they are asked. Store the number as the string it is, ask again before
// each send, and never make an integer of it: zeros count.
//
// Number plans come from github.com/nyaruka/phonenumbers, whose metadata adds
// megabytes to a program and is loaded when it starts. That is why the
// engine takes a parser as an argument and does not import this package. What
// the metadata cannot know is who uses a number: in North America it cannot
// tell a mobile from a landline, and numbers move between operators.
//
// Everything here is safe for concurrent use.
package countries

import (
	"fmt"

	"github.com/nyaruka/phonenumbers"

	"github.com/passcode-go/passcode/countries/region"
)

// Parse returns the number that raw is in strict E.164: "+", a digit other
// than 0 and at most 14 more. Number.E164 is raw itself.
//
// The region may be [region.World] and the type any but [TypeUnknown]: Parse says
// what a number is, not whether it may be texted. The error is an [*Error],
// [ErrSyntax] or [ErrInvalid].
func Parse(raw string) (Number, error) { return parse(raw, lookup) }

// Mobile parses the number of a phone that can receive a text. It is Parse
// without numbers that belong to no country and without the types that no
// handset has: premium rate, shared cost, toll free, pager, universal access
// number and voicemail. A landline, a VoIP line and a personal number pass, as
// some receive texts; the policy decides on those, by kind, and on reg.
//
// The results are the number in E.164, its [region.Code] and its [Type], as
// the plain strings that the engine's parsers return; with an error, all are
// empty. The error is an [*Error]: one of Parse's, [ErrNoCountry] or [ErrType].
func Mobile(raw string) (address, reg, kind string, err error) {
	n, err := Parse(raw)
	switch {
	case err != nil:
		return "", "", "", err
	case n.Region == region.World:
		return "", "", "", &Error{Err: ErrNoCountry, Region: n.Region, Type: n.Type}
	case !n.Type.texts():
		return "", "", "", &Error{Err: ErrType, Region: n.Region, Type: n.Type}
	}
	return n.E164, string(n.Region), string(n.Type), nil
}

// parse looks up what is well written. The number library is a large parser
// that has panicked on hostile input before: a panic is an error here, and
// whatever it was about stays out of the error, since that may be the number.
func parse(raw string, lookup func(string) (Number, error)) (n Number, err error) {
	if !wellWritten(raw) {
		return Number{}, &Error{Err: ErrSyntax}
	}
	defer func() {
		if recover() != nil {
			n, err = Number{}, &Error{Err: errPanic}
		}
	}()
	n, err = lookup(raw)
	if err != nil {
		return Number{}, &Error{Err: err}
	}
	return n, nil
}

// wellWritten reports whether s matches ^\+[1-9][0-9]{1,14}$ (ITU-T E.164
// allows 15 digits). Nothing longer reaches the library.
func wellWritten(s string) bool {
	if len(s) < 3 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

var (
	errPanic     = fmt.Errorf("%w: the number library failed on it", ErrInvalid)
	errRewritten = fmt.Errorf("%w: it has digits that are not dialled from abroad, such as a leading 0 or an old mobile prefix", ErrInvalid)
)

// lookup finds a well-written number in the number plans.
func lookup(raw string) (Number, error) {
	p, err := phonenumbers.Parse(raw, phonenumbers.UNKNOWN_REGION)
	if err != nil {
		return Number{}, ErrInvalid
	}
	// Where a calling code is one region's own the library names that region
	// unchecked, so its plan is asked whether it has the number.
	reg := phonenumbers.GetRegionCodeForNumber(p)
	if reg == "" || !phonenumbers.IsValidNumberForRegion(p, reg) {
		return Number{}, ErrInvalid
	}
	if phonenumbers.Format(p, phonenumbers.E164) != raw {
		return Number{}, errRewritten
	}
	return Number{E164: raw, Region: region.Code(reg), Type: typeOf(p)}, nil
}

// CallingCode returns the calling code of a region, 46 for "SE", or 0 if the
// region has none of its own or is unknown. Regions share calling codes: it is
// for showing, never for deciding.
func CallingCode(c region.Code) int { return phonenumbers.GetCountryCodeForRegion(string(c)) }

// ExampleMobile returns a mobile number of the region in E.164, and false if
// the number plan has none. It is for tests: it may be a real subscriber's
// number, so never send to it. It need not belong to the region it was asked
// for: that of the Vatican is an Italian one.
func ExampleMobile(c region.Code) (e164 string, ok bool) {
	p := phonenumbers.GetExampleNumberForType(string(c), phonenumbers.MOBILE)
	if p == nil {
		return "", false
	}
	return phonenumbers.Format(p, phonenumbers.E164), true
}
