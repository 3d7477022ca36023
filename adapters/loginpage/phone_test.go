package loginpage

import (
	"strings"
	"testing"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
)

func TestPhoneNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country region.Code
		typed   string
		want    string
	}{
		{"US", "2025550162", "+12025550162"},
		{"US", "(202) 555-0162", "+12025550162"},
		{"US", "1 202 555 0162", "+12025550162"},
		{"US", "+1 202.555.0162", "+12025550162"},
		{"SE", "070-123 45 67", "+46701234567"},
		{"SE", "70 123 45 67", "+46701234567"},
		{"SE", "46701234567", "+46701234567"},
		{"SE", "0046 70 123 45 67", "+46701234567"},
		{"SE", "+46 (0)70 123 45 67", "+46701234567"},
		{"US", "+46701234567", "+46701234567"}, // whole: the country is not asked
		{"US", "011 46 70 123 45 67", "+46701234567"},
		{"IT", "312 345 6789", "+393123456789"},
		{"IT", "06 698 12345", "+390669812345"}, // the 0 stays
		{"RU", "8 912 345-67-89", "+79123456789"},
		{"KZ", "8 701 234 5678", "+77012345678"},
		{"HU", "06 20 123 4567", "+36201234567"},
		{"GB", "07400 123456", "+447400123456"},
		{"JE", "07797 712345", "+447797712345"},
		{"IR", "۰۹۱۲ ۳۴۵ ۶۷۸۹", "+989123456789"},
		{"IN", "०९८७६५४३२१०", "+919876543210"},
		{"DE", "\u200e0151 23456789\u202c", "+4915123456789"},
		{"FR", "06\u00a012\u202f34 56 78", "+33612345678"},
		{"JP", "０９０－１２３４－５６７８", "+819012345678"},
		{"US", "", ""},
		{"US", "+", ""},
		{"US", "call", ""},
		{"US", "202 555 0162 ext 4", ""},
		{"US", "2025550162\x00", ""},
		{"US", "202+5550162", ""},
		{"US", "++12025550162", ""},
		{"", "2025550162", ""},
		{"ZZ", "2025550162", ""},
		{"US", strings.Repeat("1", 21), ""},
		{"US", strings.Repeat(" ", 200) + "2025550162", ""},
		{"US", "123", "+1123"}, // no number: the engine says so
	} {
		if got := phoneNumber(c.country, c.typed); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.country, c.typed, got, c.want)
		}
	}
}

// Every country's numbers are understood as people there write them.
func TestPhoneNumberOfEveryCountry(t *testing.T) {
	t.Parallel()
	n := 0
	for _, c := range region.All() {
		number, ok := countries.ExampleMobile(c)
		if !ok {
			continue
		}
		n++
		parsed, err := countries.Parse(number)
		if err != nil {
			t.Fatal(err)
		}
		calling := "+" + itoa(countries.CallingCode(parsed.Region))
		national := strings.TrimPrefix(number, calling)
		for _, typed := range []string{number, national, strings.TrimPrefix(number, "+"), "00" + strings.TrimPrefix(number, "+")} {
			if got := phoneNumber(parsed.Region, typed); got != number {
				if other, err := countries.Parse(got); err == nil && other.Region == parsed.Region {
					continue // a number of that country, too
				}
				t.Errorf("%s: %q is %q, want %q", c, typed, got, number)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d countries", n)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func FuzzPhoneNumber(f *testing.F) {
	f.Add("US", "(202) 555-0162")
	f.Add("IR", "۰۹۱۲")
	f.Add("", "+1")
	f.Fuzz(func(t *testing.T, country, typed string) {
		got := phoneNumber(region.Code(country), typed)
		if got == "" {
			return
		}
		if got[0] != '+' || len(got) < 2 || len(got) > 30 || strings.Trim(got[1:], "0123456789") != "" {
			t.Fatalf("%q", got)
		}
	})
}
