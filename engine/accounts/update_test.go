package accounts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func ptr[T any](v T) *T { return &v }

// newAda makes a user with everything that Create can give, all verified.
func (b *bench) newAda(t *testing.T) store.User {
	t.Helper()
	user, err := b.Create(t.Context(), accounts.NewUser{
		Phone: phone, Email: email, ExternalID: "ext-ada",
		Name:    store.Name{First: "Ada", Middle: "King", Last: "Lovelace"},
		Trusted: json.RawMessage(`{"plan":"pro","seats":3}`), Untrusted: json.RawMessage(`{"theme":"dark"}`),
		Roles: []string{"admin", "billing"},
	})
	if err != nil {
		t.Fatal(err)
	}
	update(t, b.directory.Directory, user.ID, func(u *store.User) { u.Phones[0].Verified, u.Emails[0].Verified = true, true })
	return b.user(t, user.ID)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for i, test := range []struct {
		name   string
		change accounts.Change
		want   func(u *store.User)
	}{
		{"nothing", accounts.Change{}, func(*store.User) {}},
		{"first name", accounts.Change{Name: accounts.NameChange{First: ptr("Augusta")}}, func(u *store.User) { u.Name.First = "Augusta" }},
		{"middle name away", accounts.Change{Name: accounts.NameChange{Middle: ptr("")}}, func(u *store.User) { u.Name.Middle = "" }},
		{"last name", accounts.Change{Name: accounts.NameChange{Last: ptr("Byron")}}, func(u *store.User) { u.Name.Last = "Byron" }},
		{"external id", accounts.Change{ExternalID: ptr("ext-2")}, func(u *store.User) { u.ExternalID = "ext-2" }},
		{"external id, the same", accounts.Change{ExternalID: ptr("ext-ada")}, func(*store.User) {}},
		{"external id away", accounts.Change{ExternalID: ptr("")}, func(u *store.User) { u.ExternalID = "" }},
		{"roles", accounts.Change{Roles: ptr([]string{"reader"})}, func(u *store.User) { u.Roles = []string{"reader"} }},
		{"trusted, more", accounts.Change{Trusted: raw(`{"beta":[1, 2]}`)}, func(u *store.User) { u.Trusted = raw(`{"beta":[1,2],"plan":"pro","seats":3}`) }},
		{"trusted, other", accounts.Change{Trusted: raw(`{"plan":{"a":null}}`)}, func(u *store.User) { u.Trusted = raw(`{"plan":{"a":null},"seats":3}`) }},
		{"trusted, less", accounts.Change{Trusted: raw(`{"plan":null,"none":null}`)}, func(u *store.User) { u.Trusted = raw(`{"seats":3}`) }},
		{"trusted, none", accounts.Change{Trusted: raw(`{"plan":null,"seats":null}`)}, func(u *store.User) { u.Trusted = nil }},
		{"untrusted", accounts.Change{Untrusted: raw(`{"lang":"en"}`)}, func(u *store.User) { u.Untrusted = raw(`{"lang":"en","theme":"dark"}`) }},
		{"null and empty", accounts.Change{Trusted: raw(`null`), Untrusted: raw(`{}`)}, func(*store.User) {}},
		{"all", accounts.Change{
			Name: accounts.NameChange{First: ptr("A"), Middle: ptr("B"), Last: ptr("C")}, ExternalID: ptr("x"),
			Trusted: raw(`{"t":1}`), Untrusted: raw(`{"u":1}`), Roles: ptr([]string{"r"}),
		}, func(u *store.User) {
			u.Name, u.ExternalID = store.Name{First: "A", Middle: "B", Last: "C"}, "x"
			u.Trusted, u.Untrusted, u.Roles = raw(`{"plan":"pro","seats":3,"t":1}`), raw(`{"theme":"dark","u":1}`), []string{"r"}
		}},
	} {
		b := newBench(t)
		want := b.newAda(t)
		id := []string{want.ID, want.ExternalID}[i%2]
		test.want(&want)
		got, err := b.Update(t.Context(), id, test.change)
		if kept := b.user(t, want.ID); err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(kept, want) {
			t.Errorf("%s: %v, returned\n%+v, kept\n%+v, want\n%+v", test.name, err, got, kept, want)
		}
	}
	b := newBench(t)
	ada, roles := b.newAda(t), []string{}
	if u, err := b.Update(t.Context(), ada.ID, accounts.Change{Roles: &roles}); err != nil || len(u.Roles) != 0 {
		t.Errorf("roles away: %q, %v", u.Roles, err)
	}
	roles = []string{"reader"}
	b.Update(t.Context(), ada.ID, accounts.Change{Roles: &roles})
	roles[0] = "admin"
	if u := b.user(t, ada.ID); u.Roles[0] != "reader" {
		t.Error("the user shares memory with the caller")
	}
}

func TestUpdateAddsAddress(t *testing.T) {
	t.Parallel()
	for _, change := range []accounts.Change{{Phone: otherPhone}, {Email: "BOB@example.com"}} {
		b := newBench(t)
		ada := b.newAda(t)
		user, err := b.Update(t.Context(), ada.ID, change)
		if err != nil {
			t.Fatal(err)
		}
		b.kit.Clock.Advance(30 * 24 * window) // it has no window
		to := otherPhone
		if change.Email != "" {
			to = otherEmail
		}
		m := at(b.user(t, ada.ID), to)
		if m == nil || m.Verified || !m.Expires.IsZero() || at(user, to) == nil || *at(user, to) != *m || at(user, phone) == nil || at(user, email) == nil {
			t.Errorf("%+v: %+v", change, user)
		}
		if _, err := b.Send(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to}); err != nil {
			t.Error(err)
		}
		if auth, err := b.enter(t, m.ID, to); err != nil || auth.User.ID != ada.ID || !auth.Method.Verified {
			t.Errorf("%+v, %v", auth, err)
		}
	}
}

// A change that is refused changes nothing, the parts that are right included.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.newAda(t)
	bob, err := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, Email: otherEmail, ExternalID: "ext-bob"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 129)
	big := func(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"k":"%s"}`, strings.Repeat("x", n))) }
	keys := make(map[string]int)
	for i := range 19 {
		keys[fmt.Sprint("k", i)] = i
	}
	many, _ := json.Marshal(keys) // 21 with those that are there
	for _, test := range []struct {
		name   string
		id     string
		change accounts.Change
		field  string
		taken  store.Index
		want   error
	}{
		{"name", ada.ID, accounts.Change{Name: accounts.NameChange{Last: &long}}, "name", "", accounts.ErrTooLarge},
		{"name, control", ada.ID, accounts.Change{Name: accounts.NameChange{Middle: ptr("a\n")}}, "name", "", accounts.ErrFormat},
		{"roles", ada.ID, accounts.Change{Roles: ptr([]string{""})}, "roles", "", accounts.ErrFormat},
		{"roles, 65", ada.ID, accounts.Change{Roles: ptr(strings.Split(strings.Repeat("a,", 64)+"a", ","))}, "roles", "", accounts.ErrTooLarge},
		{"external id", ada.ID, accounts.Change{ExternalID: ptr("a b")}, "external_id", "", accounts.ErrFormat},
		{"external id, long", ada.ID, accounts.Change{ExternalID: &long}, "external_id", "", accounts.ErrTooLarge},
		{"external id, a user's", ada.ID, accounts.Change{ExternalID: &bob.ID}, "external_id", "", accounts.ErrFormat},
		{"external id, taken", ada.ID, accounts.Change{ExternalID: ptr("ext-bob")}, "", store.ByExternalID, store.ErrTaken},
		{"trusted, too big with what is there", ada.ID, accounts.Change{Trusted: big(4080)}, "trusted_metadata", "", accounts.ErrTooLarge},
		{"trusted, too many with what is there", ada.ID, accounts.Change{Trusted: many}, "trusted_metadata", "", accounts.ErrTooManyKeys},
		{"trusted, list", ada.ID, accounts.Change{Trusted: json.RawMessage(`[]`)}, "trusted_metadata", "", accounts.ErrFormat},
		{"untrusted, too big", ada.ID, accounts.Change{Untrusted: big(4080)}, "untrusted_metadata", "", accounts.ErrTooLarge},
		{"untrusted, cut", ada.ID, accounts.Change{Untrusted: json.RawMessage(`{`)}, "untrusted_metadata", "", accounts.ErrFormat},
		{"phone, had", ada.ID, accounts.Change{Phone: phone}, "", "", accounts.ErrHasAddress},
		{"e-mail, had", ada.ID, accounts.Change{Email: "ADA@example.com"}, "", "", accounts.ErrHasAddress},
		{"e-mail, had, while another waits", bob.ID, accounts.Change{Email: otherEmail}, "", "", accounts.ErrHasAddress},
		{"phone, while another waits", bob.ID, accounts.Change{Phone: "+12025550177"}, "", "", accounts.ErrUnverified},
		{"both", ada.ID, accounts.Change{Phone: "+12025550177", Email: "new@example.com"}, "", "", accounts.ErrUnverified},
		{"external id, taken, and a phone that is free", ada.ID, accounts.Change{Phone: "+12025550177", ExternalID: ptr("ext-bob")}, "", store.ByExternalID, store.ErrTaken},
		{"phone, taken", ada.ID, accounts.Change{Phone: otherPhone}, "", store.ByPhone, store.ErrTaken},
		{"e-mail, taken", ada.ID, accounts.Change{Email: otherEmail}, "", store.ByEmail, store.ErrTaken},
		{"phone, country", ada.ID, accounts.Change{Phone: afghan}, "", "", engine.ErrCountry},
		{"phone, type", ada.ID, accounts.Change{Phone: landline}, "", "", engine.ErrNumberType},
		{"phone, malformed", ada.ID, accounts.Change{Phone: "1"}, "", "", engine.ErrAddress},
		{"e-mail, malformed", ada.ID, accounts.Change{Email: "ada"}, "", "", engine.ErrAddress},
		{"nobody", "ext-eve", accounts.Change{}, "", "", accounts.ErrUserNotFound},
		{"nobody, and malformed", "ext-eve", accounts.Change{Name: accounts.NameChange{Last: &long}}, "", "", accounts.ErrUserNotFound},
	} {
		if test.change.Name.First == nil { // something that would do
			test.change.Name.First = ptr("Changed")
		}
		user, err := b.Update(t.Context(), test.id, test.change)
		if !errors.Is(err, test.want) || !isZero(user) {
			t.Errorf("%s: %+v, %v, want %v", test.name, user, err, test.want)
		}
		var field *accounts.FieldError
		if errors.As(err, &field) != (test.field != "") || field != nil && field.Field != test.field {
			t.Errorf("%s: field %+v, want %q", test.name, field, test.field)
		}
		var taken *store.TakenError
		if errors.As(err, &taken) != (test.taken != "") || taken != nil && (taken.Index != test.taken || taken.Owner != bob.ID) {
			t.Errorf("%s: taken %+v, want %q", test.name, taken, test.taken)
		}
		var address *accounts.AddressError
		class := delivery.ClassPhone
		if test.change.Email != "" {
			class = delivery.ClassEmail
		}
		var refusal *engine.Error
		if errors.As(err, &refusal) && (!errors.As(err, &address) || address.Class != class) {
			t.Errorf("%s: %v is no AddressError of %s", test.name, err, class)
		}
		if a, c := b.user(t, ada.ID), b.user(t, bob.ID); !reflect.DeepEqual(a, ada) || !reflect.DeepEqual(c, bob) {
			t.Fatalf("%s: changed to %+v and %+v", test.name, a, c)
		}
	}
}

// Concurrent changes of different parts are all kept.
func TestUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.newAda(t)
	together(16, func(i int) {
		patch := json.RawMessage(fmt.Sprintf(`{"k%d":%d}`, i, i))
		if _, err := b.Update(t.Context(), ada.ID, accounts.Change{Trusted: patch}); err != nil {
			t.Error(err)
		}
	})
	var object map[string]any
	if err := json.Unmarshal(b.user(t, ada.ID).Trusted, &object); err != nil || len(object) != 2+16 {
		t.Errorf("%v, %v", object, err)
	}
}
