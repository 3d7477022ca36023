package region

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestZeroSet(t *testing.T) {
	t.Parallel()
	var s Set
	if s.Len() != 0 || s.Codes() == nil || len(s.Codes()) != 0 {
		t.Errorf("the zero Set has %d codes: %#v", s.Len(), s.Codes())
	}
	for _, c := range append(All(), strangers...) {
		if s.Has(c) {
			t.Errorf("the zero Set has %q", c)
		}
	}
	if made, err := NewSet(); err != nil || made != s {
		t.Errorf("NewSet() = %v, %v", made, err)
	}
}

// A Set must agree with a map on every code, for any choice of codes.
func TestSetAgreesWithMap(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	all := All()
	for range 500 {
		in := make(map[Code]bool)
		var codes []Code
		for range rnd.IntN(2 * len(all)) { // with repetitions
			c := all[rnd.IntN(len(all))]
			in[c] = true
			codes = append(codes, c)
		}
		s, err := NewSet(codes...)
		if err != nil {
			t.Fatal(err)
		}
		var want []Code
		for _, c := range all {
			if s.Has(c) != in[c] {
				t.Fatalf("Has(%s) = %v of %v", c, s.Has(c), codes)
			}
			if in[c] {
				want = append(want, c)
			}
		}
		if got := s.Codes(); !slices.Equal(got, want) || s.Len() != len(want) {
			t.Fatalf("Len %d, Codes %v, want %v", s.Len(), got, want)
		}
		again, err := NewSet(s.Codes()...)
		if err != nil || again != s {
			t.Fatalf("a set made of its own codes differs: %v", err)
		}
		for _, c := range strangers {
			if s.Has(c) {
				t.Fatalf("has %q", c)
			}
		}
	}
}

func TestNewSetNamesTheUnknownCode(t *testing.T) {
	t.Parallel()
	for _, c := range strangers {
		s, err := NewSet("US", c, "GB")
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", c, err)
		}
		if s != (Set{}) {
			t.Errorf("%q: the set is not empty: %v", c, s.Codes())
		}
	}
	if _, err := NewSet("US", "UK"); !strings.Contains(err.Error(), `"UK"`) {
		t.Errorf("the error does not name the code: %v", err)
	}
}

func TestHasDoesNotAllocate(t *testing.T) {
	s := Unsupported()
	if n := testing.AllocsPerRun(100, func() { s.Has("SE"); s.Has("US"); s.Has("001") }); n != 0 {
		t.Errorf("Has allocates %v times", n)
	}
}

func BenchmarkHas(b *testing.B) {
	s := Unsupported()
	b.ReportAllocs()
	for b.Loop() {
		s.Has("SE")
	}
}
