package delivery

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Join makes one error of what several providers answered to one message, in
// the order in which they were asked. Give it what [AsError] or a Breaker
// returned; nil ones are left out, and joined ones are taken apart. Of one
// error it returns a copy, of none nil.
//
// The kind of the result says what may be done now. If the last is Rejected or
// Ambiguous, nobody was asked after it, and it decides: the address cannot get
// the message, or may have got it. Else one Temporary makes it Temporary, or
// one Throttled Throttled, since then the same message may be taken later;
// and only if every provider is Configuration is it Configuration, which
// waiting does not mend. A Rejected that is not the last is another channel's,
// and decides nothing.
//
// RetryAfter is the earliest that any of those that may be asked again named,
// 0 if none did or if the last decides. Provider is the one that decides; the
// reason names the others too, each cut to its share of what a reason may
// hold. [Error.Tries] has them whole.
func Join(tries ...*Error) *Error {
	var all []Error
	for _, e := range tries {
		if e != nil {
			all = append(all, e.Tries()...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return join(all)
}

// join is Join of one error or more that are not joined themselves. It keeps
// the slice.
func join(tries []Error) *Error {
	if len(tries) == 1 {
		e := tries[0]
		return &e
	}
	decides := len(tries) - 1
	if tries[decides].Kind.hope() >= 0 {
		for i := range tries {
			if tries[i].Kind.hope() > tries[decides].Kind.hope() {
				decides = i
			}
		}
	}
	e := tries[decides]
	if e.Kind.hope() >= 0 {
		e.RetryAfter = 0
		for _, t := range tries {
			if t.Kind.hope() >= 0 && t.RetryAfter > 0 && (e.RetryAfter == 0 || t.RetryAfter < e.RetryAfter) {
				e.RetryAfter = t.RetryAfter
			}
		}
	}
	share := maxReason/len(tries) - len("; also ") // for a reason with what stands before it
	var b strings.Builder
	b.WriteString(cut(e.Reason, share))
	for i, t := range tries {
		if i == decides {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; also ")
		}
		text := string(t.Kind) + ": " + t.Reason
		if t.Provider != "" {
			text = t.Provider + ": " + text
		}
		b.WriteString(cut(text, share))
	}
	e.Reason, e.tries = cut(b.String(), maxReason), &tries
	return &e
}

// hope ranks the kinds after which another provider is asked by what may still
// come of the message; the others have -1.
func (k Kind) hope() int {
	switch k {
	case Temporary:
		return 2
	case Throttled:
		return 1
	case Configuration:
		return 0
	}
	return -1
}

// cut returns the first n bytes of s at most, and no part of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n = max(n, 0); n > 0 && !utf8.RuneStart(s[n]); n-- {
	}
	return s[:n]
}

// Tries returns what every provider answered that was asked for the message,
// or was passed over because it rests, in that order. An error that [Join] did
// not make is its own only try.
func (e *Error) Tries() []Error {
	if e.tries == nil {
		return []Error{*e}
	}
	return slices.Clone(*e.tries)
}
