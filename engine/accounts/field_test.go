package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
)

// FuzzMetadata checks that what is taken is a small JSON object, the one that
// was given without its nulls, and taken again unchanged.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{"", "null", "{}", ` { "a" : [ 1 , null ] } `, `{"a":1}{}`, `[]`, `{"a":1,"a":2}`, `{"k":"` + strings.Repeat("x", 4096) + `"}`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		kept, err := mergeMetadata(nil, raw)
		if !bytes.Equal(raw, given) {
			t.Fatal("the caller's bytes changed")
		}
		object, invalid := decode(raw)
		maps.DeleteFunc(object, func(_ string, v any) bool { return v == nil })
		switch {
		case err != nil:
			if kept != nil {
				t.Fatalf("kept %q despite %v", kept, err)
			}
			return
		case len(object) == 0:
			if kept != nil {
				t.Fatalf("kept %q of nothing", kept)
			}
			return
		case invalid != nil || len(object) > maxKeys || len(kept) > maxMetadata || kept[0] != '{':
			t.Fatalf("took %q as %q", raw, kept)
		}
		again, err := decode(kept)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := json.Marshal(object)
		after, _ := json.Marshal(again)
		if !bytes.Equal(before, after) {
			t.Fatalf("%q became %q", raw, kept)
		}
		if twice, err := mergeMetadata(nil, kept); err != nil || !bytes.Equal(twice, kept) {
			t.Fatalf("%q became %q, %v", kept, twice, err)
		}
	})
}

// decode keeps numbers as they are: JSON has some that no float64 holds.
func decode(raw []byte) (object map[string]any, err error) {
	if !json.Valid(raw) {
		return nil, errors.New("not one JSON value")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&object)
	return object, err
}
