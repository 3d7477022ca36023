package engine

import (
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/policy"
)

// newCode returns a random code, every one of the shape's codes as likely as
// any other. A byte that would favour some characters is thrown away: with n
// characters only the bytes below the largest multiple of n count. crypto/rand
// ends the program if the system has no randomness to give.
func newCode(shape policy.Code) string {
	n := len(shape.Alphabet)
	limit := 256 - 256%n
	code := make([]byte, 0, shape.Length)
	var random [32]byte
	for {
		rand.Read(random[:])
		for _, b := range random {
			if int(b) >= limit {
				continue
			}
			code = append(code, shape.Alphabet[int(b)%n])
			if len(code) == shape.Length {
				clear(random[:])
				return string(code)
			}
		}
	}
}

// maxInput is the most bytes of input that are looked at: ten characters of
// four bytes with as many separators between them.
const maxInput = 128

// readCode returns the code in what somebody typed, or false if there can be
// none in it. Spaces and hyphens are dropped, decimal digits of every script
// count as the ASCII ones, and small letters as capitals where the alphabet
// has letters.
func readCode(shape policy.Code, input string) (string, bool) {
	if shape.Fits(input) {
		return input, true
	}
	if len(input) > maxInput || !utf8.ValidString(input) {
		return "", false
	}
	var code strings.Builder
	for _, r := range input {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212': // dashes and the minus sign
		case r >= 'a' && r <= 'z':
			code.WriteByte(byte(r - 'a' + 'A'))
		case unicode.IsDigit(r):
			code.WriteByte('0' + digit(r))
		default:
			code.WriteRune(r)
		}
	}
	return code.String(), shape.Fits(code.String())
}

// digit returns the value of a decimal digit of any script. Unicode gives each
// script its ten digits in a row that begins with zero, so the place in its
// range tells.
func digit(r rune) byte {
	for _, span := range unicode.Nd.R16 {
		if r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10)
		}
	}
	for _, span := range unicode.Nd.R32 {
		if r <= rune(span.Hi) {
			return byte((r - rune(span.Lo)) % 10)
		}
	}
	return 0
}
