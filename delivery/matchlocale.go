package delivery

import "strings"

// BestLocale returns the locale of [Locales] in which whoever prefers these
// languages reads a message best, the most preferred first, or English if there
// is none. Languages are BCP 47 tags such as "pt-PT", "de" or "zh-Hans-CN", as
// browsers and phones name them; what is no tag matches nothing.
//
// It looks them up as RFC 4647 §3.4 says, by leaving out subtags from the end,
// and goes one step further: a language serves readers of its other regions,
// since somebody who reads Portuguese is better off with that of Brazil than
// with English. Chinese in traditional characters is not served by the
// simplified ones.
//
// It is for what knows a browser's or a phone's preferences and has to choose,
// as package loginpage does. [MatchLocale] is for what names one locale and is
// to be told if there is none, as an engine.Request and the HTTP API.
func BestLocale(ch Channel, preferred ...string) string {
	for _, tag := range preferred {
		subtags := strings.Split(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"), "-")
		if traditional(subtags) {
			continue
		}
		for n := len(subtags); n > 0; n-- {
			if l := find(ch, strings.Join(subtags[:n], "-")); l != nil && subtags[0] != "" {
				return l.name
			}
		}
		for i := range locales {
			if base, _, _ := strings.Cut(locales[i].name, "-"); locales[i].speaks(ch) && strings.EqualFold(base, subtags[0]) {
				return locales[i].name
			}
		}
	}
	return "en"
}

// traditional reports whether a tag is of Chinese in traditional characters: it
// says so, or names a region where these are written and no script.
func traditional(subtags []string) bool {
	if !strings.EqualFold(subtags[0], "zh") {
		return false
	}
	for _, s := range subtags[1:] {
		switch strings.ToLower(s) {
		case "hans":
			return false
		case "hant", "tw", "hk", "mo":
			return true
		}
	}
	return false
}
