// Package region is the table of the world's regions: ISO 3166 codes, names,
// and the set that is not texted by default.
//
// A rule about countries is a [Set] of codes. A phone number is judged by the
// region it belongs to, never by its calling code, because +1, +7, +44, +262,
// +590 and +599 are each shared by several regions; package countries finds
// the region of a number, and this package, which needs no number metadata,
// says what the region is.
//
// Everything here is immutable and safe for concurrent use.
package region

import (
	"slices"
	"strings"
)

// A Code is an ISO 3166-1 alpha-2 code in upper case, such as "US". Besides
// the codes that ISO has assigned there are three that number plans know: "XK"
// for Kosovo, "AC" for Ascension Island and "TA" for Tristan da Cunha.
// [World] stands for numbers that belong to no country. ISO reserves codes
// that it does not assign, such as "UK" and "EU"; those are unknown here.
type Code string

// World is the region of numbers with a global calling code, such as
// satellite phones (+870, +881) and international toll-free (+800). It is
// no region of the table: it has no name, is not Known and fits in no [Set].
const World Code = "001"

// Name returns the region's short name in English, as it is in daily use, or
// "" if the code is not Known.
func (c Code) Name() string {
	if i, ok := find(c); ok {
		return table[i].name
	}
	return ""
}

// Known reports whether the code is in the table. Case counts: "us" is
// unknown.
func (c Code) Known() bool {
	_, ok := find(c)
	return ok
}

// All returns the code of every region in alphabetic order.
func All() []Code {
	codes := make([]Code, len(table))
	for i, r := range table {
		codes[i] = r.code
	}
	return codes
}

func find(c Code) (int, bool) {
	return slices.BinarySearchFunc(table[:], c, func(r entry, c Code) int {
		return strings.Compare(string(r.code), string(c))
	})
}
