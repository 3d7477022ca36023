package countries

import (
	"errors"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/passcode-go/passcode/countries/region"
)

// Mobile is what the engine takes for a parser.
var _ func(raw string) (address, region, kind string, err error) = Mobile

// Each of these is refused before the number library sees it. Beside most
// stands what the library would make of it.
var notE164 = []string{
	"",
	"+",
	"+1",                   // too short for any plan
	"12025550162",          // no plus sign
	"0012025550162",        // an international prefix instead
	"+0012025550162",       // no calling code begins with 0
	"++12025550162",        // one plus sign
	"+1+2025550162",        // an error
	"+1800FLOWERS",         // keypad digits
	"+1 202 CALL-NOW",      // keypad digits
	"+1 202 555 0162",      // the number
	"+1-202-555-0162",      // the number
	"+1 (202) 555-0162",    // the number
	"+44 (0)20 7946 0958",  // the number without 0
	"+12025550162x123",     // the number without its extension
	"+12025550162;ext=123", // likewise
	"+12025550162,,1234#",  // likewise
	"+12025550162;isub=1",  // the number
	"tel:+12025550162",     // the number
	"tel:2025550162;phone-context=+1",
	"+1202;phone-context=+44",
	"call me: +12025550162",
	"+12025550162 ",
	" +12025550162",
	"\t+12025550162",
	"+12025550162\n", // a pattern with $ lets this one in
	"\n+12025550162",
	"+1202\r\n5550162",
	"+12025550162\r\nBcc: x",
	"+12025550162\x00",
	"+1202\x005550162",
	"+12025550162,+12025550163",
	"+1２０２5550162",                    // full width: ASCII digits
	"＋12025550162",                    // full-width plus sign: the number
	"+1٢٠٢٥٥٥٠١٦٢",                    // Arabic-Indic: ASCII digits
	"+1۲۰۲۵۵۵۰۱۶۲",                    // extended Arabic-Indic: ASCII digits
	"+1२०२५५५०१६२",                    // Devanagari: ASCII digits
	"\u202e+12025550162",              // right-to-left override: dropped
	"+1202\u202e5550162",              // likewise
	"+1202\u200b5550162",              // zero-width space: dropped
	"+1202\u00a05550162",              // no-break space: dropped
	"+1202\u00ad5550162",              // soft hyphen: dropped
	"+1202\u20605550162",              // word joiner
	"\ufeff+12025550162",              // byte order mark
	"+1202\ufe0f5550162",              // variation selector
	"+1202\xff5550162",                // invalid UTF-8
	"+\xc0\xb12025550162",             // overlong 1
	"+1202555016\xd9",                 // a rune cut short
	"+1.2025550162",                   // dots
	"+1e10",                           // a number, to some
	"+0x12025550162",                  // likewise
	"-12025550162",                    // likewise
	"+1_202_555_0162",                 // likewise
	"+1234567890123456",               // 16 digits: "possible" in some plans
	"+491234567890123456",             // likewise, Germany
	"911",                             // an emergency
	"*31#+12025550162",                // a service code
	"whatsapp:+12025550162",           // as some providers write it
	"+" + strings.Repeat("1", 250),    // 250 digits
	"+1" + strings.Repeat("0", 1<<20), // a megabyte
	strings.Repeat("+", 1<<20),
}

func TestNotE164(t *testing.T) {
	t.Parallel()
	for _, raw := range notE164 {
		_, err := parse(raw, func(string) (Number, error) {
			t.Errorf("%.40q got through to the number library", raw)
			return Number{}, ErrInvalid
		})
		if !errors.Is(err, ErrSyntax) {
			t.Errorf("%.40q: %v", raw, err)
		}
		if _, err := Parse(raw); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%.40q): %v", raw, err)
		}
		address, reg, kind, err := Mobile(raw)
		if !errors.Is(err, ErrSyntax) || address+reg+kind != "" {
			t.Errorf("Mobile(%.40q) = %q, %q, %q, %v", raw, address, reg, kind, err)
		}
	}
}

// Every single byte in every place of a good number, and every length.
func TestWellWritten(t *testing.T) {
	t.Parallel()
	const good = "+12025550162"
	for i := range len(good) {
		for c := range 256 {
			b := []byte(good)
			b[i] = byte(c)
			want := '0' <= c && c <= '9' && i > 0 && !(i == 1 && c == '0') || i == 0 && c == '+'
			if wellWritten(string(b)) != want {
				t.Errorf("%q: %v", b, !want)
			}
		}
	}
	for n := range 40 {
		if s := "+" + strings.Repeat("9", n); wellWritten(s) != (2 <= n && n <= 15) {
			t.Errorf("%d digits: %v", n, wellWritten(s))
		}
	}
}

// Well written, and in no number plan, or not as it is written there.
func TestInvalid(t *testing.T) {
	t.Parallel()
	for raw, why := range map[string]string{
		"+10000000000":     "the number that stands for a phone in a sandbox",
		"+12":              "too short",
		"+911":             "too short for India",
		"+1911":            "an emergency number with a calling code",
		"+1202555016":      "a digit short",
		"+120255501620":    "a digit long",
		"+99999999999":     "no such calling code",
		"+19762345678":     "976 is no area code",
		"+447700900123":    "the block that the UK keeps for drama",
		"+39612345678":     "Italy's leading 0 left out",
		"+5215512345678":   "Mexico's old mobile prefix",
		"+5411152345678":   "Argentina's mobile prefix as dialled at home",
		"+551187654321":    "Brazil's mobiles of 8 digits",
		"+22501234567":     "Côte d'Ivoire's old 8 digits",
		"+22912345678":     "Benin's old 8 digits",
		"+5399123456":      "Cuba, no such block",
		"+5995123456":      "Sint Maarten before it moved to +1 721",
		"+290212":          "a digit short of Saint Helena",
		"+4402079460958":   "a leading 0 that is for dialling at home",
		"+4607017406050":   "likewise",
		"+112025550162":    "North America's 1 twice",
		"+881":             "a global code alone",
		"+888123456789":    "a global code of which nothing is given out",
		"+999999999999999": "15 digits",
	} {
		if n, err := Parse(raw); !errors.Is(err, ErrInvalid) || n != (Number{}) {
			t.Errorf("Parse(%s) = %s, %v; %s", raw, n, err, why)
		}
		address, reg, kind, err := Mobile(raw)
		if !errors.Is(err, ErrInvalid) || address+reg+kind != "" {
			t.Errorf("Mobile(%s) = %q, %q, %q, %v; %s", raw, address, reg, kind, err, why)
		}
	}
}

// A number with digits that the library strips says that this is what is
// wrong with it.
func TestNeverRewrites(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"+4402079460958", "+112025550162"} {
		p, err := phonenumbers.Parse(raw, "")
		if err != nil || !phonenumbers.IsValidNumber(p) {
			t.Errorf("%s: the library does not take it, so it tests nothing", raw)
		}
		if _, err := Parse(raw); !errors.Is(err, errRewritten) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, want := range []Number{
		{"+12025550162", "US", TypeFixedLineOrMobile},
		{"+46701740605", "SE", TypeMobile},
		{"+61491570156", "AU", TypeMobile},
		{"+390612345678", "IT", TypeFixedLine}, // its 0 counts
		{"+541123456789", "AR", TypeFixedLine}, // a mobile only with 9
		{"+5491123456789", "AR", TypeMobile},
		{"+442079460958", "GB", TypeFixedLine},

		// Calling codes say little.
		{"+447911123456", "GG", TypeMobile}, // often shown as a British sample
		{"+447924123456", "GB", TypeMobile},
		{"+447624312345", "IM", TypeMobile},
		{"+77771234567", "KZ", TypeMobile},
		{"+79161234567", "RU", TypeMobile},
		{"+79401234567", "RU", TypeMobile},    // Abkhazia
		{"+78401234567", "RU", TypeFixedLine}, // Abkhazia
		{"+79781234567", "RU", TypeMobile},    // Crimea
		{"+37744123456", "MC", TypeMobile},    // Kosovo, before +383
		{"+38649123456", "SI", TypeMobile},    // Kosovo, before +383
		{"+972561234567", "IL", TypeMobile},   // in Palestinian use
		{"+905331234567", "TR", TypeMobile},   // in use in northern Cyprus
		{"+262692123456", "RE", TypeMobile},
		{"+262639012345", "YT", TypeMobile},
		{"+590690001234", "GP", TypeMobile},
		{"+59995181234", "CW", TypeMobile},
		{"+17215205678", "SX", TypeMobile},
		{"+12642351234", "AI", TypeMobile},
		{"+16712355123", "GU", TypeFixedLineOrMobile},

		// Types.
		{"+12129761234", "US", TypeFixedLineOrMobile}, // once premium, cannot be told
		{"+15005550006", "US", TypePersonalNumber},
		{"+16002345678", "CA", TypeVoIP},
		{"+19002345678", "US", TypePremiumRate},
		{"+18002345678", "US", TypeTollFree},
		{"+447012345678", "GB", TypePersonalNumber},
		{"+447640123456", "GB", TypePager},
		{"+449012345678", "GB", TypePremiumRate},
		{"+443001234567", "GB", TypeUAN},
		{"+43820123456", "AT", TypeSharedCost},

		// Of no country.
		{"+979123456789", region.World, TypePremiumRate},
		{"+870301234567", region.World, TypeMobile},
		{"+881612345678", region.World, TypeMobile},
		{"+8823421234", region.World, TypeMobile},
		{"+883510012345", region.World, TypeVoIP},
		{"+878101234567890", region.World, TypeVoIP},
		{"+80012345678", region.World, TypeTollFree},
		{"+80812345678", region.World, TypeSharedCost},
		{"+88812345678901", region.World, TypeUAN},
	} {
		got, err := Parse(want.E164)
		if err != nil || got != want {
			t.Errorf("Parse(%s) = %s, %v; want %s", want.E164, got, err, want)
		}
		address, reg, kind, err := Mobile(want.E164)
		switch {
		case want.Region == region.World:
			checkRefused(t, want, ErrNoCountry, err)
		case !want.Type.texts():
			checkRefused(t, want, ErrType, err)
		default:
			if err != nil || address != want.E164 || reg != string(want.Region) || kind != string(want.Type) {
				t.Errorf("Mobile(%s) = %q, %q, %q, %v", want.E164, address, reg, kind, err)
			}
		}
		if err != nil && address+reg+kind != "" {
			t.Errorf("Mobile(%s) = %q, %q, %q with an error", want.E164, address, reg, kind)
		}
	}
}

func checkRefused(t *testing.T, n Number, want, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, want) || e.Region != n.Region || e.Type != n.Type {
		t.Errorf("Mobile(%s): %v; want %v", n.E164, err, want)
	}
}

// The example numbers of every region and type: each type that the library
// tells apart is told apart here, under its own name.
func TestTypes(t *testing.T) {
	t.Parallel()
	names := map[phonenumbers.PhoneNumberType]Type{
		phonenumbers.FIXED_LINE: "fixed_line", phonenumbers.MOBILE: "mobile",
		phonenumbers.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile", phonenumbers.TOLL_FREE: "toll_free",
		phonenumbers.PREMIUM_RATE: "premium_rate", phonenumbers.SHARED_COST: "shared_cost",
		phonenumbers.VOIP: "voip", phonenumbers.PERSONAL_NUMBER: "personal_number",
		phonenumbers.PAGER: "pager", phonenumbers.UAN: "uan", phonenumbers.VOICEMAIL: "voicemail",
	}
	seen := make(map[Type]int)
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for _, raw := range examplesOf(code) {
			reg, kind, ok := ask(raw)
			if !ok {
				t.Errorf("%s: the library does not take its own example", raw)
				continue
			}
			want := Number{raw, reg, names[kind]}
			if got, err := Parse(raw); err != nil || got != want {
				t.Errorf("Parse(%s) = %s, %v; want %s", raw, got, err, want)
			}
			seen[want.Type]++
			_, _, _, err := Mobile(raw)
			if textable(kind) != (err == nil) || !textable(kind) != errors.Is(err, ErrType) {
				t.Errorf("Mobile(%s), %s: %v", raw, want.Type, err)
			}
		}
	}
	for _, name := range names {
		if seen[name] == 0 {
			t.Errorf("no example is of type %s", name)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Type]bool{
		TypeMobile: true, TypeFixedLineOrMobile: true, TypeFixedLine: true, TypeVoIP: true, TypePersonalNumber: true,
		TypeTollFree: false, TypePremiumRate: false, TypeSharedCost: false, TypePager: false, TypeUAN: false,
		TypeVoicemail: false, TypeUnknown: false, "": false, "satellite": false,
	} {
		if kind.texts() != want {
			t.Errorf("%q: %v", kind, !want)
		}
	}
}

// A panic in the number library is an error, and the panic's value, which may
// hold the number, stays out of it.
func TestPanicInTheLibrary(t *testing.T) {
	t.Parallel()
	const raw = "+12025550162"
	for name, panics := range map[string]func(string) (Number, error){
		"value": func(raw string) (Number, error) { panic("cannot parse " + raw) },
		"error": func(raw string) (Number, error) { panic(errors.New(raw)) },
		"index": func(raw string) (Number, error) { _ = raw[len(raw):][0]; return Number{}, nil },
		"nil":   func(string) (Number, error) { var n *Number; return *n, nil },
	} {
		n, err := parse(raw, panics)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) || !errors.Is(err, errPanic) {
			t.Errorf("%s: %v", name, err)
		} else if n != (Number{}) || strings.Contains(err.Error(), raw[1:]) || e.Refused() != "" {
			t.Errorf("%s: %s, %v", name, n, err)
		}
	}
	// And the next number is none the worse for it.
	if _, err := Parse(raw); err != nil {
		t.Error(err)
	}
}
