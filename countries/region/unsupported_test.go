package region

import (
	_ "embed"
	"strings"
	"testing"
)

// overview is the published list as it was published: a bullet, a line.
//
//go:embed testdata/overview.txt
var overview string

const bullet = "  • "

func TestUnsupportedIsTheOverview(t *testing.T) {
	t.Parallel()
	lines := UnsupportedLines()
	if len(lines) != 107 {
		t.Errorf("%d pairs of line and region, want 107", len(lines))
	}
	var texts []string // distinct, in order
	for _, l := range lines {
		if len(texts) == 0 || texts[len(texts)-1] != l.Text {
			texts = append(texts, l.Text)
		}
	}
	if len(texts) != 103 {
		t.Errorf("%d distinct lines, want 103", len(texts))
	}
	// The whole file, byte for byte.
	if got := bullet + strings.Join(texts, "\n"+bullet) + "\n"; got != overview {
		gotLines, want := strings.Split(got, "\n"), strings.Split(overview, "\n")
		for i := range min(len(gotLines), len(want)) {
			if gotLines[i] != want[i] {
				t.Fatalf("line %d is %q, want %q", i+1, gotLines[i], want[i])
			}
		}
		t.Fatalf("%d lines, want %d", len(gotLines), len(want))
	}
}

func TestUnsupportedSet(t *testing.T) {
	t.Parallel()
	const want = "AD AF AL AO AW AZ BA BB BM BQ BS BT BW BY BZ CD CI CN CU CV CW CY DK DM EE ER FJ FO GA GI GL GM GN GP GQ GU HK HT " +
		"ID IQ IR JO KG KH KP KW KY LA LB LK LR LS LY MG MK ML MM MN MO MP MQ MS MV MW MY MZ NA NC NE NP OM PF PG PH PK PS " +
		"RE RS RU RW SB SD SE SL SN SO SX SY TC TH TJ TM UG UZ VC VE VG VI VN XK YE YT ZW"
	var got []string
	for _, c := range Unsupported().Codes() {
		got = append(got, string(c))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("the set is\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
	if n := Unsupported().Len(); n != 103 {
		t.Errorf("%d regions, want 103", n)
	}
	for _, l := range UnsupportedLines() {
		if !Unsupported().Has(l.Region) {
			t.Errorf("%q names %s, which is not in the set", l.Text, l.Region)
		}
	}
}

// What the lines that need judgement were judged to say, and which
// neighbours and namesakes they do not name.
func TestUnsupportedJudgement(t *testing.T) {
	t.Parallel()
	named := make(map[string][]string)
	for _, l := range UnsupportedLines() {
		named[l.Text] = append(named[l.Text], string(l.Region))
	}
	for text, want := range map[string]string{
		"China – including Hong Kong": "CN HK",
		"Curaçao and Caribbean Netherlands (Bonaire, Sint Eustatius, Sint Maarten, Saba)": "CW BQ SX",
		"Reunion/Mayotte":              "RE YT",
		"Congo, Dem Rep":               "CD",
		"Democratic Republic of Congo": "CD",
		"Cote D’Ivoire (Ivory Coast)":  "CI",
		"Ivory Coast":                  "CI",
		"Korea Dem People's Rep":       "KP",
		"North Korea":                  "KP",
		"Macedonia":                    "MK",
		"Republic of North Macedonia":  "MK",
		"Martinque":                    "MQ",
		"Northen Mariana Islands":      "MP",
		"Burma (Myanmar)":              "MM",
		"U.S. Virgin Islands":          "VI",
		"British Virgin Islands":       "VG",
		"Kosovo":                       "XK",
	} {
		if got := strings.Join(named[text], " "); got != want {
			t.Errorf("%q names %s, want %s", text, got, want)
		}
	}
	for _, c := range []Code{"CG", "DO", "GW", "KR", "KZ", "NG", "SS", "TW", "MF", "BL", "AS", "PR", "WS", "US", "GB"} {
		if Unsupported().Has(c) {
			t.Errorf("%s (%s) is in the set", c, c.Name())
		}
	}
}

func TestUnsupportedLinesIsACopy(t *testing.T) {
	t.Parallel()
	UnsupportedLines()[0].Text = "Atlantis"
	if got := UnsupportedLines()[0].Text; got != "Afghanistan" {
		t.Errorf("a caller changed the list: it begins with %q", got)
	}
}

// A damaged list is an error; it must never read as a shorter one.
func TestParseListRefuses(t *testing.T) {
	t.Parallel()
	const head = "line,iso2,calling_code,note\n"
	if _, err := parseList(head + "Sweden,SE,+46,\n"); err != nil {
		t.Fatalf("a good list: %v", err)
	}
	for name, text := range map[string]string{
		"empty":           "",
		"header only":     head,
		"no header":       "Denmark,DK,+45,\nSweden,SE,+46,\n",
		"other header":    "iso2,line,calling_code,note\nSE,Sweden,+46,\n",
		"unknown code":    head + "Sweden,SE,+46,\nAtlantis,UK,+1,\n",
		"no code":         head + "Sweden,,+46,\n",
		"a field short":   head + "Sweden,SE,+46\n",
		"open quotation":  head + "\"Sweden,SE,+46,\n",
		"a field too far": head + "Sweden,SE,+46,,\n",
	} {
		if l, err := parseList(text); err == nil || l.set.Len() != 0 {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}
