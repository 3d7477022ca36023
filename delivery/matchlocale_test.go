package delivery_test

import (
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

func TestBestLocale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		channel   delivery.Channel
		preferred string
		want      string
	}{
		{delivery.SMS, "", "en"},
		{delivery.SMS, "es", "es"},
		{delivery.SMS, "es-419", "es"},
		{delivery.SMS, "ES_mx", "es"},
		{delivery.SMS, "pt", "pt-br"},
		{delivery.SMS, "pt-PT", "pt-br"},
		{delivery.SMS, "de-AT-1996", "de-DE"},
		{delivery.SMS, "zh", "zh-Hans"},
		{delivery.SMS, "zh-CN", "zh-Hans"},
		{delivery.SMS, "zh-Hans-TW", "zh-Hans"},
		{delivery.SMS, "zh-Hant", "en"},
		{delivery.SMS, "zh-TW ja", "ja"},
		{delivery.SMS, "zh-HK", "en"},
		{delivery.SMS, "ca-valencia", "ca-ES"},
		{delivery.SMS, "sw tlh fr-CA", "fr"},
		{delivery.SMS, "en-GB es", "en"},
		{delivery.SMS, "e", "en"},
		{delivery.SMS, "espanol", "en"},
		{delivery.SMS, "- -es * es-", "es"},
		{delivery.Email, "ja", "en"}, // has no text in Japanese
		{delivery.Email, "ja fr", "fr"},
		{delivery.WhatsApp, "ja-JP", "ja"},
		{"fax", "es", "en"},
	} {
		got := delivery.BestLocale(c.channel, strings.Fields(c.preferred)...)
		if got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.channel, c.preferred, got, c.want)
		}
		if _, ok := delivery.MatchLocale(c.channel, got); !ok && c.channel != "fax" {
			t.Errorf("%q is no locale of %s", got, c.channel)
		}
	}
	for _, ch := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
		for _, locale := range delivery.Locales(ch) {
			if got := delivery.BestLocale(ch, strings.ToUpper(locale)); got != locale {
				t.Errorf("%s in %s: %q", ch, locale, got)
			}
		}
	}
}

func FuzzBestLocale(f *testing.F) {
	f.Add("pt-PT", "zh-Hant-HK")
	f.Add("\xff-", "-")
	f.Fuzz(func(t *testing.T, a, b string) {
		if _, ok := delivery.MatchLocale(delivery.SMS, delivery.BestLocale(delivery.SMS, a, b)); !ok {
			t.Fatalf("%q, %q", a, b)
		}
	})
}
