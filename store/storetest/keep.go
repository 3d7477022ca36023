package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/store"
)

// What is kept is what was given.
var keepProperties = []directoryProperty{
	{"DirectoriesCopy", directoriesCopy},
	{"TimesAreExact", timesAreExact},
	{"MetadataIsKept", metadataIsKept},
	{"TextIsKept", textIsKept},
	{"OddTextIsKeptOrRefused", oddTextIsKeptOrRefused},
}

func directoriesCopy(t *directoryProbe) {
	want := person("someone")
	u := person("someone")
	t.create(u)
	spoil(&u)
	t.want(want)
	for by, value := range want.Values {
		u := t.lookup(by, value)
		spoil(&u)
		t.want(want)
	}
	for _, u := range t.walk(7) {
		spoil(&u)
	}
	t.want(want)
	a, b := t.lookup(store.ByID, "someone"), t.lookup(store.ByID, "someone")
	spoil(&a)
	if diff := different(b, want); diff != "" {
		t.Fatalf("two calls of Lookup share memory: %s", diff)
	}
	t.update("someone", func(u *store.User) { u.Roles = append(u.Roles, "admin") })
	if diff := different(b, want); diff != "" {
		t.Fatalf("what Lookup returned changed by a later Update: %s", diff)
	}
}

func timesAreExact(t *directoryProbe) {
	east := time.FixedZone("east", 5*3600+1800)
	for i, at := range []time.Time{
		time.Now(), // has a monotonic reading and a zone
		time.Date(2024, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2025, 1, 1, 3, 0, 0, 1, east),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1969, 7, 20, 20, 17, 40, 1001, time.FixedZone("west", -7*3600)),
		time.Date(2262, 4, 12, 0, 0, 0, 1, time.UTC), // past the range of UnixNano
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		{},
	} {
		u := person(fmt.Sprintf("someone%d", i))
		u.CreatedAt = at
		u.Phones[0].CreatedAt = at
		u.Emails[0].CreatedAt = at
		t.create(u)
		t.want(u)
		got := t.update(u.ID, func(u *store.User) { u.Phones[1].CreatedAt = at })
		u.Phones[1].CreatedAt = at
		if diff := different(got, u); diff != "" {
			t.Fatalf("Update: %s", diff)
		}
		t.want(u)
	}
}

func metadataIsKept(t *directoryProbe) {
	for i, raw := range []string{
		`{}`,
		`{"a":1,"b":[true,false,null,"",{}],"c":{"d":{"e":[]}}}`,
		`{ "spaces" : [ 1 , 2 ] }`,
		`{"big":12345678901234567890,"exact":9007199254740993}`,
		`{"html":"<a href='x'>&</a>","sep":"\u2028","escaped":"\"\\\/\b\f\n\r\t","é":"\u00e9 😀"}`,
		`{"":"empty key","null":null}`,
		`{"long":"` + strings.Repeat("x", 10_000) + `"}`,
		``,
	} {
		u := person(fmt.Sprintf("someone%d", i))
		u.Trusted, u.Untrusted = json.RawMessage(raw), nil
		t.create(u)
		t.want(u)
		u.Trusted, u.Untrusted = nil, json.RawMessage(raw)
		t.update(u.ID, func(c *store.User) { c.Trusted, c.Untrusted = u.Trusted, u.Untrusted })
		t.want(u)
	}
}

// textIsKept uses text that is valid UTF-8 without a zero byte.
func textIsKept(t *directoryProbe) {
	texts := []string{
		"Ünïcödé", "e\u0301", "\u00e9", // two spellings of one letter are two values
		"日本語", "עברית", "😀👩‍👩‍👧", "\u200b", "\ufeff", "\u2028", "\ufffd", "ß", "ẞ", "SS", "ı", "I", "i",
		" ", "  ", " lead", "trail ", "tab\t", "line\nline", "\r\n", "\x01", "\x1f", "\x7f",
		"'", "\"", "\\", "`", "%", "_", "*", "?", "$1", "?1", "--", ";", "{}", "[]", "null", "NULL", "0", "00", "-1", "1e3",
		"a/b", "a:b", "a|b", "a,b", "a\x1fb", "../..", "<b>&amp;</b>",
	}
	// All are there at once, so that two which a directory takes for one clash.
	t.race(8, func(w int) {
		for i := w; i < len(texts); i += 8 {
			text := texts[i]
			t.create(store.User{
				ID:         text,
				Name:       store.Name{First: text, Middle: text, Last: text},
				ExternalID: text,
				Phones:     []store.Method{{ID: "p" + text, Address: text}},
				Emails:     []store.Method{{ID: "e" + text, Address: text}},
				Roles:      []string{text, text},
			})
		}
	})
	for _, text := range texts {
		for _, at := range []store.Index{store.ByID, store.ByPhone, store.ByEmail, store.ByExternalID} {
			u := t.lookup(at, text)
			if u.ID != text || u.ExternalID != text || u.Phones[0].Address != text || u.Emails[0].Address != text ||
				u.Name != (store.Name{First: text, Middle: text, Last: text}) || len(u.Roles) != 2 || u.Roles[1] != text {
				t.Fatalf("Lookup(%s, %q) returned %q", at, text, fmt.Sprintf("%+v", u))
			}
		}
		if u := t.lookup(store.ByMethod, "e"+text); u.ID != text {
			t.Fatalf("Lookup(method, %q) returned user %q", "e"+text, u.ID)
		}
	}
	want := texts
	for i := range neighbours {
		want = append(want, neighbourUser(i).ID)
	}
	slices.Sort(want)
	if got := ids(t.walk(10)); !slices.Equal(got, want) {
		t.Fatalf("a walk found %q, want %q", got, want)
	}
}

// oddTextIsKeptOrRefused: not every database can keep every string. One that
// cannot refuses with an error; it does not keep something else, which could
// make one user out of two.
func oddTextIsKeptOrRefused(t *directoryProbe) {
	for i, text := range []string{
		"\x00", "a\x00b", "\xff", "\xfe", "\xc3", "\xed\xa0\x80", "end\xf0\x9f",
		strings.Repeat("long", 1000), strings.Repeat("longer", 10_000),
	} {
		for j, set := range []func(*store.User){
			func(u *store.User) { u.ID = text },
			func(u *store.User) { u.ExternalID = text },
			func(u *store.User) { u.Phones[0].Address = text },
			func(u *store.User) { u.Emails[0].Address = text },
			func(u *store.User) { u.Phones[1].ID = text },
			func(u *store.User) { u.Name.First = text },
			func(u *store.User) { u.Roles[1] = text },
		} {
			u := person(fmt.Sprintf("odd%d-%d", i, j))
			set(&u)
			if t.d.Create(t.ctx, u) == nil {
				t.want(u)
				if _, err := t.d.Delete(t.ctx, u.ID); err != nil {
					t.Fatalf("Delete: %v", err)
				}
			}
			t.gone(u)
			if j == 0 {
				continue // an update cannot change the id
			}
			before := person(fmt.Sprintf("odd%d-%d", i, j))
			t.create(before)
			if _, err := t.d.Update(t.ctx, before.ID, func(u *store.User) error { set(u); return nil }); err == nil {
				t.want(u)
			} else {
				t.want(before)
			}
			if _, err := t.d.Delete(t.ctx, before.ID); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			t.gone(u)
			t.gone(before)
		}
	}
}
