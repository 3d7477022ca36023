package delivery

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redacted = "[redacted]"

// A Secret is text that must not be seen by accident. Every way of printing
// it, fmt with any verb, JSON, text marshalling and slog, shows "[redacted]";
// only Reveal returns it. The zero value is an empty secret.
//
// It guards against accidents, not against code that wants the text: what reads
// unexported fields by reflection, as some dumpers do, finds it.
//
// Secrets cannot be compared with ==, which would tell by its timing how much
// of two secrets agrees.
type Secret struct{ hidden }

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{hide(s)} }

// Reveal returns the text itself, for the request to a provider.
func (s Secret) Reveal() string { return s.text() }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]"; encoding/json calls it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// An Address is a phone number or an e-mail address that shows itself masked:
// every way of printing it shows what [Mask] returns; only Reveal returns it
// whole. The zero value is no address. Addresses cannot be compared with ==;
// compare what Reveal returns.
type Address struct{ hidden }

// NewAddress returns s as an Address.
func NewAddress(s string) Address { return Address{hide(s)} }

// Reveal returns the address itself, for the request to a provider.
func (a Address) Reveal() string { return a.text() }

// String returns the masked address.
func (a Address) String() string { return Mask(a.text()) }

// Format prints the masked address whatever the verb.
func (a Address) Format(f fmt.State, _ rune) { io.WriteString(f, a.String()) }

// LogValue returns the masked address.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns the masked address; encoding/json calls it too.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// hidden holds text out of the reach of fmt. fmt calls no methods of a value
// in an unexported field, nor of one that does not fit its verb (%p, %w): it
// prints the fields instead. A pointer below the top prints as a number.
type hidden struct {
	_ [0]func() // two pointers to equal text differ, so == must not compile
	p *string
}

func hide(s string) hidden { return hidden{p: &s} }

func (h hidden) text() string {
	if h.p == nil {
		return ""
	}
	return *h.p
}

// maxMasked is the longest address that Mask shows anything of: no valid one
// is longer, RFC 5321 §4.5.3.1.3.
const maxMasked = 254

// Mask returns an address as it may be logged or shown to somebody who does
// not know it yet: of a phone number the last two digits, of an e-mail
// address the first character and the domain, of anything else nothing.
// The result is short and safe to print whatever the address holds.
func Mask(address string) string {
	const dots = "•••"
	if address == "" {
		return ""
	}
	if len(address) > maxMasked || !utf8.ValidString(address) || strings.ContainsFunc(address, unprintable) {
		return dots
	}
	if at := strings.LastIndexByte(address, '@'); at > 0 {
		_, size := utf8.DecodeRuneInString(address)
		return address[:size] + dots + address[at:]
	}
	if digits, ok := strings.CutPrefix(address, "+"); ok && len(digits) >= 7 && allDigits(digits) {
		return "+" + dots + digits[len(digits)-2:]
	}
	return dots
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
