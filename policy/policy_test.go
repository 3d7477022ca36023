package policy_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/policy"
)

func TestDefaultIsValidAndDocumented(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(policy.Policy{}.WithDefaults(), p) {
		t.Error("the zero policy is not the default")
	}
	want := policy.Policy{
		Code:     policy.Code{Length: 6, Alphabet: policy.Digits},
		Lifetime: 2 * time.Minute,
		Tries:    5,
		Lock:     policy.Lock{After: 10, For: time.Hour},
		PerDay:   100,
		Sends:    []policy.Budget{{Limit: 5, Window: 10 * time.Minute}, {Limit: 10, Window: time.Hour}, {Limit: 20, Window: policy.Day}},
		Countries: map[string]policy.Rule{
			"sms":      {Deny: region.Unsupported().Codes()},
			"whatsapp": {},
		},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("Default() = %+v\nwant %+v", p, want)
	}
	if odds := p.Odds(); odds > policy.MaxOdds || odds < policy.MaxOdds/2 {
		t.Errorf("default odds are %g", odds)
	}
}

func TestWithDefaultsSharesNothing(t *testing.T) {
	t.Parallel()
	p := policy.Policy{
		Sends:     []policy.Budget{{Limit: 1, Window: policy.Day}},
		Countries: map[string]policy.Rule{"sms": policy.AllowOnly("US")},
	}
	q := p.WithDefaults()
	q.Sends[0].Limit = 7
	q.Countries["sms"].Allow[0] = "RU"
	q.Countries["voice"] = policy.Rule{}
	if p.Sends[0].Limit != 1 || p.Countries["sms"].Allow[0] != "US" || len(p.Countries) != 1 {
		t.Errorf("the caller's policy changed: %+v", p)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policy.Policy){
		"Code.Length 5":               func(p *policy.Policy) { p.Code.Length = 5 },
		"Code.Length 11":              func(p *policy.Policy) { p.Code.Length = 11 },
		"Code.Length -6":              func(p *policy.Policy) { p.Code.Length = -6 },
		"Code.Alphabet":               func(p *policy.Policy) { p.Code.Alphabet = "01" },
		"Lifetime 59s":                func(p *policy.Policy) { p.Lifetime = 59 * time.Second },
		"Lifetime 10m0.000000001s":    func(p *policy.Policy) { p.Lifetime = 10*time.Minute + 1 },
		"Tries -1":                    func(p *policy.Policy) { p.Tries = -1 },
		"Tries 11":                    func(p *policy.Policy) { p.Tries = 11 },
		"Lock.After 101":              func(p *policy.Policy) { p.Lock.After = 101 },
		"Lock.For 4m59s":              func(p *policy.Policy) { p.Lock.For = 5*time.Minute - time.Second },
		"Lock.For 168h0m0.000000001s": func(p *policy.Policy) { p.Lock.For = 7*policy.Day + 1 },
		"PerDay 1001":                 func(p *policy.Policy) { p.PerDay = 1001 },
		"Sends[0].Limit 0":            func(p *policy.Policy) { p.Sends[0].Limit = 0 },
		"Sends[1].Limit 101":          func(p *policy.Policy) { p.Sends[1].Limit = 101 },
		"Sends[0].Window 999ms":       func(p *policy.Policy) { p.Sends[0].Window = 999 * time.Millisecond },
		"Sends[2].Window 24h0m1s":     func(p *policy.Policy) { p.Sends[2].Window = policy.Day + time.Second },
		"no budget for 24h":           func(p *policy.Policy) { p.Sends = p.Sends[:2] },
		`Countries["sms"]: allows no`: func(p *policy.Policy) { p.Countries["sms"] = policy.AllowOnly() },
		`"UK" is no region`:           func(p *policy.Policy) { p.Countries["sms"] = policy.AllowOnly("UK") },
		`"us" is no region`:           func(p *policy.Policy) { p.Countries["sms"] = policy.Rule{Deny: []region.Code{"us"}} },
		`"001" is no region`:          func(p *policy.Policy) { p.Countries["sms"] = policy.AllowOnly(region.World) },
		`type "pager" cannot`:         func(p *policy.Policy) { p.Countries["sms"] = policy.Rule{Types: []string{"pager"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := policy.Default()
			change(&p)
			err := p.Validate()
			if !errors.Is(err, policy.ErrPolicy) || !strings.Contains(err.Error(), name) {
				t.Errorf("Validate() = %v", err)
			}
		})
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := policy.Policy{Tries: 99, PerDay: -1, Lifetime: time.Hour}.Validate()
	for _, field := range []string{"Tries", "PerDay", "Lifetime"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

func TestOdds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		policy  policy.Policy
		guesses int
		odds    float64
	}{
		{"default", policy.Policy{}, 100, 1e-4},
		{"cap", policy.Policy{PerDay: 10}, 10, 1e-5},
		{"lock", policy.Policy{PerDay: 1000, Lock: policy.Lock{After: 3, For: policy.Day}}, 6, 6e-6},
		{"sends", policy.Policy{PerDay: 1000, Tries: 1, Lock: policy.Lock{After: 100, For: time.Hour},
			Sends: []policy.Budget{{Limit: 2, Window: policy.Day}}}, 6, 6e-6},
		{"eight digits", policy.Policy{PerDay: 1000, Code: policy.Code{Length: 8}, Lock: policy.Lock{After: 100, For: time.Hour},
			Tries: 10, Sends: []policy.Budget{{Limit: 100, Window: policy.Day}}}, 1000, 1e-5},
		{"too many", policy.Policy{PerDay: 200, Lock: policy.Lock{After: 10, For: time.Hour}}, 200, 2e-4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.policy.GuessesPerDay(); got != tc.guesses {
				t.Errorf("GuessesPerDay() = %d, want %d", got, tc.guesses)
			}
			if got := tc.policy.Odds(); math.Abs(got-tc.odds) > tc.odds/100 {
				t.Errorf("Odds() = %g, want about %g", got, tc.odds)
			}
		})
	}
}

func TestUnambiguousHasNoLookAlikes(t *testing.T) {
	t.Parallel()
	for _, pair := range []string{"0O", "1I", "1L", "IL", "2Z", "5S", "8B", "UV"} {
		if strings.Contains(policy.Unambiguous, pair[:1]) && strings.Contains(policy.Unambiguous, pair[1:]) {
			t.Errorf("both of %s are in the alphabet", pair)
		}
	}
	if strings.ContainsAny(policy.Unambiguous, "AEIOU") {
		t.Error("the alphabet has vowels")
	}
	if (policy.Code{Alphabet: policy.Unambiguous}).Space() < (policy.Code{}).Space() {
		t.Error("six letters are fewer codes than six digits")
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	shape := policy.Default().Code
	for code, want := range map[string]bool{
		"000000": true, "123456": true, "12345": false, "1234567": false, "12345a": false, "": false, "１２３４５６": false,
	} {
		if shape.Fits(code) != want {
			t.Errorf("Fits(%q) = %v", code, !want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	only := policy.Default()
	only.Countries["sms"] = policy.AllowOnly("US", "CA")
	lines := policy.Default()
	lines.Countries["sms"] = policy.Rule{Types: []string{"voip"}}
	both := policy.Default()
	both.Countries["sms"] = policy.Rule{Allow: []region.Code{"US", "SE"}, Deny: []region.Code{"SE"}}
	for _, tc := range []struct {
		name    string
		policy  policy.Policy
		region  region.Code
		kind    string
		channel string
		want    policy.Reason
	}{
		{"reached", policy.Default(), "US", "fixed_line_or_mobile", "sms", policy.Reached},
		{"unsupported", policy.Default(), "SE", "mobile", "sms", policy.RefusedRegion},
		{"zero policy refuses too", policy.Policy{}, "SE", "mobile", "sms", policy.RefusedRegion},
		{"not by calling code: Russia", policy.Default(), "RU", "mobile", "sms", policy.RefusedRegion},
		{"not by calling code: Kazakhstan", policy.Default(), "KZ", "mobile", "sms", policy.Reached},
		{"the list is for SMS", policy.Default(), "SE", "mobile", "whatsapp", policy.Reached},
		{"satellites", policy.Default(), region.World, "mobile", "whatsapp", policy.RefusedRegion},
		{"no region", policy.Default(), "", "mobile", "whatsapp", policy.RefusedRegion},
		{"allow-only", only, "GB", "mobile", "sms", policy.RefusedRegion},
		{"allow-only, allowed", only, "CA", "fixed_line_or_mobile", "sms", policy.Reached},
		{"allow-only, other channel", only, "GB", "mobile", "whatsapp", policy.Reached},
		{"denied though allowed", both, "SE", "mobile", "sms", policy.RefusedRegion},
		{"landline", policy.Default(), "GB", "fixed_line", "sms", policy.RefusedType},
		{"voip", policy.Default(), "GB", "voip", "sms", policy.RefusedType},
		{"voip, named", lines, "GB", "voip", "sms", policy.Reached},
		{"premium", lines, "GB", "premium_rate", "sms", policy.RefusedType},
		{"unknown type", policy.Default(), "GB", "", "sms", policy.RefusedType},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := tc.policy.Explain(policy.Number{Region: tc.region, Type: tc.kind}, tc.channel)
			if d.Reason != tc.want || d.Allowed() != (tc.want == policy.Reached) || d.Why == "" {
				t.Errorf("Explain = %+v", d)
			}
		})
	}
}

func TestUnsupportedRefusesAllAndOnlyThose(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	refused := 0
	for _, code := range region.All() {
		d := p.Explain(policy.Number{Region: code, Type: "mobile"}, "sms")
		if d.Allowed() == region.Unsupported().Has(code) && code != region.World {
			t.Errorf("%s: %+v", code, d)
		}
		if !d.Allowed() && code != region.World {
			refused++
		}
	}
	if refused != 103 {
		t.Errorf("%d regions refused, want 103", refused)
	}
}
