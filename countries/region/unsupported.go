package region

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Line says that one line of the published list of unsupported countries
// names one region. A line that names several regions ("Reunion/Mayotte") has
// one Line for each, and a region that the list names twice ("Ivory Coast")
// has two.
type Line struct {
	Text        string // the line of the list, with its own spelling
	Region      Code   // the region it names
	CallingCode string // where the region's numbers begin, such as "+46" or, with its area code, "+1242"; other regions may begin the same
	Note        string // why the line is read so, where that needs saying; else empty
}

// Unsupported returns the 103 regions that are not texted by SMS unless a
// policy says otherwise. They are those that Stytch, whose API the HTTP
// adapter speaks, documents as not supported for SMS passcodes. The list says
// nothing of other channels.
func Unsupported() Set { return unsupported().set }

// UnsupportedLines returns the list that [Unsupported] comes from, in its
// order, so that one can see which line stands behind which region.
func UnsupportedLines() []Line { return slices.Clone(unsupported().lines) }

//go:embed unsupported.csv
var unsupportedCSV string

type list struct {
	lines []Line
	set   Set
}

// unsupported panics if the embedded file is malformed, at every call: a list
// that cannot be read must not pass for an empty one.
var unsupported = sync.OnceValue(func() list {
	l, err := parseList(unsupportedCSV)
	if err != nil {
		panic(err)
	}
	return l
})

func parseList(text string) (list, error) {
	r := csv.NewReader(strings.NewReader(text))
	records, err := r.ReadAll()
	if err != nil {
		return list{}, fmt.Errorf("region: unsupported.csv: %w", err)
	}
	header := []string{"line", "iso2", "calling_code", "note"}
	if len(records) < 2 || !slices.Equal(records[0], header) {
		return list{}, fmt.Errorf("region: unsupported.csv: no header %q with lines below it", header)
	}
	var l list
	var codes []Code
	for _, f := range records[1:] {
		l.lines = append(l.lines, Line{Text: f[0], Region: Code(f[1]), CallingCode: f[2], Note: f[3]})
		codes = append(codes, Code(f[1]))
	}
	if l.set, err = NewSet(codes...); err != nil {
		return list{}, fmt.Errorf("region: unsupported.csv: %w", err)
	}
	return l, nil
}
