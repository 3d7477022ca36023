package countries

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/passcode-go/passcode/countries/region"
)

var update = flag.Bool("update", false, "rewrite testdata/regions.golden.csv from the number library")

const goldenFile = "testdata/regions.golden.csv"

// supported returns the regions that the number library knows, sorted.
func supported() []region.Code {
	var codes []region.Code
	for r := range phonenumbers.GetSupportedRegions() {
		codes = append(codes, region.Code(r))
	}
	slices.Sort(codes)
	return codes
}

func TestEveryRegionIsInTheTable(t *testing.T) {
	t.Parallel()
	codes := supported()
	if len(codes) < 245 {
		t.Errorf("the library knows %d regions", len(codes))
	}
	known := make(map[region.Code]bool)
	for _, c := range codes {
		known[c] = true
		if !c.Known() {
			t.Errorf("the table has no %s", c)
		}
	}
	// Every region of the table that the library lacks is one without a
	// calling code of its own, so that the table is not full of strangers.
	var without []region.Code
	for _, c := range region.All() {
		if !known[c] {
			without = append(without, c)
		}
		if has := CallingCode(c) != 0; has != known[c] {
			t.Errorf("%s: calling code %d", c, CallingCode(c))
		}
	}
	if want := []region.Code{"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}; !slices.Equal(without, want) {
		t.Errorf("no number plan for %v, want %v", without, want)
	}
	// The regions that numbers can resolve to, which Parse returns unchecked.
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for _, r := range phonenumbers.GetRegionCodesForCountryCode(code) {
			if c := region.Code(r); !c.Known() && c != region.World {
				t.Errorf("+%d has region %q, which is not in the table", code, r)
			}
		}
	}
}

// The golden file is what the number plans and the set of unsupported regions
// come to, region by region. New metadata that changes a line changes who gets
// a text: look at each before running the test with -update.
func TestRegionsGolden(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("region,resolves_to,type,decision\n")
	for _, c := range supported() {
		raw, ok := ExampleMobile(c)
		if !ok {
			fmt.Fprintf(&b, "%s,,,no mobile numbers\n", c)
			continue
		}
		decision, reg, kind := decide(raw)
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", c, reg, kind, decision)
	}
	got := b.String()
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(data) {
		return
	}
	was, is := lines(string(data)), lines(got)
	for _, c := range slices.Sorted(maps.Keys(was)) {
		if is[c] != was[c] {
			t.Errorf("was %q, is %q", was[c], is[c])
		}
	}
	for _, c := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[c]; !ok {
			t.Errorf("new: %q", is[c])
		}
	}
	t.Errorf("%s differs", goldenFile)
}

// lines returns the lines of a golden file by their first field.
func lines(s string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(s) {
		c, _, _ := strings.Cut(line, ",")
		m[c] = strings.TrimSpace(line)
	}
	return m
}

// The rules that the golden file must keep whatever is in it, so that an
// update made without looking does not get past.
func TestRegionsDecisions(t *testing.T) {
	t.Parallel()
	neighbours := map[region.Code]region.Code{ // whose example resolves to another region
		"AX": "FI", "BL": "GP", "CC": "AU", "CX": "AU", "EH": "MA", "IM": "GB", "MF": "GP", "SJ": "NO", "VA": "IT",
	}
	count := make(map[string]int)
	for _, c := range supported() {
		raw, ok := ExampleMobile(c)
		if !ok {
			count["none"]++
			if c != "TA" {
				t.Errorf("%s has no mobile numbers", c)
			}
			continue
		}
		decision, reg, kind := decide(raw)
		count[decision]++
		want := c
		if n, ok := neighbours[c]; ok {
			want = n
		}
		if reg != want {
			t.Errorf("%s resolves to %s, want %s", c, reg, want)
		}
		if kind != TypeMobile && kind != TypeFixedLineOrMobile {
			t.Errorf("%s: the example is of type %s", c, kind)
		}
		if region.Unsupported().Has(c) && (decision != unsupported || reg != c) {
			t.Errorf("%s is on the list, its example is %s and resolves to %s", c, decision, reg)
		}
	}
	// 103 of the list, and Saint Barthélemy and Saint Martin with Guadeloupe.
	for decision, want := range map[string]int{unsupported: 103 + 2, allowed: 139, "none": 1} {
		if count[decision] != want {
			t.Errorf("%d regions %s, want %d", count[decision], decision, want)
		}
	}
}

// The calling codes that the list was annotated with are those of the plans.
func TestUnsupportedCallingCodes(t *testing.T) {
	t.Parallel()
	for _, l := range region.UnsupportedLines() {
		raw, ok := ExampleMobile(l.Region)
		if !ok || !strings.HasPrefix(raw, l.CallingCode) {
			t.Errorf("%s: the example does not begin with %s", l.Region, l.CallingCode)
		}
		if code := "+" + strconv.Itoa(CallingCode(l.Region)); !strings.HasPrefix(l.CallingCode, code) {
			t.Errorf("%s: calling code %s, listed as %s", l.Region, code, l.CallingCode)
		}
	}
}

func TestHelpersOfStrangers(t *testing.T) {
	t.Parallel()
	for _, c := range []region.Code{"", "us", "UK", "ZZ", "AQ", region.World} {
		if e164, ok := ExampleMobile(c); ok || e164 != "" {
			t.Errorf("%q has an example", c)
		}
		if n := CallingCode(c); n != 0 {
			t.Errorf("%q has calling code %d", c, n)
		}
	}
	for c, want := range map[region.Code]int{"US": 1, "CA": 1, "KZ": 7, "SE": 46, "GG": 44, "XK": 383, "HK": 852} {
		if n := CallingCode(c); n != want {
			t.Errorf("%s has calling code %d, want %d", c, n, want)
		}
	}
}
