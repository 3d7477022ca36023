package accounts_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// window is how long an address that Send adds waits for its code.
const window = 5 * time.Minute

// add sends a code to an address that becomes the user's.
func (b *bench) add(t *testing.T, userID, to string) accounts.Sent {
	t.Helper()
	sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to, UserID: userID})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// enter types the code that was sent last to an address.
func (b *bench) enter(t *testing.T, methodID, to string) (accounts.Authentication, error) {
	t.Helper()
	return b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: methodID, Code: b.kit.Code(to)})
}

func channelOf(to string) delivery.Channel {
	if to[0] == '+' {
		return delivery.SMS
	}
	return delivery.Email
}

// at returns the user's method with an address, nil for none.
func at(u store.User, address string) *store.Method {
	for _, methods := range [][]store.Method{u.Phones, u.Emails} {
		for i := range methods {
			if methods[i].Address == address {
				return &methods[i]
			}
		}
	}
	return nil
}

func TestAddAndVerify(t *testing.T) {
	t.Parallel()
	for _, to := range []string{phone, otherEmail} {
		b := newBench(t)
		id := b.addVerified(t)
		before, now := b.user(t, id), b.kit.Clock.Now()
		sent := b.add(t, id, to)
		if sent.UserID != id || sent.Created || sent.Challenge.ID == "" {
			t.Errorf("sent %+v", sent)
		}
		want := store.Method{ID: sent.MethodID, Address: to, CreatedAt: now, Expires: now.Add(window)}
		if m := at(b.user(t, id), to); m == nil || *m != want {
			t.Errorf("added %+v, want %+v", m, want)
		}
		b.kit.Clock.Advance(time.Minute)
		auth, err := b.enter(t, sent.MethodID, to)
		if err != nil {
			t.Fatal(err)
		}
		want.Verified, want.Expires = true, time.Time{}
		if auth.Method != want || auth.User.ID != id {
			t.Errorf("verified %+v, want %+v", auth.Method, want)
		}
		b.kit.Clock.Advance(365 * 24 * time.Hour)
		user := b.user(t, id)
		if m := at(user, to); m == nil || *m != want {
			t.Errorf("a year later %+v, want %+v", m, want)
		}
		if at(user, before.Emails[0].Address) == nil {
			t.Error("the old address is gone")
		}
	}
}

// The window is half open: at its end the address is not the user's any more.
func TestWindowEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		after time.Duration
		there bool
	}{{window - 1, true}, {window, false}, {window + time.Hour, false}} {
		b := newBench(t)
		id := b.addVerified(t)
		sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: id, Lifetime: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		b.kit.Clock.Advance(test.after)
		page, err := b.Search(t.Context(), store.Query{})
		if err != nil || len(page.Users) != 1 {
			t.Fatal(page, err)
		}
		if there := at(b.user(t, id), phone) != nil; there != test.there || there != (at(page.Users[0], phone) != nil) {
			t.Errorf("after %v: there %v", test.after, there)
		}
		b.store.forget()
		_, err = b.enter(t, sent.MethodID, phone)
		if test.there && err != nil || !test.there && !errors.Is(err, accounts.ErrMethodNotFound) {
			t.Errorf("after %v the code is %v", test.after, err)
		}
		if calls := b.store.trace(); !test.there && len(calls) > 0 {
			t.Errorf("after %v: store calls %q", test.after, calls)
		}
		_, err = b.DeleteMethod(t.Context(), sent.MethodID)
		if test.there && err != nil || !test.there && !errors.Is(err, accounts.ErrMethodNotFound) {
			t.Errorf("after %v DeleteMethod: %v", test.after, err)
		}
	}
}

// TestReclaim has an address change hands after its window, by each way that
// somebody can come to it, and not before.
func TestReclaim(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, b *bench, to string) (store.User, error){
		"LoginOrCreate": func(t *testing.T, b *bench, to string) (store.User, error) {
			sent, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to})
			if err == nil && !sent.Created {
				t.Error("LoginOrCreate: not created")
			}
			return store.User{ID: sent.UserID}, err
		},
		"Create": func(t *testing.T, b *bench, to string) (store.User, error) {
			if to == phone {
				return b.Create(t.Context(), accounts.NewUser{Phone: to, Email: "new@example.com"})
			}
			return b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, Email: to})
		},
		"Update": func(t *testing.T, b *bench, to string) (store.User, error) {
			if to == phone {
				return b.Update(t.Context(), b.verified, accounts.Change{Phone: to})
			}
			return b.Update(t.Context(), b.verified, accounts.Change{Email: to})
		},
		"Send": func(t *testing.T, b *bench, to string) (store.User, error) {
			sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to, UserID: b.verified})
			return store.User{ID: sent.UserID}, err
		},
		"Exchange": func(t *testing.T, b *bench, to string) (store.User, error) {
			return b.Exchange(t.Context(), b.verified, channelOf(to).Class(), to)
		},
	}
	for name, come := range ways {
		for _, to := range []string{phone, email} {
			for _, after := range []time.Duration{window - 1, window} {
				b := newBench(t)
				b.verified = b.addVerified(t)
				adder, err := b.Create(t.Context(), accounts.NewUser{Email: "adder@example.com"})
				if err != nil {
					t.Fatal(err)
				}
				update(t, b.directory.Directory, adder.ID, func(u *store.User) { u.Emails[0].Verified = true })
				old := b.add(t, adder.ID, to)
				b.kit.Clock.Advance(after)
				user, err := come(t, b, to)
				if after < window && name != "LoginOrCreate" {
					var taken *store.TakenError
					if !errors.As(err, &taken) || taken.Owner != adder.ID || !isZero(user) {
						t.Errorf("%s of %s within the window: %+v, %v", name, to, user, err)
					}
					if m := at(b.user(t, adder.ID), to); m == nil || m.ID != old.MethodID {
						t.Errorf("%s of %s within the window: the adder has %+v", name, to, m)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s of %s after %v: %v", name, to, after, err)
					continue
				}
				if m := at(b.user(t, user.ID), to); m == nil || m.ID == old.MethodID || m.Verified || user.ID == adder.ID {
					t.Errorf("%s of %s: %+v of %s", name, to, m, user.ID)
				}
				if at(b.user(t, adder.ID), to) != nil {
					t.Errorf("%s of %s: the adder has it still", name, to)
				}
				if _, err := b.enter(t, old.MethodID, to); !errors.Is(err, accounts.ErrMethodNotFound) {
					t.Errorf("%s of %s: the adder's method id: %v", name, to, err)
				}
			}
		}
	}
}

// The user can begin anew, within the window with the same method and after it
// with another.
func TestAddAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, manySends)
	id := b.addVerified(t)
	first := b.add(t, id, phone)
	for range 3 {
		b.kit.Clock.Advance(window - 1)
		again, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.WhatsApp, To: phone, UserID: id})
		if err != nil || again.MethodID != first.MethodID {
			t.Fatalf("again %+v, first %+v, %v", again, first, err)
		}
		if m := at(b.user(t, id), phone); m == nil || !m.Expires.Equal(b.kit.Clock.Now().Add(window)) {
			t.Errorf("window of %+v at %v", m, b.kit.Clock.Now())
		}
	}
	b.kit.Clock.Advance(window)
	if late := b.add(t, id, phone); late.MethodID == first.MethodID {
		t.Error("an address that was free got its old method id again")
	} else if _, err := b.enter(t, late.MethodID, phone); err != nil {
		t.Error(err)
	}
	if n := len(b.user(t, id).Phones); n != 1 {
		t.Errorf("%d phones", n)
	}
	// What is verified, or was put there otherwise, has no window.
	b.add(t, id, phone)
	if m := at(b.user(t, id), phone); !m.Verified || !m.Expires.IsZero() {
		t.Errorf("verified, and then %+v", m)
	}
	made, err := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone})
	if err != nil {
		t.Fatal(err)
	}
	if sent := b.add(t, made.ID, otherPhone); sent.MethodID != made.Phones[0].ID || !reflect.DeepEqual(b.user(t, made.ID), made) {
		t.Errorf("a send changed the user to %+v", b.user(t, made.ID))
	}
}

// Replace takes the place of what was being added, and of nothing else.
func TestReplace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.addVerified(t)
	replace := func(to string) (accounts.Sent, error) {
		return b.Send(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to, UserID: id, Replace: true})
	}
	b.add(t, id, otherPhone)
	update(t, b.directory.Directory, id, func(u *store.User) {
		u.TOTPs = []store.TOTP{{ID: "totp-1", Expires: b.kit.Clock.Now().Add(time.Hour)}}
	})
	sent, err := replace(phone)
	user := b.user(t, id)
	if err != nil || at(user, otherPhone) != nil || at(user, phone) == nil || len(user.Emails) != 1 || len(user.TOTPs) != 1 {
		t.Fatalf("%v, %+v", err, user)
	}
	if owners := b.owners(t, otherPhone); len(owners) != 0 {
		t.Errorf("owners %q", owners)
	}
	if again, err := replace(phone); err != nil || again.MethodID != sent.MethodID {
		t.Errorf("%+v, %v", again, err)
	}
	// What was verified when it comes to it stays.
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			b.directory.before = nil
			if _, err := b.enter(t, sent.MethodID, phone); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if _, err := replace(otherEmail); err != nil {
		t.Fatal(err)
	}
	if user := b.user(t, id); at(user, phone) == nil || !at(user, phone).Verified || at(user, otherEmail) == nil {
		t.Errorf("%+v", user)
	}
	// So does what waits without an end, and then it is one at a time.
	update(t, b.directory.Directory, id, func(u *store.User) { u.Emails[1].Expires = time.Time{} })
	if _, err := replace(otherPhone); !errors.Is(err, accounts.ErrUnverified) {
		t.Error(err)
	}
	for _, r := range []accounts.SendRequest{{Channel: delivery.SMS, To: phone, Replace: true}} {
		_, err1 := b.Send(t.Context(), r)
		_, err2 := b.LoginOrCreate(t.Context(), r)
		if !errors.Is(err1, engine.ErrRequest) || !errors.Is(err2, engine.ErrRequest) {
			t.Errorf("for nobody: %v, %v", err1, err2)
		}
	}
}
