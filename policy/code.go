package policy

import (
	"fmt"
	"math"
	"strings"
)

// A Code is the shape of a code.
type Code struct {
	// Length is the number of characters. Default 6; 6 to 10. Fewer than six
	// decimal digits are refused by NIST SP 800-63B-4 §3.1.3.2 and OWASP ASVS
	// 5.0 6.5.4.
	Length int

	// Alphabet is [Digits], the default, or [Unambiguous].
	Alphabet string
}

// The alphabets of a code.
const (
	// Digits are the ten decimal digits: codes that every keyboard, phone and
	// autofill understands.
	Digits = "0123456789"

	// Unambiguous are digits and capital letters of which none looks like
	// another in any common typeface (no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V) and
	// which spell no words, for want of vowels. Small letters are accepted in
	// their place.
	Unambiguous = "34679CDFGHJKMNPQRTWXY"
)

func (c Code) withDefaults() Code {
	setDefault(&c.Length, 6)
	setDefault(&c.Alphabet, Digits)
	return c
}

func (c Code) validate() error {
	if c.Length < 6 || c.Length > 10 {
		return fmt.Errorf("%w: Code.Length %d is outside 6 to 10", ErrPolicy, c.Length)
	}
	if c.Alphabet != Digits && c.Alphabet != Unambiguous {
		return fmt.Errorf("%w: Code.Alphabet is neither Digits nor Unambiguous", ErrPolicy)
	}
	return nil
}

// Space returns how many codes there are.
func (c Code) Space() float64 {
	c = c.withDefaults()
	return math.Pow(float64(len(c.Alphabet)), float64(c.Length))
}

// Fits reports whether code has the shape: the right length, and characters
// of the alphabet only.
func (c Code) Fits(code string) bool {
	if len(code) != c.Length {
		return false
	}
	digits := c.Alphabet == Digits
	for i := range len(code) {
		if digits && (code[i] < '0' || code[i] > '9') || !digits && strings.IndexByte(c.Alphabet, code[i]) < 0 {
			return false
		}
	}
	return true
}
