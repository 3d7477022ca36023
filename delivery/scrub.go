package delivery

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxReason bounds the bytes of a provider's words that are kept.
const maxReason = 512

// scrub returns s on one line, cut to maxReason bytes, with every trace of
// the message's secrets replaced. Letters and digits alone are compared, in
// any case, so that a secret is found in the ways that providers and people
// write it: "123 456", "+1 (202) 555-0162", JDoe@Example.com, in a URL. One
// that is encoded otherwise, in base64 say, or that the provider has itself
// cut in two, is not found.
func (m Message) scrub(s string) string {
	keys := m.secrets()
	var out strings.Builder
	end := 0 // of the secret that is being left out
	for i, r := range s {
		if n := longest(s[i:], keys); n > 0 && i+n > end {
			if i >= end {
				if out.Len()+len(redacted) > maxReason {
					break
				}
				out.WriteString(redacted)
			}
			end = i + n // a secret that begins inside another goes with it
		}
		if i < end {
			continue
		}
		if r == utf8.RuneError || unprintable(r) {
			r = ' '
		}
		if out.Len()+utf8.RuneLen(r) > maxReason {
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}

// secrets returns what scrub looks for, as match wants it.
func (m Message) secrets() [][]rune {
	to := m.To.Reveal()
	all := []string{m.Body.Reveal(), m.Code.Reveal(), to, url.QueryEscape(to)}
	if digits, ok := strings.CutPrefix(to, "+"); ok {
		// Providers name the national number too; calling codes have one to
		// three digits.
		for drop := 1; drop <= 3 && len(digits)-drop >= 7; drop++ {
			all = append(all, digits[drop:])
		}
	}
	var keys [][]rune
	for _, s := range all {
		var key []rune
		for _, r := range s {
			if significant(r) {
				key = append(key, unicode.ToLower(r))
			}
		}
		if len(key) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// longest returns how many bytes of s the longest key takes that s begins
// with, 0 if none.
func longest(s string, keys [][]rune) (n int) {
	for _, key := range keys {
		n = max(n, match(s, key))
	}
	return n
}

// match returns how many bytes of s the key takes if s begins with it, else 0.
func match(s string, key []rune) int {
	k := 0
	for i, r := range s {
		switch {
		case !significant(r):
			if k == 0 {
				return 0
			}
		case unicode.ToLower(r) != key[k]:
			return 0
		default:
			if k++; k == len(key) {
				return i + utf8.RuneLen(r)
			}
		}
	}
	return 0
}

func significant(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
