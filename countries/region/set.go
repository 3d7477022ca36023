package region

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrUnknown is the error of a code that is not in the table.
var ErrUnknown = errors.New("region: unknown code")

// A Set is an immutable set of regions. The zero value is the empty set. Sets
// may be copied, and == tells whether two hold the same codes.
type Set struct {
	words [(len(table) + 63) / 64]uint64 // a bit for each entry of the table
}

// NewSet returns the set of these codes; twice the same code counts once. If
// one is not [Code.Known], such as "UK" (Britain is "GB") or "us", the error
// names it and is an [ErrUnknown].
func NewSet(codes ...Code) (Set, error) {
	var s Set
	for _, c := range codes {
		i, ok := find(c)
		if !ok {
			return Set{}, fmt.Errorf("%w: %q; codes are those of ISO 3166-1, such as US or GB", ErrUnknown, c)
		}
		s.words[i/64] |= 1 << (i % 64)
	}
	return s, nil
}

// Has reports whether the set holds the code. It does not allocate.
func (s Set) Has(c Code) bool {
	i, ok := find(c)
	return ok && s.words[i/64]&(1<<(i%64)) != 0
}

// Len returns the number of codes in the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Codes returns the codes of the set in alphabetic order. It is never nil, so
// that an empty set cannot be taken for an absent one.
func (s Set) Codes() []Code {
	codes := make([]Code, 0, s.Len())
	for i, r := range table {
		if s.words[i/64]&(1<<(i%64)) != 0 {
			codes = append(codes, r.code)
		}
	}
	return codes
}
