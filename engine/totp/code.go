package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"unicode"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Sizes in bytes.
const (
	secretSize   = 20 // 160 bits, as RFC 4226 §4 recommends
	codeSize     = 6
	recoverySize = 12
)

// period is the length of a step in microseconds.
const period = 30 * 1_000_000

// contents are what a record holds under seal.
type contents struct {
	secret   [secretSize]byte
	recovery [RecoveryCodes]recoveryCode
}

// base32 returns the secret as it is typed into an app, in 32 characters.
func (c *contents) base32() string { return base32.StdEncoding.EncodeToString(c.secret[:]) }

// codeAt returns the code of a step (RFC 4226 §5.3).
func codeAt(secret string, step int64) (string, error) {
	return hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// match compares a guess with the code of each step from first on. It computes
// and compares all of them, so that its time does not tell which one agreed.
func match(secret, guess string, first int64) (equal [3]bool, err error) {
	for i := range equal {
		code, err := codeAt(secret, first+int64(i))
		if err != nil {
			return equal, err
		}
		equal[i] = subtle.ConstantTimeCompare([]byte(code), []byte(guess)) == 1
	}
	return equal, nil
}

// A recoveryCode is one without its hyphens.
type recoveryCode [recoverySize]byte

const recoveryAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// newRecoveryCode returns a random one, each as likely as any other: a byte
// that would favour some characters is thrown away.
func newRecoveryCode() (code recoveryCode) {
	const n = len(recoveryAlphabet)
	var random [2 * recoverySize]byte
	for i := 0; ; {
		rand.Read(random[:])
		for _, b := range random {
			if int(b) >= 256-256%n {
				continue
			}
			code[i] = recoveryAlphabet[int(b)%n]
			if i++; i == len(code) {
				return code
			}
		}
	}
}

// show returns the code with its hyphens.
func (c *recoveryCode) show() delivery.Secret {
	return delivery.NewSecret(string(c[:4]) + "-" + string(c[4:8]) + "-" + string(c[8:]))
}

// find returns the place of a guess among the codes, or -1. It compares all of
// them, so that its time does not tell which one agreed.
func (c *contents) find(guess *recoveryCode) int {
	place := -1
	for i := range c.recovery {
		place = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(c.recovery[i][:], guess[:]), i, place)
	}
	return place
}

// readCode returns the code of an app in what somebody typed. Errors:
// ErrRecoveryCode, engine.ErrFormat.
func readCode(input string) (string, error) {
	if code := squeeze(input, unicode.IsSpace); isAppCode(code) {
		return code, nil
	}
	if _, ok := asRecoveryCode(squeeze(input, isSeparator)); ok {
		return "", ErrRecoveryCode
	}
	return "", &engine.Error{Kind: engine.ErrFormat}
}

// readRecoveryCode returns the recovery code in what somebody typed. Errors:
// ErrAppCode, engine.ErrFormat.
func readRecoveryCode(input string) (recoveryCode, error) {
	squeezed := squeeze(input, isSeparator)
	if code, ok := asRecoveryCode(squeezed); ok {
		return code, nil
	}
	if isAppCode(squeezed) {
		return recoveryCode{}, ErrAppCode
	}
	return recoveryCode{}, &engine.Error{Kind: engine.ErrFormat}
}

// maxInput is the most bytes of input that are looked at.
const maxInput = 128

// squeeze returns the input without the characters to drop, or nothing if it
// is too long to be looked at.
func squeeze(input string, drop func(rune) bool) string {
	if len(input) > maxInput {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if drop(r) {
			return -1
		}
		return r
	}, input)
}

// isSeparator reports whether a character may stand between the groups of a
// recovery code: word processors make other dashes of a hyphen.
func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212' // the minus sign
}

func isAppCode(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == codeSize
}

func asRecoveryCode(s string) (code recoveryCode, ok bool) {
	if len(s) != len(code) {
		return code, false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return recoveryCode{}, false
		}
		code[i] = c
	}
	return code, true
}
