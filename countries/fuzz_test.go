package countries

import (
	"errors"
	"regexp"
	"testing"

	"github.com/passcode-go/passcode/countries/region"
)

var e164 = regexp.MustCompile(`\A\+[1-9][0-9]{1,14}\z`)

func FuzzParse(f *testing.F) {
	for _, raw := range notE164 {
		if len(raw) < 300 {
			f.Add(raw)
		}
	}
	for _, c := range region.All() {
		if raw, ok := ExampleMobile(c); ok {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if wellWritten(raw) != e164.MatchString(raw) {
			t.Fatalf("wellWritten(%q) = %v", raw, wellWritten(raw))
		}
		if wellWritten(raw) {
			lookup(raw) // so that a panic, which Parse makes an error, is found
		}

		n, err := Parse(raw)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || n != (Number{}) || errors.Is(err, ErrSyntax) == e164.MatchString(raw) {
				t.Fatalf("Parse(%q) = %s, %v", raw, n, err)
			}
			return
		}
		if n.E164 != raw || !e164.MatchString(raw) {
			t.Fatalf("Parse(%q) is %q", raw, n.E164)
		}
		if !n.Region.Known() && n.Region != region.World || n.Type == "" || n.Type == TypeUnknown {
			t.Fatalf("Parse(%q) = %s", raw, n)
		}
		if again, err := Parse(n.E164); err != nil || again != n {
			t.Fatalf("Parse(%q) is %s, then %s, %v", raw, n, again, err)
		}
		address, reg, kind, err := Mobile(raw)
		switch {
		case err != nil:
			if n.Region != region.World && n.Type.texts() || address+reg+kind != "" {
				t.Fatalf("Mobile(%q) = %q, %q, %q, %v", raw, address, reg, kind, err)
			}
		case address != raw || reg != string(n.Region) || kind != string(n.Type) || n.Region == region.World || !n.Type.texts():
			t.Fatalf("Mobile(%q) = %q, %q, %q; Parse gives %s", raw, address, reg, kind, n)
		}
	})
}
