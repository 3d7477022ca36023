package sessions

import (
	"slices"
	"time"
)

// A Requirement is what a program wants a session to have proved.
type Requirement struct {
	methods []Method
	age     time.Duration // zero: any
}

// Require returns the requirement of a factor by each of these methods. SMS
// and WhatsApp reach one number and count for each other; a RecoveryCode counts
// for an Authenticator.
func Require(methods ...Method) Requirement { return Requirement{methods: slices.Clone(methods)} }

// Within asks besides that each of the factors was authenticated no longer ago
// than age: before a change of address, a payment. Zero is any age.
func (r Requirement) Within(age time.Duration) Requirement {
	r.age = age
	return r
}

// Missing returns the methods by which the session's user has yet to
// authenticate, in the order of Require; none if the requirement is met at
// the moment now. It does not look at whether the session is alive.
func (r Requirement) Missing(s Session, now time.Time) []Method {
	var missing []Method
	for _, method := range r.methods {
		if !slices.ContainsFunc(s.Factors, func(f Factor) bool {
			return counts(f.Method, method) && (r.age == 0 || r.recent(f, now))
		}) {
			missing = append(missing, method)
		}
	}
	return missing
}

// recent reports whether a factor was authenticated within the age, and not by
// a clock that ran ahead.
func (r Requirement) recent(f Factor, now time.Time) bool {
	ago := now.Sub(f.LastAt)
	return ago <= r.age && ago >= -time.Duration(skew)
}

// counts reports whether a factor by one method is as good as one by another.
func counts(has, wanted Method) bool {
	switch wanted {
	case SMS, WhatsApp:
		return has == SMS || has == WhatsApp
	case Authenticator:
		return has == Authenticator || has == RecoveryCode
	}
	return has == wanted
}
