package seal_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
)

func ring(t *testing.T, keys engine.Keys, purpose string) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(keys, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealed(t *testing.T) {
	t.Parallel()
	keys := engine.RandomKeys()
	r := ring(t, keys, "a")
	plain, context := []byte("a secret that shows"), []byte("user 1")
	sealed := r.Seal([]byte("head"), plain, context)[4:]
	if bytes.Contains(sealed, plain[:8]) || len(sealed) != len(plain)+seal.Overhead {
		t.Fatalf("%d bytes: %q", len(sealed), sealed)
	}
	if bytes.Equal(sealed, r.Seal(nil, plain, context)) {
		t.Error("sealing twice gives the same")
	}
	if got, err := r.Open([]byte("head"), sealed, context); err != nil || string(got) != "head"+string(plain) {
		t.Errorf("opened %q, %v", got, err)
	}

	more := engine.Keys{Index: keys.Index, Ring: []engine.Key{{ID: 2, Secret: engine.RandomKeys().Index.Secret}, keys.Ring[0]}}
	rotated := ring(t, more, "a")
	if _, err := rotated.Open(nil, sealed, context); err != nil || rotated.Newest(sealed) || !r.Newest(sealed) {
		t.Errorf("after rotation: %v, newest %v and %v", err, rotated.Newest(sealed), r.Newest(sealed))
	}
	if !r.Has(sealed) || !rotated.Has(sealed) || gone(t, more).Has(sealed) || r.Has(sealed[:seal.Overhead-1]) {
		t.Error("Has is wrong")
	}
	if !rotated.SameNames(r) || ring(t, engine.RandomKeys(), "a").SameNames(r) {
		t.Error("SameNames is wrong")
	}
	sameID := ring(t, engine.Keys{Index: keys.Index, Ring: []engine.Key{{ID: 1, Secret: more.Ring[0].Secret}}}, "a")
	for name, refusal := range map[string]func() ([]byte, error){
		"other context": func() ([]byte, error) { return r.Open(nil, sealed, []byte("user 2")) },
		"other purpose": func() ([]byte, error) { return ring(t, keys, "b").Open(nil, sealed, context) },
		"removed key":   func() ([]byte, error) { return gone(t, more).Open(nil, sealed, context) },
		"reused key id": func() ([]byte, error) { return sameID.Open(nil, sealed, context) },
	} {
		if got, err := refusal(); !errors.Is(err, seal.ErrOpen) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		bad := slices.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(nil, bad, context); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := r.Open(nil, sealed[:i], context); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
}

// gone returns the ring of keys without its last key.
func gone(t *testing.T, keys engine.Keys) *seal.Ring {
	return ring(t, engine.Keys{Index: keys.Index, Ring: keys.Ring[:len(keys.Ring)-1]}, "a")
}

func TestNames(t *testing.T) {
	t.Parallel()
	keys := engine.RandomKeys()
	r := ring(t, keys, "a")
	names := map[string][seal.NameSize]byte{
		"":                   r.Name(),
		"a":                  r.Name("a"),
		"a, empty":           r.Name("a", ""),
		"empty, a":           r.Name("", "a"),
		"ab, c":              r.Name("ab", "c"),
		"a, bc":              r.Name("a", "bc"),
		"a, other purpose":   ring(t, keys, "b").Name("a"),
		"a, other index key": ring(t, engine.RandomKeys(), "a").Name("a"),
	}
	seen := make(map[[seal.NameSize]byte]string)
	for what, name := range names {
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q have one name", what, other)
		}
		seen[name] = what
		if len(seal.Text(name)) != 22 {
			t.Errorf("%q is %q", what, seal.Text(name))
		}
	}
	if ring(t, keys, "a").Name("ab", "c") != names["ab, c"] {
		t.Error("the same parts have two names")
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	good := engine.RandomKeys()
	for name, keys := range map[string]engine.Keys{
		"none":        {},
		"no ring":     {Index: good.Index},
		"short index": {Index: engine.Key{Secret: good.Index.Secret[:31]}, Ring: good.Ring},
		"short key":   {Index: good.Index, Ring: []engine.Key{{ID: 1, Secret: good.Index.Secret[:31]}}},
		"id twice":    {Index: good.Index, Ring: append(good.Ring, good.Ring...)},
	} {
		if _, err := seal.NewRing(keys, "a"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r, err := seal.NewRing(engine.RandomKeys(), "a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{0}, seal.Overhead), []byte("context"))
	f.Add(append([]byte{0, 0, 0, 1}, make([]byte, 40)...), []byte{})
	f.Fuzz(func(t *testing.T, sealed, context []byte) {
		if _, err := r.Open(nil, sealed, context); err == nil {
			t.Error("a forgery was opened")
		}
		back, err := r.Open(nil, r.Seal(nil, sealed, context), context)
		if err != nil || !bytes.Equal(back, sealed) {
			t.Errorf("%q became %q, %v", sealed, back, err)
		}
	})
}
