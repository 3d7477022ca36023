package pgstore

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// What is text, how a name is put together and how case is folded is said in
// package store, which keeps it to itself, and here a second time for the columns
// that are searched. Here they are compared, value by value.
func TestColumnsAreWhatMatchCompares(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := oddity{rand.New(rand.NewPCG(seed, 2))}
	texts := 0
	for i := range 20_000 {
		s := r.text() + r.pick("", "", "", "\x00", "\xff", "\xc3", "\xed\xa0\x80", "\ufffd")
		u := store.User{ID: "id", ExternalID: s + "|"}
		if ok := u.Check() == nil; ok != isText(u.ExternalID) {
			t.Fatalf("%q: Check accepts it: %t", s, ok)
		} else if ok {
			texts++
		}
		u = r.user(i)
		all := columns(&u)
		name, short := all[3].(string), all[4].(string)
		text := r.text()
		if i%2 == 0 {
			text = r.pick(u.Name.First, u.Name.Middle+" "+u.Name.Last, u.Name.First+" "+u.Name.Last, strings.ToUpper(u.Name.Last))
		}
		if text == "" {
			continue
		}
		q := store.Query{Filters: []store.Filter{{By: store.FieldName, Text: text}}}
		if match, found := q.Match(&u), strings.Contains(name, fold(text)) || strings.Contains(short, fold(text)); match != found {
			t.Fatalf("%q in %+v: Match %t, the columns %q and %q %t", text, u.Name, match, name, short, found)
		}
		for _, v := range values(&u) {
			by := map[store.Index]store.Field{store.ByPhone: store.FieldPhoneText, store.ByEmail: store.FieldEmailText}[v.kind]
			if by == "" {
				continue
			}
			alone := store.User{ID: "id", Phones: []store.Method{{Address: v.value}}, Emails: []store.Method{{Address: v.value}}}
			q := store.Query{Filters: []store.Filter{{By: by, Text: text}}}
			if match, found := q.Match(&alone), strings.Contains(v.folded, fold(text)); match != found {
				t.Fatalf("%q in %q: Match %t, the column %t", text, v.value, match, found)
			}
		}
	}
	if texts == 0 || texts == 20_000 {
		t.Errorf("%d texts", texts)
	}
}
