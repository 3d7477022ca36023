package region

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	t.Parallel()
	all := All()
	if len(all) != 249+3 {
		t.Errorf("%d regions, want the 249 of ISO 3166-1 and AC, TA, XK", len(all))
	}
	if !slices.IsSorted(all) {
		t.Error("All is not sorted")
	}
	names := make(map[string]Code)
	for _, c := range all {
		if len(c) != 2 || strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Errorf("%q is no alpha-2 code", c)
		}
		name := c.Name()
		if name == "" || name != strings.TrimSpace(name) || !utf8.ValidString(name) {
			t.Errorf("%s is named %q", c, name)
		}
		if other, dup := names[name]; dup {
			t.Errorf("%s and %s are both named %q", c, other, name)
		}
		names[name] = c
		if !c.Known() {
			t.Errorf("%s is not Known", c)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	// Pairs that are easily mixed up, and both ends of the table.
	for code, want := range map[Code]string{
		"AC": "Ascension Island", "ZW": "Zimbabwe", "XK": "Kosovo", "TA": "Tristan da Cunha",
		"CD": "Democratic Republic of the Congo", "CG": "Republic of the Congo",
		"KP": "North Korea", "KR": "South Korea", "DM": "Dominica", "DO": "Dominican Republic",
		"NE": "Niger", "NG": "Nigeria", "SD": "Sudan", "SS": "South Sudan",
		"GN": "Guinea", "GW": "Guinea-Bissau", "GQ": "Equatorial Guinea", "PG": "Papua New Guinea",
		"SX": "Sint Maarten", "MF": "Saint Martin", "CW": "Curaçao", "AX": "Åland Islands",
		"VG": "British Virgin Islands", "VI": "United States Virgin Islands", "CI": "Côte d'Ivoire",
		"GB": "United Kingdom", "US": "United States",
	} {
		if got := code.Name(); got != want {
			t.Errorf("%s is named %q, want %q", code, got, want)
		}
	}
}

// strangers are no regions of the table.
var strangers = []Code{"", "U", "us", "Us", "USA", "UK", "EU", "ZZ", "AA", World, "840", " US", "US ", "U\x00", "ÅL"}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range strangers {
		if c.Known() || c.Name() != "" {
			t.Errorf("%q is known as %q", c, c.Name())
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	t.Parallel()
	All()[0] = "UK"
	if got := All()[0]; got != "AC" {
		t.Errorf("a caller changed the table: it begins with %q", got)
	}
}
