package countries

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/passcode-go/passcode/countries/region"
)

const northAmerica = "AG AI AS BB BM BS CA DM DO GD GU JM KN KY LC MP MS PR SX TC TT US VC VG VI"

// Random numbers under each calling code that several regions share: what is
// refused for its country is refused for its region, as the number library
// has it, and for nothing else.
func TestSharedCallingCodes(t *testing.T) {
	t.Parallel()
	full := !testing.Short() && !raceEnabled
	numbers := 100_000
	if !full {
		numbers = 3_000 // too few to meet every region
	}
	for _, code := range []struct {
		calling int
		lengths []int  // of national numbers, for digits drawn blindly
		regions string // of all numbers: these must occur, and no other
		mobiles string // of mobile numbers
	}{
		{1, []int{10}, northAmerica, northAmerica},
		{7, []int{10}, "KZ RU", "KZ RU"},
		{44, []int{9, 10}, "GB GG IM JE", "GB GG IM JE"},
		{262, []int{9}, "RE YT", "RE YT"},
		{590, []int{9}, "BL GP MF", "GP"}, // the plan gives one block of mobiles to all three
		{599, []int{7, 8}, "BQ CW", "BQ CW"},
	} {
		t.Run("+"+strconv.Itoa(code.calling), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(9, uint64(code.calling)))
			examples := examplesOf(code.calling)
			valid := 0
			decisions := make(map[string]int)
			regions, mobiles := make(map[region.Code]bool), make(map[region.Code]bool)
			for i := range numbers {
				var raw string
				if i%2 == 0 {
					n := code.lengths[rnd.IntN(len(code.lengths))]
					raw = redraw(rnd, "+"+strconv.Itoa(code.calling)+strings.Repeat("0", n), n)
				} else {
					raw = redraw(rnd, examples[rnd.IntN(len(examples))], 1+rnd.IntN(7))
				}
				decision, reg, _ := decide(raw)
				want, kind, ok := ask(raw)
				if !ok {
					if decision != invalid {
						t.Fatalf("%s is %s; the library says invalid", raw, decision)
					}
					continue
				}
				valid++
				decisions[decision]++
				regions[want] = true
				if kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE {
					mobiles[want] = true
				}
				wantDecision := allowed
				switch {
				case !textable(kind):
					wantDecision, want = wrongType, ""
				case region.Unsupported().Has(want):
					wantDecision = unsupported
				}
				if decision != wantDecision || reg != want {
					t.Fatalf("%s is %s as %q, want %s as %q", raw, decision, reg, wantDecision, want)
				}
			}
			if valid < numbers/4 {
				t.Errorf("only %d of %d numbers were valid", valid, numbers)
			}
			checkRegions(t, "of all", regions, code.regions, full)
			checkRegions(t, "of mobiles", mobiles, code.mobiles, full)
			if code.calling == 1 || code.calling == 7 {
				if decisions[allowed] < valid/10 || decisions[unsupported] < valid/10 {
					t.Errorf("of %d valid numbers: %v", valid, decisions)
				}
			}
			t.Logf("%d of %d valid: %v", valid, numbers, decisions)
		})
	}
}

// ask asks the number library itself, the long way.
func ask(raw string) (region.Code, phonenumbers.PhoneNumberType, bool) {
	p, err := phonenumbers.Parse(raw, "")
	if err != nil || !phonenumbers.IsValidNumber(p) || phonenumbers.Format(p, phonenumbers.E164) != raw {
		return "", phonenumbers.UNKNOWN, false
	}
	return region.Code(phonenumbers.GetRegionCodeForNumber(p)), phonenumbers.GetNumberType(p), true
}

func textable(kind phonenumbers.PhoneNumberType) bool {
	switch kind {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE, phonenumbers.FIXED_LINE_OR_MOBILE,
		phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER:
		return true
	}
	return false
}

// checkRegions checks that no region occurred but those wanted and, where the
// sample is big enough to tell, that all of them did.
func checkRegions(t *testing.T, what string, occurred map[region.Code]bool, want string, all bool) {
	t.Helper()
	wanted := strings.Fields(want)
	for c := range occurred {
		if !slices.Contains(wanted, string(c)) {
			t.Errorf("regions %s: %s occurred, want none but %s", what, c, want)
		}
	}
	if all && len(occurred) < len(wanted) {
		t.Errorf("regions %s: %v occurred, want %s", what, occurred, want)
	}
}

// examplesOf returns the example numbers of every region and type of a
// calling code.
func examplesOf(calling int) []string {
	var all []string
	for _, r := range phonenumbers.GetRegionCodesForCountryCode(calling) {
		for kind := phonenumbers.FIXED_LINE; kind < phonenumbers.UNKNOWN; kind++ {
			if p := phonenumbers.GetExampleNumberForType(r, kind); p != nil {
				all = append(all, phonenumbers.Format(p, phonenumbers.E164))
			}
		}
	}
	return all
}

// redraw replaces the last n digits of a number with random ones.
func redraw(rnd *rand.Rand, number string, n int) string {
	b := []byte(number)
	for i := len(b) - n; i < len(b); i++ {
		b[i] = '0' + byte(rnd.IntN(10))
	}
	return string(b)
}
