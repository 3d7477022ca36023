package policy

import (
	"fmt"
	"slices"

	"github.com/passcode-go/passcode/countries/region"
)

// A Rule says which phone numbers a channel reaches. It goes by the region
// that a number belongs to, never by its calling code: +1, +7, +44, +262,
// +590 and +599 are each shared by several regions. The zero Rule reaches
// every region.
type Rule struct {
	Allow []region.Code // where not nil, only these; an empty list that is not nil is refused by Validate
	Deny  []region.Code // never these, allowed or not
	Types []string      // types to reach besides "mobile" and "fixed_line_or_mobile": any of "fixed_line", "voip", "personal_number"
}

// AllowOnly returns the rule that reaches these regions and no other.
func AllowOnly(regions ...region.Code) Rule {
	return Rule{Allow: append([]region.Code{}, regions...)}
}

// Unsupported returns the rule that reaches all but [region.Unsupported].
func Unsupported() Rule { return Rule{Deny: region.Unsupported().Codes()} }

func (r Rule) clone() Rule {
	return Rule{Allow: slices.Clone(r.Allow), Deny: slices.Clone(r.Deny), Types: slices.Clone(r.Types)}
}

// Types of number. Those that most handsets have are always reached, some
// where the rule names them, and the rest never: they cannot receive a text,
// or cost whoever sends one.
var (
	always   = []string{"mobile", "fixed_line_or_mobile"}
	optional = []string{"fixed_line", "voip", "personal_number"}
)

func (r Rule) validate() error {
	if r.Allow != nil && len(r.Allow) == 0 {
		return fmt.Errorf("allows no region")
	}
	for _, code := range slices.Concat(r.Allow, r.Deny) {
		if !code.Known() || code == region.World {
			return fmt.Errorf("%q is no region; codes are those of ISO 3166-1, such as US or GB", code)
		}
	}
	for _, kind := range r.Types {
		if !slices.Contains(optional, kind) && !slices.Contains(always, kind) {
			return fmt.Errorf("type %q cannot be allowed; the choice is %q", kind, optional)
		}
	}
	return nil
}

// A Region is a [region.Code], under a name that spares importers of this
// package a second import.
type Region = region.Code

// A Number is what a rule needs to know of a phone number. Package countries
// finds it out.
type Number struct {
	Region Region
	Type   string
}

// A Reason is why a number is refused.
type Reason string

// The reasons. Reached is none.
const (
	Reached       Reason = ""
	RefusedRegion Reason = "region"
	RefusedType   Reason = "type"
)

// A Decision is what a policy says of a number on a channel.
type Decision struct {
	Reason Reason
	Why    string // a sentence for logs and for the operator; it holds nothing but region, type and channel
}

// Allowed reports whether the number is reached.
func (d Decision) Allowed() bool { return d.Reason == Reached }

// Explain decides whether a number is reached on a channel, and says why.
func (p Policy) Explain(n Number, channel string) Decision {
	rule := p.rule(channel)
	place := string(n.Region)
	if name := n.Region.Name(); name != "" {
		place = name + " (" + place + ")"
	}
	refuse := func(reason Reason, format string, args ...any) Decision {
		return Decision{reason, fmt.Sprintf(format, args...)}
	}
	switch {
	case n.Region == region.World || !n.Region.Known():
		return refuse(RefusedRegion, "the number belongs to no country")
	case slices.Contains(rule.Deny, n.Region):
		return refuse(RefusedRegion, "%s is on the list of regions that %s does not reach", place, channel)
	case rule.Allow != nil && !slices.Contains(rule.Allow, n.Region):
		return refuse(RefusedRegion, "%s is not on the list of regions that %s reaches", place, channel)
	case slices.Contains(always, n.Type) || slices.Contains(rule.Types, n.Type):
		return Decision{Why: fmt.Sprintf("%s reaches %s numbers of %s", channel, n.Type, place)}
	case slices.Contains(optional, n.Type):
		return refuse(RefusedType, "%s numbers are not reached by %s unless the rule's Types name them", n.Type, channel)
	}
	return refuse(RefusedType, "%s numbers cannot receive a message", n.Type)
}

func (p Policy) rule(channel string) Rule {
	if p.Countries == nil {
		if channel == "sms" {
			return Unsupported()
		}
		return Rule{}
	}
	return p.Countries[channel]
}
