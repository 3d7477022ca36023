package loginpage

import (
	"strings"
	"testing"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		accept, lang string
		country      region.Code
	}{
		{"", "en", ""},
		{"en-GB,en;q=0.9", "en", "GB"},
		{"de", "de", ""},
		{"de-AT", "de", "AT"},
		{"pt-PT, en;q=0.5", "pt-BR", "PT"},
		{"zh-CN", "zh-Hans", "CN"},
		{"zh-Hant-TW", "en", "TW"}, // as of a message: it is another script
		{"zh-TW, ja;q=0.5", "ja", "TW"},
		{"sv-SE,sv;q=0.9,fi;q=0.8", "en", "SE"},
		{"sv-SE,fa;q=0.3", "fa", "SE"},
		{"en;q=0.2, fr;q=0.8, es;q=0.5", "fr", ""},
		{"fr;q=0, es;q=0.1", "es", ""},
		{"FR-ca", "fr", "CA"},
		{"*", "en", ""},
		{"de ; q=0.7 , cs;q=0.8", "cs", ""},
		{"es-419", "es", ""},
		{"xx-ZZ", "en", ""},
		{"fr;q=2, es;q=NaN, it;q=x, nl;q=0.1", "nl", ""},
		{strings.Repeat("sv,", 40) + "fr", "en", ""}, // too many to look at
	} {
		i, country := negotiate(c.accept)
		if languages[i].tag != c.lang || country != c.country {
			t.Errorf("%q: %s %q, want %s %q", c.accept, languages[i].tag, country, c.lang, c.country)
		}
	}
}

// Messages are in the language of the page, where there are any.
func TestMessageLocale(t *testing.T) {
	t.Parallel()
	for i, l := range languages {
		if got := messageLocale(delivery.SMS, i); got != l.locale {
			t.Errorf("%s: %q", l.tag, got)
		}
		if got := messageLocale(delivery.Email, i); got != "" && got != l.locale {
			t.Errorf("%s: %q", l.tag, got)
		}
	}
}
