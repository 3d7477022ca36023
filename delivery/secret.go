package delivery

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"
)

const redacted = "[redacted]"

// A Secret is text that must not be seen by accident. Every way of printing
// it, fmt with any verb, JSON, text marshalling and slog, shows "[redacted]";
// only Reveal returns it. The zero value is an empty secret.
type Secret struct{ s string }

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal returns the text itself, for the request to a provider.
func (s Secret) Reveal() string { return s.s }

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
// whole. The zero value is no address.
type Address struct{ s string }

// NewAddress returns s as an Address.
func NewAddress(s string) Address { return Address{s} }

// Reveal returns the address itself, for the request to a provider.
func (a Address) Reveal() string { return a.s }

// String returns the masked address.
func (a Address) String() string { return Mask(a.s) }

// Format prints the masked address whatever the verb.
func (a Address) Format(f fmt.State, _ rune) { io.WriteString(f, Mask(a.s)) }

// LogValue returns the masked address.
func (a Address) LogValue() slog.Value { return slog.StringValue(Mask(a.s)) }

// MarshalText returns the masked address; encoding/json calls it too.
func (a Address) MarshalText() ([]byte, error) { return []byte(Mask(a.s)), nil }

// Mask returns an address as it may be logged or shown to somebody who does
// not know it yet: of a phone number the last two digits, of an e-mail
// address the first character and the domain, of anything else nothing.
func Mask(address string) string {
	if address == "" {
		return ""
	}
	if at := strings.LastIndexByte(address, '@'); at > 0 {
		_, size := utf8.DecodeRuneInString(address)
		return address[:size] + "•••" + address[at:]
	}
	if address[0] == '+' && len(address) >= 8 {
		return "+•••" + address[len(address)-2:]
	}
	return "•••"
}
