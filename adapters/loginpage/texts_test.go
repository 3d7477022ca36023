package loginpage

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// The pages are in the languages of the messages, all of them and whole.
func TestTexts(t *testing.T) {
	t.Parallel()
	var locales []string
	for _, l := range languages {
		locales = append(locales, l.locale)
		if !strings.HasPrefix(strings.ToLower(l.locale), strings.ToLower(l.tag)) || (l.dir == "rtl") != (l.tag == "fa") {
			t.Errorf("%+v", l)
		}
	}
	if !slices.Equal(locales, delivery.Locales(delivery.SMS)) || !slices.Equal(locales, delivery.Locales(delivery.WhatsApp)) {
		t.Errorf("languages %q, messages %q", locales, delivery.Locales(delivery.SMS))
	}

	placeholder := regexp.MustCompile(`\{[^}]*\}`)
	english := reflect.ValueOf(englishTexts())
	same := make(map[string]int)
	for _, l := range languages {
		texts := reflect.ValueOf(l.texts())
		for i := range texts.NumField() {
			name, text, want := texts.Type().Field(i).Name, texts.Field(i).String(), english.Field(i).String()
			got, expected := placeholder.FindAllString(text, -1), placeholder.FindAllString(want, -1)
			slices.Sort(got)
			slices.Sort(expected)
			switch {
			case text == "" || text != strings.TrimSpace(text) || !utf8.ValidString(text):
				t.Errorf("%s %s: %q", l.tag, name, text)
			case !slices.Equal(got, expected):
				t.Errorf("%s %s: %q, want %q", l.tag, name, got, expected)
			case strings.ContainsAny(text, "<>&\"`") || strings.ContainsFunc(text, control):
				t.Errorf("%s %s: %q cannot stand in a page as it is", l.tag, name, text)
			case utf8.RuneCountInString(text) > 2*utf8.RuneCountInString(want)+20:
				t.Errorf("%s %s is much longer than in English: %q", l.tag, name, text)
			}
			if l.tag != "en" && text == want {
				same[l.tag]++
			}
		}
	}
	// Loan words aside, nothing is left in English.
	for tag, n := range same {
		if n > 6 {
			t.Errorf("%s: %d texts are the English ones", tag, n)
		}
	}
}

// control reports characters that change the direction of text, or show nothing.
func control(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && r != '\u200c' // Persian has non-joiners inside of words
}

// Letters are those of the language: a Cyrillic letter in a Latin word, or an
// Arabic yeh in a Persian one, looks right and is not.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts := map[string][]*unicode.RangeTable{
		"zh-Hans": {unicode.Han, unicode.Latin}, "ja": {unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Latin},
		"ru": {unicode.Cyrillic, unicode.Latin}, "fa": {unicode.Arabic, unicode.Latin},
	}
	for _, l := range languages {
		allowed := scripts[l.tag]
		if allowed == nil {
			allowed = []*unicode.RangeTable{unicode.Latin}
		}
		texts := reflect.ValueOf(l.texts())
		for i := range texts.NumField() {
			text := texts.Field(i).String()
			for _, r := range text {
				if unicode.IsLetter(r) && !unicode.In(r, allowed...) && r != 'ー' || r == 'ي' || r == 'ك' {
					t.Errorf("%s: %q in %q", l.tag, r, text)
				}
			}
			for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
				latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
				if latin && strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
					t.Errorf("%s: %q mixes scripts", l.tag, word)
				}
			}
		}
	}
}
