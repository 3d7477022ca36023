package storetest

import (
	"errors"
	"strings"

	"github.com/passcode-go/passcode/store"
)

// How users are found.
var lookupProperties = []directoryProperty{
	{"CreatedIsFoundByEveryIndex", createdIsFound},
	{"NotFound", notFound},
	{"OnlyExactlyEqualIsFound", onlyExactlyEqual},
	{"SmallUsers", smallUsers},
	{"BadUsersAreRefused", badUsers},
	{"DoneContextChangesNothing", doneContextChangesNothing},
}

func createdIsFound(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	t.want(u)
	for _, at := range []struct {
		by    store.Index
		value string
	}{
		{store.ByID, "someone"},
		{store.ByPhone, "+1555someone1"},
		{store.ByPhone, "+1555someone2"},
		{store.ByEmail, "someone@example.com"},
		{store.ByMethod, "someone-p1"},
		{store.ByMethod, "someone-p2"},
		{store.ByMethod, "someone-e1"},
		{store.ByMethod, "someone-t1"},
		{store.ByExternalID, "external-someone"},
	} {
		if diff := different(t.lookup(at.by, at.value), u); diff != "" {
			t.Fatalf("Lookup(%s, %q): %s", at.by, at.value, diff)
		}
	}
}

func notFound(t *directoryProbe) {
	t.create(person("someone"))
	none := person("noexternal")
	none.ExternalID = ""
	t.create(none)
	indexes := []store.Index{store.ByID, store.ByPhone, store.ByEmail, store.ByMethod, store.ByExternalID, "", "name", "ID", "id ", "phones", "users"}
	values := []string{"", "unknown", " ", "%", "*", "\x00", "\xff", strings.Repeat("v", 100_000)}
	for _, by := range indexes {
		for _, value := range values {
			t.free(by, value)
		}
	}
	for _, by := range indexes[5:] {
		t.free(by, "someone")
		t.free(by, "First someone")
	}
	ran := false
	if _, err := t.d.Update(t.ctx, "unknown", func(*store.User) error { ran = true; return nil }); !errors.Is(err, store.ErrNotFound) || ran {
		t.Fatalf("Update of an unknown id: %v, change called: %t; want store.ErrNotFound and no call", err, ran)
	}
	if _, err := t.d.Delete(t.ctx, "unknown"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Delete of an unknown id: %v, want store.ErrNotFound", err)
	}
	for _, id := range []string{"", "+1555someone1", "external-someone", "someone-p1"} {
		if _, err := t.d.Update(t.ctx, id, func(*store.User) error { return nil }); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Update(%q): %v, want store.ErrNotFound", id, err)
		}
		if _, err := t.d.Delete(t.ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Delete(%q): %v, want store.ErrNotFound", id, err)
		}
	}
	t.want(person("someone"))
}

func onlyExactlyEqual(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	for by, value := range u.Values {
		for _, other := range []string{
			strings.ToUpper(value), value + "x", value + " ", " " + value, value + "\x00",
			value[:len(value)-1], value[1:], value[:len(value)-1] + "%", value[:len(value)-1] + "_", value + "/", "%", "someone%",
		} {
			if other != value && !belongs(u, by, other) {
				t.free(by, other)
			}
		}
		// The value of one index is none of another.
		for _, other := range []store.Index{store.ByID, store.ByPhone, store.ByEmail, store.ByMethod, store.ByExternalID} {
			if !belongs(u, other, value) {
				t.free(other, value)
			}
		}
	}
}

func belongs(u store.User, by store.Index, value string) bool {
	for b, v := range u.Values {
		if b == by && v == value {
			return true
		}
	}
	return false
}

// smallUsers: everything but the id may be missing, for any number of users.
func smallUsers(t *directoryProbe) {
	for _, id := range []string{"bare1", "bare2", "bare3"} {
		u := store.User{ID: id}
		t.create(u)
		t.want(u)
	}
	for _, u := range []store.User{
		{ID: "phone", Status: store.Pending, Phones: []store.Method{{ID: "m1", Address: "+1"}}},
		{ID: "email", Emails: []store.Method{{ID: "m2", Address: "e@example.com"}}},
		{ID: "external", ExternalID: "x"},
		{ID: "x"}, // an id equal to an external id
	} {
		t.create(u)
		t.want(u)
	}
	t.free(store.ByExternalID, "")
	t.free(store.ByPhone, "")
}

// badUsers tries what store.User.Check refuses, by Create and by Update.
func badUsers(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	for what, spoil := range map[string]func(*store.User){
		"an empty id":                     func(u *store.User) { u.ID = "" },
		"an empty phone number":           func(u *store.User) { u.Phones[1].Address = "" },
		"an empty e-mail address":         func(u *store.User) { u.Emails[0].Address = "" },
		"an empty method id of a phone":   func(u *store.User) { u.Phones[0].ID = "" },
		"an empty method id of an e-mail": func(u *store.User) { u.Emails[0].ID = "" },
		"a phone number twice":            func(u *store.User) { u.Phones[1].Address = u.Phones[0].Address },
		"an e-mail address twice": func(u *store.User) {
			u.Emails = append(u.Emails, store.Method{ID: "more", Address: u.Emails[0].Address})
		},
		"a method id twice among phones":    func(u *store.User) { u.Phones[1].ID = u.Phones[0].ID },
		"a method id of a phone and e-mail": func(u *store.User) { u.Emails[0].ID = u.Phones[1].ID },
	} {
		bad := person("bad")
		spoil(&bad)
		if err := t.d.Create(t.ctx, bad); !errors.Is(err, store.ErrUser) {
			t.Fatalf("Create of a user with %s: %v, want store.ErrUser", what, err)
		}
		t.gone(person("bad"))
		_, err := t.d.Update(t.ctx, u.ID, func(u *store.User) error { spoil(u); u.Roles = nil; return nil })
		if !errors.Is(err, store.ErrUser) {
			t.Fatalf("Update to a user with %s: %v, want store.ErrUser", what, err)
		}
		t.want(u)
		t.free(store.ByMethod, "more")
	}
}

func doneContextChangesNothing(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	for want, ctx := range doneContexts() {
		check := func(call string, err error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Fatalf("%s with a done context returned %v, want %v", call, err, want)
			}
		}
		check("Create", t.d.Create(ctx, person("created")))
		_, err := t.d.Lookup(ctx, store.ByID, u.ID)
		check("Lookup", err)
		_, err = t.d.Update(ctx, u.ID, func(u *store.User) error { u.Roles = []string{"changed"}; return nil })
		check("Update", err)
		_, err = t.d.Delete(ctx, u.ID)
		check("Delete", err)
		_, err = t.d.Search(ctx, store.Query{})
		check("Search", err)
	}
	t.want(u)
	t.gone(person("created"))
}
