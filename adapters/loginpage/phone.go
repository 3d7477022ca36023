package loginpage

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
)

// maxPhone bounds what is looked at: fifteen digits with as many separators
// between them, in whatever script.
const maxPhone = 128

// phoneNumber returns the number in E.164 that somebody means by what they typed
// for a country. It may still be refused: what is a number is the engine's to
// say. It returns "" for what can be none.
//
// People write numbers as they do at home, with the 0 that is dialled before
// long-distance calls or without, or whole, with a plus sign or 00. So each
// reading is tried, and the first that is a number of that country is meant.
func phoneNumber(country region.Code, typed string) string {
	digits, plus, ok := tidyPhone(typed)
	if !ok {
		return ""
	}
	if plus {
		return "+" + digits
	}
	calling := strconv.Itoa(countries.CallingCode(country))
	if calling == "0" {
		return ""
	}
	readings := []string{calling + digits}
	for _, trunk := range []string{"0", "8", "1", "06", "01"} {
		if rest, ok := strings.CutPrefix(digits, trunk); ok {
			readings = append(readings, calling+rest)
		}
	}
	if strings.HasPrefix(digits, calling) {
		readings = append(readings, digits)
	}
	for _, exit := range []string{"00", "011", "810"} {
		if rest, ok := strings.CutPrefix(digits, exit); ok {
			readings = append(readings, rest)
		}
	}
	for _, wanted := range []func(n countries.Number) bool{
		func(n countries.Number) bool { return n.Region == country },
		func(countries.Number) bool { return true },
	} {
		for _, reading := range readings {
			if n, err := countries.Parse("+" + reading); err == nil && wanted(n) {
				return n.E164
			}
		}
	}
	return "+" + readings[0]
}

// tidyPhone returns the digits of a number, and whether a plus sign stood before
// them. It drops what people put between digits, and takes digits of any script;
// anything else is no number.
func tidyPhone(typed string) (digits string, plus, ok bool) {
	if len(typed) > maxPhone {
		return "", false, false
	}
	typed = strings.Replace(typed, "(0)", "", 1) // as in +46 (0)70: one or the other
	var b strings.Builder
	for _, r := range typed {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Nd, r):
			b.WriteByte('0' + digit(r))
		case (r == '+' || r == '＋') && b.Len() == 0 && !plus:
			plus = true
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), strings.ContainsRune("()./\u2212\u200e\u200f\u202a\u202c\u2066\u2068\u2069", r):
			// Separators, and the marks that pasted numbers bring along.
		default:
			return "", false, false
		}
	}
	return b.String(), plus, b.Len() > 0 && b.Len() <= 20
}

// digit returns the value of a decimal digit of any script: Unicode gives each
// script its ten digits in a row, and rows stand in ranges of whole rows.
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
