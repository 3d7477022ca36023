package accounts_test

import (
	"errors"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestExchange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		class   delivery.Class
		to, own string
	}{
		{delivery.ClassPhone, phone, phone},
		{delivery.ClassEmail, "Ada@Example.com", email},
		{delivery.ClassEmail, otherEmail, otherEmail},
	} {
		b := newBench(t)
		id := b.addVerified(t)
		update(t, b.directory.Directory, id, func(u *store.User) { u.ExternalID = "ext-1" })
		want := b.user(t, id)
		old := want.Emails[0]
		user, err := b.Exchange(t.Context(), "ext-1", test.class, test.to)
		if err != nil {
			t.Fatal(err)
		}
		m := at(user, test.own)
		if m == nil || m.ID == old.ID || *m != (store.Method{ID: m.ID, Address: test.own, CreatedAt: b.kit.Clock.Now()}) {
			t.Fatalf("method %+v", m)
		}
		want.Phones, want.Emails = nil, nil
		if test.class == delivery.ClassPhone {
			want.Phones = []store.Method{*m}
		} else {
			want.Emails = []store.Method{*m}
		}
		if !reflect.DeepEqual(user, want) || !reflect.DeepEqual(b.user(t, id), want) {
			t.Errorf("exchanged\n%+v, want\n%+v", user, want)
		}
		if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: old.ID, Code: "123456"}); !errors.Is(err, accounts.ErrMethodNotFound) {
			t.Errorf("the old method: %v", err)
		}
		if sent := b.login(t, delivery.Email, old.Address); !sent.Created {
			t.Error("the old address is not free")
		}
		if sent := b.login(t, channelOf(test.own), test.own); sent.UserID != id || sent.MethodID != m.ID {
			t.Errorf("the new address: %+v", sent)
		}
	}
}

func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(u *store.User)
		class  delivery.Class
		to     string
		want   error
	}{
		{"the same", nil, delivery.ClassEmail, "verified@example.com", accounts.ErrHasAddress},
		{"taken", nil, delivery.ClassPhone, otherPhone, store.ErrTaken},
		{"taken e-mail", nil, delivery.ClassEmail, otherEmail, store.ErrTaken},
		{"country", nil, delivery.ClassPhone, afghan, engine.ErrCountry},
		{"malformed", nil, delivery.ClassEmail, "ada", engine.ErrAddress},
		{"no class", nil, "pigeon", "ada", engine.ErrRequest},
		{"no factor", func(u *store.User) { u.Emails = nil }, delivery.ClassPhone, phone, accounts.ErrNotSingle},
		{"two phones", func(u *store.User) {
			u.Emails, u.Phones = nil, []store.Method{{ID: "p1", Address: "+1"}, {ID: "p2", Address: "+2"}}
		}, delivery.ClassPhone, phone, accounts.ErrNotSingle},
		{"one of each", func(u *store.User) { u.Phones = []store.Method{{ID: "p1", Address: "+1"}} }, delivery.ClassPhone, phone, accounts.ErrNotSingle},
		{"an app", func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "totp-1", Verified: true}} }, delivery.ClassPhone, phone, accounts.ErrNotSingle},
		{"only an app", func(u *store.User) { u.Emails, u.TOTPs = nil, []store.TOTP{{ID: "totp-1", Verified: true}} }, delivery.ClassPhone, phone, accounts.ErrNotSingle},
	} {
		b := newBench(t)
		if _, err := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, Email: otherEmail}); err != nil {
			t.Fatal(err)
		}
		id := b.addVerified(t)
		if test.change != nil {
			update(t, b.directory.Directory, id, test.change)
		}
		before := b.user(t, id)
		user, err := b.Exchange(t.Context(), id, test.class, test.to)
		if !errors.Is(err, test.want) || !isZero(user) {
			t.Errorf("%s: %+v, %v, want %v", test.name, user, err, test.want)
		}
		var address *accounts.AddressError
		if of := errors.As(err, new(*engine.Error)); of != errors.As(err, &address) || of && address.Class != test.class {
			t.Errorf("%s: %v", test.name, err)
		}
		if after := b.user(t, id); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: changed to %+v", test.name, after)
		}
	}
	b := newBench(t)
	if _, err := b.Exchange(t.Context(), "ext-eve", delivery.ClassPhone, phone); !errors.Is(err, accounts.ErrUserNotFound) {
		t.Error(err)
	}
}

func TestExchangesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.addVerified(t)
	var done atomic.Int64
	together(8, func(i int) {
		to, class := phone, delivery.ClassPhone
		if i%2 == 1 {
			to, class = otherEmail, delivery.ClassEmail
		}
		switch _, err := b.Exchange(t.Context(), id, class, to); {
		case err == nil:
			done.Add(1)
		case !errors.Is(err, accounts.ErrNotSingle) && !errors.Is(err, accounts.ErrHasAddress):
			t.Error(err)
		}
	})
	// One after the other is allowed too: then the last one holds.
	if user := b.user(t, id); done.Load() == 0 || len(user.Phones)+len(user.Emails) != 1 {
		t.Errorf("%d exchanges, user %+v", done.Load(), user)
	}
	// Interleaved, the second finds another factor than it was asked to replace.
	b = newBench(t)
	id = b.addVerified(t)
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			b.directory.before = nil
			if _, err := b.Exchange(t.Context(), id, delivery.ClassEmail, otherEmail); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if user, err := b.Exchange(t.Context(), id, delivery.ClassPhone, phone); !errors.Is(err, accounts.ErrNotSingle) {
		t.Errorf("%+v, %v", user, err)
	}
	if user := b.user(t, id); len(user.Phones) != 0 || len(user.Emails) != 1 || user.Emails[0].Address != otherEmail {
		t.Errorf("user %+v", user)
	}
}
