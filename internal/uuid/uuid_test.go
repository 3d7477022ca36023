package uuid_test

import (
	"strings"
	"testing"

	"github.com/passcode-go/passcode/internal/uuid"
)

func TestNew(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		s := uuid.New()
		b, ok := uuid.Parse(s)
		if !ok || uuid.Format(b) != s || seen[s] {
			t.Fatalf("%q: parsed %v, seen %v", s, ok, seen[s])
		}
		if b[6]>>4 != 4 || b[8]>>6 != 2 {
			t.Fatalf("%q is not of version 4", s)
		}
		seen[s] = true
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := "2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"
	if _, ok := uuid.Parse(good); !ok {
		t.Fatalf("%q is refused", good)
	}
	for _, bad := range []string{
		"", good[1:], good + "0", strings.ToUpper(good), strings.ReplaceAll(good, "-", ""), "{" + good + "}",
		strings.Replace(good, "-", "_", 1), strings.Replace(good, "2", "g", 1), strings.Replace(good, "c", "-", 1), " " + good[1:],
	} {
		if _, ok := uuid.Parse(bad); ok {
			t.Errorf("%q is taken for a UUID", bad)
		}
	}
}
