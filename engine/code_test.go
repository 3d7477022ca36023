package engine

import (
	"strings"
	"testing"
	"unicode"

	"github.com/passcode-go/passcode/policy"
)

var shapes = map[string]policy.Code{
	"six digits":       {Length: 6, Alphabet: policy.Digits},
	"ten digits":       {Length: 10, Alphabet: policy.Digits},
	"eight of letters": {Length: 8, Alphabet: policy.Unambiguous},
}

// Every character must be as likely as any other at every place: byte modulo
// ten, the usual mistake, gives 0 to 5 four per cent more often.
func TestNewCodeIsUniform(t *testing.T) {
	t.Parallel()
	const codes = 200_000
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := len(shape.Alphabet)
			counts := make([][]int, shape.Length)
			for i := range counts {
				counts[i] = make([]int, n)
			}
			for range codes {
				code := newCode(shape)
				if !shape.Fits(code) {
					t.Fatalf("a code of %d characters does not fit its shape", len(code))
				}
				for i := range code {
					counts[i][strings.IndexByte(shape.Alphabet, code[i])]++
				}
			}
			expected := float64(codes) / float64(n)
			for place, row := range counts {
				chi := 0.0
				for _, seen := range row {
					d := float64(seen) - expected
					chi += d * d / expected
				}
				// 60 is passed by chance about once in a million times with up
				// to 20 degrees of freedom; byte modulo ten gives 270.
				if chi > 60 {
					t.Errorf("place %d: chi-square %.1f over %v", place, chi, row)
				}
			}
		})
	}
}

func TestReadCode(t *testing.T) {
	t.Parallel()
	digits, letters := shapes["six digits"], policy.Code{Length: 6, Alphabet: policy.Unambiguous}
	for _, tc := range []struct {
		name  string
		shape policy.Code
		in    string
		want  string
		ok    bool
	}{
		{"plain", digits, "012345", "012345", true},
		{"spaces", digits, " 012 345\t\n", "012345", true},
		{"no-break and ideographic spaces", digits, "012\u00a0345\u3000", "012345", true},
		{"hyphens", digits, "012-345", "012345", true},
		{"dashes and minus", digits, "0\u20101\u20132\u20143\u22124\uff0d5", "012345", true},
		{"full width", digits, "０１２３４５", "012345", true},
		{"Arabic-Indic", digits, "٠١٢٣٤٥", "012345", true},
		{"Persian", digits, "۰۱۲۳۴۵", "012345", true},
		{"Devanagari", digits, "०१२३४५", "012345", true},
		{"mixed scripts", digits, "0१２३٤5", "012345", true},
		{"mathematical", digits, "𝟎𝟏𝟐𝟛𝟜𝟝", "012345", true},
		{"small letters", letters, "cdf-ghj", "CDFGHJ", true},

		{"empty", digits, "", "", false},
		{"only separators", digits, " - ", "", false},
		{"too short", digits, "01234", "", false},
		{"too long", digits, "0123456", "", false},
		{"letters", digits, "01234a", "", false},
		{"letter o", digits, "O12345", "", false},
		{"point", digits, "012.345", "", false},
		{"sign", digits, "+12345", "", false},
		{"superscript is no decimal digit", digits, "01234⁵", "", false},
		{"zero width", digits, "012\u200b345", "", false},
		{"bidi", digits, "\u202e012345", "", false},
		{"NUL", digits, "012345\x00", "", false},
		{"not UTF-8", digits, "012345\xff", "", false},
		{"look-alikes of the alphabet", letters, "CDFGH0", "", false},
		{"long", digits, strings.Repeat(" ", 1<<20) + "012345", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := readCode(tc.shape, tc.in)
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("readCode(%q) = %q, %v; want %q, %v", tc.in, got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestDigitOfEveryScript(t *testing.T) {
	t.Parallel()
	seen := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsDigit(r) {
			continue
		}
		seen++
		// The digits of a script stand in a row, so the one after nine is a
		// zero, or no digit.
		if d := digit(r); d < 9 && (!unicode.IsDigit(r+1) || digit(r+1) != d+1) || d > 9 {
			t.Fatalf("digit(%U) = %d and its successor differs", r, d)
		}
	}
	if seen < 600 || seen%10 != 0 {
		t.Fatalf("%d decimal digits in Unicode", seen)
	}
}

func FuzzReadCode(f *testing.F) {
	for _, s := range []string{"123456", "１２３-４５６", "٠١٢ ٣٤٥", "abc", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, shape := range shapes {
			got, ok := readCode(shape, in)
			if !ok {
				continue
			}
			if !shape.Fits(got) {
				t.Fatalf("readCode(%q) = %q", in, got)
			}
			if again, ok := readCode(shape, got); !ok || again != got {
				t.Fatalf("reading %q again gives %q, %v", got, again, ok)
			}
		}
	})
}
