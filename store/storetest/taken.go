package storetest

import (
	"errors"

	"github.com/passcode-go/passcode/store"
)

// No two users share a value.
var takenProperties = []directoryProperty{
	{"CreateRefusesWhatIsTaken", createTaken},
	{"UpdateRefusesWhatIsTaken", updateTaken},
	{"PhonesAndEmailsAreApart", phonesAndEmailsApart},
}

// clashes are the ways in which a user can take a value of person("owner").
var clashes = []struct {
	what string
	by   store.Index
	take func(u *store.User)
}{
	{"phone", store.ByPhone, func(u *store.User) { u.Phones[0].Address = "+1555owner1" }},
	{"last phone", store.ByPhone, func(u *store.User) { u.Phones[1].Address = "+1555owner2" }},
	{"e-mail", store.ByEmail, func(u *store.User) { u.Emails[0].Address = "owner@example.com" }},
	{"external id", store.ByExternalID, func(u *store.User) { u.ExternalID = "external-owner" }},
	{"method of phones", store.ByMethod, func(u *store.User) { u.Phones[1].ID = "owner-p1" }},
	{"method of e-mails", store.ByMethod, func(u *store.User) { u.Emails[0].ID = "owner-e1" }},
	{"phone's method for e-mail", store.ByMethod, func(u *store.User) { u.Emails[0].ID = "owner-p2" }},
	{"app", store.ByMethod, func(u *store.User) { u.TOTPs[0].ID = "owner-t1" }},
	{"phone's method for app", store.ByMethod, func(u *store.User) { u.TOTPs[0].ID = "owner-p1" }},
	{"app for e-mail's method", store.ByMethod, func(u *store.User) { u.Emails[0].ID = "owner-t1" }},
	{"e-mail's method for phone", store.ByMethod, func(u *store.User) { u.Phones[0].ID = "owner-e1" }},
}

func createTaken(t *directoryProbe) {
	owner := person("owner")
	t.create(owner)
	refused := func(u store.User, what string, by store.Index) {
		t.Helper()
		t.taken("Create with a taken "+what, t.d.Create(t.ctx, u), by, "owner")
		// The refused user has left nothing, in no index.
		for by, value := range u.Values {
			if !belongs(owner, by, value) {
				t.free(by, value)
			}
		}
		t.want(owner)
	}
	again := person("other")
	again.ID = "owner"
	refused(again, "id", store.ByID)
	for _, clash := range clashes {
		u := person("other")
		clash.take(&u)
		refused(u, clash.what, clash.by)
	}

	// The same user again is taken in every way; any one may be named.
	var taken *store.TakenError
	if err := t.d.Create(t.ctx, owner); !errors.As(err, &taken) || taken.Owner != "owner" {
		t.Fatalf("Create of the same user again: %v, want a *store.TakenError", err)
	}
	// And what was free all the time can be had.
	t.create(person("other"))
	t.want(person("other"))
}

func updateTaken(t *directoryProbe) {
	owner, other := person("owner"), person("other")
	t.create(owner)
	t.create(other)
	for _, clash := range clashes {
		_, err := t.d.Update(t.ctx, "other", func(u *store.User) error {
			u.Phones = append(u.Phones, store.Method{ID: "free-m", Address: "free-p"})
			u.Emails = append(u.Emails, store.Method{ID: "free-n", Address: "free-e"})
			u.ExternalID = "free-x"
			clash.take(u)
			return nil
		})
		t.taken("Update to a taken "+clash.what, err, clash.by, "owner")
		t.want(owner)
		t.want(other)
		t.free(store.ByPhone, "free-p")
		t.free(store.ByEmail, "free-e")
		t.free(store.ByMethod, "free-m")
		t.free(store.ByMethod, "free-n")
		t.free(store.ByExternalID, "free-x")
	}
}

// phonesAndEmailsApart: the same text is one value as a phone number and
// another as an e-mail address, an id or an external id.
func phonesAndEmailsApart(t *directoryProbe) {
	const text = "same"
	phone := store.User{ID: "phone", Phones: []store.Method{{ID: "m1", Address: text}}}
	email := store.User{ID: "email", Emails: []store.Method{{ID: "m2", Address: text}}}
	external := store.User{ID: "external", ExternalID: text}
	method := store.User{ID: "method", Phones: []store.Method{{ID: text, Address: "other"}}}
	id := store.User{ID: text}
	for _, u := range []store.User{phone, email, external, method, id} {
		t.create(u)
	}
	for _, u := range []store.User{phone, email, external, method, id} {
		t.want(u)
	}
	all := store.User{ID: "m1", ExternalID: "m1", Phones: []store.Method{{ID: "p", Address: "m1"}}, Emails: []store.Method{{ID: "e", Address: "m1"}}}
	t.create(all)
	t.want(all)
	if _, err := t.d.Delete(t.ctx, "email"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	t.gone(email)
	t.want(phone)
	t.want(id)
}
