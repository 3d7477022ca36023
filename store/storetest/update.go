package storetest

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/passcode-go/passcode/store"
)

// What changes.
var updateProperties = []directoryProperty{
	{"UpdateReturnsWhatIsKept", updateReturns},
	{"UpdateMovesIndexes", updateMovesIndexes},
	{"UpdateRearranges", updateRearranges},
	{"UpdateReturnsErrorOfChange", updateError},
	{"UpdateKeepsTheID", updateKeepsID},
	{"UpdateGivesCopies", updateGivesCopies},
}

var deleteProperties = []directoryProperty{
	{"DeleteFreesValues", deleteFrees},
}

func updateReturns(t *directoryProbe) {
	want := person("someone")
	t.create(want)
	change := func(u *store.User) {
		u.Status = store.Pending
		u.Name = store.Name{Last: "New"}
		u.Phones[1].Verified = true
		u.Trusted = []byte(`{"plan":"none"}`)
		u.Untrusted = nil
		u.Roles = append(u.Roles, "admin")
		u.CreatedAt = time.Date(2025, 1, 1, 1, 0, 0, 7, time.FixedZone("east", 3600))
	}
	got, err := t.d.Update(t.ctx, "someone", func(u *store.User) error {
		if diff := different(*u, want); diff != "" {
			t.Errorf("change was given another user: %s", diff)
		}
		change(u)
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	change(&want)
	want.CreatedAt = want.CreatedAt.UTC()
	if diff := different(got, want); diff != "" {
		t.Fatalf("Update returned what it should not keep: %s", diff)
	}
	t.want(want)

	same := t.update("someone", func(*store.User) {})
	if diff := different(same, want); diff != "" {
		t.Fatalf("Update that changes nothing: %s", diff)
	}
	t.want(want)
}

func updateMovesIndexes(t *directoryProbe) {
	before := person("someone")
	t.create(before)
	change := func(u *store.User) {
		u.Phones[0].Address = "+1555new"
		u.Phones[1].ID = "new-p2"
		u.Emails = append(u.Emails[:0:0], store.Method{ID: "new-e1", Address: "new@example.com"}, store.Method{ID: "new-e2", Address: "newer@example.com"})
		u.TOTPs[0].ID = "new-t1"
		u.ExternalID = "external-new"
	}
	after := before.Clone()
	change(&after)
	t.update("someone", change)
	t.want(after)
	for by, value := range before.Values {
		if !belongs(after, by, value) {
			t.free(by, value)
		}
	}

	none := t.update("someone", func(u *store.User) { u.Phones, u.Emails, u.TOTPs, u.ExternalID = nil, nil, nil, "" })
	t.want(none)
	for by, value := range after.Values {
		if by != store.ByID {
			t.free(by, value)
		}
	}

	// What was given up another user can have, and lose again.
	other := person("other")
	other.Phones[0].Address, other.Emails[0].Address, other.ExternalID = "+1555someone1", "someone@example.com", "external-someone"
	other.Emails[0].ID = "someone-p1"
	t.create(other)
	t.want(other)
	t.update("other", func(u *store.User) { *u = person("other") })
	t.want(person("other"))
	t.update("someone", func(u *store.User) { *u = person("someone") })
	t.want(before)
	t.want(person("other"))
}

// updateRearranges moves values within one user: nothing is taken by itself,
// and nothing is lost because it was removed where it used to be.
func updateRearranges(t *directoryProbe) {
	t.create(person("someone"))
	for _, change := range []func(u *store.User){
		func(u *store.User) { slices.Reverse(u.Phones) },
		func(u *store.User) { u.Phones[0].ID, u.Phones[1].ID = u.Phones[1].ID, u.Phones[0].ID },
		func(u *store.User) { u.Phones[0].ID, u.Emails[0].ID = u.Emails[0].ID, u.Phones[0].ID },
		func(u *store.User) { u.Emails, u.Phones = u.Phones, u.Emails },
		func(u *store.User) { u.Phones, u.Emails = u.Emails, u.Phones },
		func(u *store.User) { u.Phones = u.Phones[1:] },
		func(u *store.User) { u.Phones = append(u.Phones, store.Method{ID: "added", Address: u.ExternalID}) },
		func(u *store.User) { u.ExternalID = u.ID },
		func(u *store.User) { slices.Reverse(u.Phones); u.Phones[0].ID += "+"; u.ExternalID = "" },
	} {
		before := t.lookup(store.ByID, "someone")
		after := before.Clone()
		change(&after)
		t.update("someone", change)
		t.want(after)
		for by, value := range before.Values {
			if !belongs(after, by, value) {
				t.free(by, value)
			}
		}
	}
}

func updateError(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	got, err := t.d.Update(t.ctx, "someone", failing)
	if !errors.Is(err, errChange) {
		t.Fatalf("Update whose change failed: %v, want the error of change", err)
	}
	if !reflect.DeepEqual(got, store.User{}) {
		t.Fatalf("Update whose change failed returned a user")
	}
	t.want(u)
	t.free(store.ByPhone, "spoiled")
	// The directory's own errors are not special when change returns them.
	for _, own := range []error{store.ErrNotFound, store.ErrTaken, store.ErrUser} {
		if _, err := t.d.Update(t.ctx, "someone", func(u *store.User) error { spoil(u); return own }); err != own {
			t.Fatalf("Update whose change returned %v returned %v", own, err)
		}
		t.want(u)
	}
}

func updateKeepsID(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	t.create(person("other"))
	for _, id := range []string{"new", "other", "", "SOMEONE", "someone "} {
		_, err := t.d.Update(t.ctx, "someone", func(u *store.User) error {
			u.ID, u.ExternalID = id, "external-new"
			return nil
		})
		if !errors.Is(err, store.ErrUser) {
			t.Fatalf("Update that changes the id to %q: %v, want store.ErrUser", id, err)
		}
		t.want(u)
		t.free(store.ByExternalID, "external-new")
	}
	t.free(store.ByID, "new")
	t.want(person("other"))
}

// updateGivesCopies keeps what change was given and what Update returned.
func updateGivesCopies(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	var given *store.User
	got := t.update("someone", func(u *store.User) { given = u })
	spoil(given)
	if diff := different(got, u); diff != "" {
		t.Fatalf("the user that Update returned changed with the one that change was given: %s", diff)
	}
	t.want(u)
	spoil(&got)
	t.want(u)

	// Slices that change puts in belong to the caller.
	fresh := person("someone")
	t.update("someone", func(u *store.User) { *u = fresh })
	spoil(&fresh)
	t.want(u)
}

func deleteFrees(t *directoryProbe) {
	u := person("someone")
	t.create(u)
	got, err := t.d.Delete(t.ctx, "someone")
	if err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if diff := different(got, u); diff != "" {
		t.Fatalf("Delete returned another user: %s", diff)
	}
	t.gone(u)
	if _, err := t.d.Delete(t.ctx, "someone"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("second Delete: %v, want store.ErrNotFound", err)
	}
	if _, err := t.d.Update(t.ctx, "someone", func(*store.User) error { return nil }); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Update after Delete: %v, want store.ErrNotFound", err)
	}
	for _, found := range t.walk(10) {
		if found.ID == "someone" {
			t.Fatalf("Search returned a deleted user")
		}
	}
	t.create(u)
	t.want(u)

	// Deleted after a change: the values before and after are free.
	t.update("someone", func(u *store.User) { u.Phones[0].Address = "+1555new"; u.Emails = nil; u.ExternalID = "" })
	if _, err := t.d.Delete(t.ctx, "someone"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	t.gone(u)
	t.free(store.ByPhone, "+1555new")
}
