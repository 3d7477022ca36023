package loginpage

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
)

// maxLanguages is how many languages of a header are looked at.
const maxLanguages = 32

// negotiate returns which of the languages somebody reads best, by their
// browser's Accept-Language (RFC 9110 §12.5.4), English if none, and the country
// that the first preference with one names. What fits whom is package delivery's
// to say: pages and messages are in one language.
func negotiate(accept string) (index int, country region.Code) {
	type preference struct {
		tag string
		q   float64
	}
	var preferences []preference
	rest := accept
	for n := 0; rest != "" && n < maxLanguages; n++ {
		var item string
		item, rest, _ = strings.Cut(rest, ",")
		tag, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		q := quality(params)
		if q <= 0 {
			continue
		}
		tag = strings.TrimSpace(tag)
		preferences = append(preferences, preference{tag, q})
		if _, subtags, _ := strings.Cut(tag, "-"); country == "" {
			country = countryOf(subtags)
		}
	}
	slices.SortStableFunc(preferences, func(a, b preference) int { return cmp.Compare(b.q, a.q) })
	tags := make([]string, len(preferences))
	for i, p := range preferences {
		tags[i] = p.tag
	}
	best := delivery.BestLocale(delivery.SMS, tags...) // an SMS may be in any of the languages
	return slices.IndexFunc(languages[:], func(l lang) bool { return l.locale == best }), country
}

// quality returns the weight of a preference: 1 if it has none.
func quality(params string) float64 {
	value, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || q > 1 || q != q {
		return 0
	}
	return q
}

// countryOf returns the region among the subtags of a language tag, or "".
func countryOf(subtags string) region.Code {
	for subtag := range strings.SplitSeq(subtags, "-") {
		if code := region.Code(strings.ToUpper(subtag)); len(subtag) == 2 && code.Known() {
			return code
		}
	}
	return ""
}

// messageLocale returns the locale of a message by a channel for whoever reads a
// language, or "" for English: not every channel has all of them.
func messageLocale(c delivery.Channel, lang int) string {
	locale, ok := delivery.MatchLocale(c, languages[lang].locale)
	if !ok {
		return ""
	}
	return locale
}
