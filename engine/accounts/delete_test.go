package accounts_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"id", "external id"} {
		b := newBench(t)
		ada := b.newAda(t)
		b.login(t, delivery.SMS, phone)
		id := ada.ID
		if by == "external id" {
			id = "ext-ada"
		}
		gone, err := b.Delete(t.Context(), id)
		if err != nil || !reflect.DeepEqual(gone, ada) {
			t.Errorf("by %s: %+v, %v", by, gone, err)
		}
		for _, id := range []string{ada.ID, "ext-ada"} {
			if _, err := b.User(t.Context(), id); !errors.Is(err, accounts.ErrUserNotFound) {
				t.Error(err)
			}
			if u, err := b.Delete(t.Context(), id); !errors.Is(err, accounts.ErrUserNotFound) || !isZero(u) {
				t.Errorf("again: %+v, %v", u, err)
			}
		}
		for _, m := range []store.Method{ada.Phones[0], ada.Emails[0]} {
			if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: m.ID, Code: b.kit.Code(phone)}); !errors.Is(err, accounts.ErrMethodNotFound) {
				t.Error(err)
			}
		}
		// All that was unique is free.
		again := b.newAda(t)
		if again.ID == ada.ID || again.Phones[0].ID == ada.Phones[0].ID {
			t.Errorf("again %+v", again)
		}
	}
}

// Who it was is told as User would have told it.
func TestDeleteSettles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.addVerified(t)
	b.add(t, id, phone)
	b.kit.Clock.Advance(window)
	if gone, err := b.Delete(t.Context(), id); err != nil || len(gone.Phones) != 0 || len(gone.Emails) != 1 {
		t.Errorf("%+v, %v", gone, err)
	}
}

func TestDeleteMethod(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := b.newAda(t)
	user, err := b.DeleteMethod(t.Context(), want.Phones[0].ID)
	old := want.Phones[0]
	if err != nil || len(user.Phones) != 0 || !reflect.DeepEqual(user.Emails, want.Emails) || user.ExternalID != want.ExternalID {
		t.Errorf("%+v, %v", user, err)
	}
	for _, id := range []string{old.ID, "phone-number-test-1", "", "\x00", user.ID, phone} {
		if u, err := b.DeleteMethod(t.Context(), id); !errors.Is(err, accounts.ErrMethodNotFound) || !isZero(u) {
			t.Errorf("%q: %+v, %v", id, u, err)
		}
	}
	if sent := b.login(t, delivery.SMS, phone); !sent.Created || sent.MethodID == old.ID {
		t.Errorf("the address is not free: %+v", sent)
	}
	// The last one may go too.
	if user, err := b.DeleteMethod(t.Context(), want.Emails[0].ID); err != nil || len(user.Phones)+len(user.Emails) != 0 {
		t.Errorf("%+v, %v", user, err)
	}
	if _, err := b.User(t.Context(), want.ID); err != nil {
		t.Error(err)
	}
	// An app's id is not that of an address.
	update(t, b.directory.Directory, want.ID, func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "totp-1", Verified: true}} })
	if _, err := b.DeleteMethod(t.Context(), "totp-1"); !errors.Is(err, accounts.ErrMethodNotFound) {
		t.Error(err)
	}
	if u := b.user(t, want.ID); len(u.TOTPs) != 1 {
		t.Errorf("%+v", u)
	}
}

func TestDeleteOnlyThat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.newAda(t)
	update(t, b.directory.Directory, ada.ID, func(u *store.User) {
		u.Phones = append(u.Phones, store.Method{ID: "phone-2", Address: otherPhone, Verified: true})
		u.Emails = append(u.Emails, store.Method{ID: "email-2", Address: otherEmail, Verified: true})
		u.TOTPs = []store.TOTP{{ID: "totp-1", Verified: true}}
	})
	for _, step := range []struct {
		do   func() (store.User, error)
		want func(u *store.User)
	}{
		{func() (store.User, error) { return b.DeleteMethod(t.Context(), "phone-2") }, func(u *store.User) { u.Phones = u.Phones[:1] }},
		{func() (store.User, error) { return b.DeleteMethod(t.Context(), ada.Emails[0].ID) }, func(u *store.User) { u.Emails = u.Emails[1:] }},
		{func() (store.User, error) { return b.DeleteExternalID(t.Context(), "ext-ada") }, func(u *store.User) { u.ExternalID = "" }},
		{func() (store.User, error) { return b.DeleteExternalID(t.Context(), ada.ID) }, func(u *store.User) {}},
	} {
		want := b.user(t, ada.ID)
		step.want(&want)
		got, err := step.do()
		if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(b.user(t, ada.ID), want) {
			t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
		}
	}
	for _, id := range []string{"ext-ada", "", "\x00"} {
		if _, err := b.DeleteExternalID(t.Context(), id); !errors.Is(err, accounts.ErrUserNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := b.Create(t.Context(), accounts.NewUser{Email: "new@example.com", ExternalID: "ext-ada"}); err != nil {
		t.Errorf("the external id is not free: %v", err)
	}
}

// The user, or what is to be deleted, goes while it is being deleted.
func TestDeleteRaces(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do   func(b *bench, ada store.User) (store.User, error)
		want error
	}{
		"Delete": {func(b *bench, ada store.User) (store.User, error) { return b.Delete(t.Context(), ada.ID) }, accounts.ErrUserNotFound},
		"DeleteMethod": {func(b *bench, ada store.User) (store.User, error) {
			return b.DeleteMethod(t.Context(), ada.Phones[0].ID)
		}, accounts.ErrMethodNotFound},
		"DeleteExternalID": {func(b *bench, ada store.User) (store.User, error) { return b.DeleteExternalID(t.Context(), ada.ID) }, accounts.ErrUserNotFound},
		"DeleteTOTP":       {func(b *bench, ada store.User) (store.User, error) { return b.DeleteTOTP(t.Context(), "totp-1") }, accounts.ErrTOTPGone},
		"Update": {func(b *bench, ada store.User) (store.User, error) {
			return b.Update(t.Context(), ada.ID, accounts.Change{})
		}, accounts.ErrUserNotFound},
		"Unlock": {func(b *bench, ada store.User) (store.User, error) { return b.Unlock(t.Context(), ada.ID) }, accounts.ErrUserNotFound},
	} {
		b := newBench(t)
		ada := b.newAda(t)
		update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "totp-1", Verified: true}} })
		b.directory.before = func(call, _ string) (err error) {
			if call != "lookup" {
				_, err = b.directory.Directory.Delete(t.Context(), ada.ID)
			}
			return err
		}
		if user, err := test.do(b, ada); !errors.Is(err, test.want) || !isZero(user) {
			t.Errorf("%s of a user who goes: %+v, %v", name, user, err)
		}
	}
	b := newBench(t)
	ada := b.newAda(t)
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.Phones = nil })
		}
		return nil
	}
	if user, err := b.DeleteMethod(t.Context(), ada.Phones[0].ID); !errors.Is(err, accounts.ErrMethodNotFound) || !isZero(user) {
		t.Errorf("a method that goes: %+v, %v", user, err)
	}
}

// The last verified address stays, however many are removed at once.
func TestRemoveMethod(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.newAda(t)
	update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.Phones[0].Verified, u.Emails[0].Verified = false, true })
	want := b.user(t, ada.ID)
	if u, err := b.RemoveMethod(t.Context(), ada.Emails[0].ID); !errors.Is(err, accounts.ErrLastAddress) || !isZero(u) || !reflect.DeepEqual(b.user(t, ada.ID), want) {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := b.RemoveMethod(t.Context(), ada.Phones[0].ID); err != nil || len(u.Phones) != 0 {
		t.Errorf("one that is not verified: %+v, %v", u, err)
	}
	if u, err := b.RemoveMethod(t.Context(), ada.Phones[0].ID); !errors.Is(err, accounts.ErrMethodNotFound) || !isZero(u) {
		t.Errorf("again: %+v, %v", u, err)
	}
	if u, err := b.DeleteMethod(t.Context(), ada.Emails[0].ID); err != nil || len(u.Emails) != 0 {
		t.Errorf("DeleteMethod: %+v, %v", u, err)
	}
}

// Each of the two was not the last one when it was looked at.
func TestRemoveBoth(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	b.signIn(t, phone, accounts.SessionRequest{})
	b.signIn(t, email, accounts.SessionRequest{})
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			b.directory.before = nil
			if _, err := b.RemoveMethod(t.Context(), ada.Phones[0].ID); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if u, err := b.RemoveMethod(t.Context(), ada.Emails[0].ID); !errors.Is(err, accounts.ErrLastAddress) || !isZero(u) {
		t.Errorf("%+v, %v", u, err)
	}
	if u := b.user(t, ada.ID); len(u.Emails) != 1 || len(u.Phones) != 0 {
		t.Errorf("%+v", u)
	}
}

// A refusal costs nobody a session.
func TestRemoveRefusedKeepsSessions(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	auth := b.signIn(t, phone, accounts.SessionRequest{Duration: hour})
	if _, err := b.RemoveMethod(t.Context(), auth.Method.ID); !errors.Is(err, accounts.ErrLastAddress) {
		t.Error(err)
	}
	if n := len(b.list(t, auth.User.ID)); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
