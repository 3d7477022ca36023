package accounts_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// A factor that the user has not any more is in no session.
func TestFactorsGo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"DeleteMethod", "Exchange"} {
		b := newFullBench(t)
		ada := b.newAda(t)
		only := b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session // by phone alone
		both := b.signIn(t, email, accounts.SessionRequest{Duration: hour}).Session
		both = b.signIn(t, phone, accounts.SessionRequest{Credential: credential(both)}).Session
		want := []string{ada.Emails[0].ID}
		var err error
		if name == "DeleteMethod" {
			_, err = b.DeleteMethod(t.Context(), ada.Phones[0].ID)
		} else {
			// The e-mail address went without a word to the sessions.
			update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.Emails = nil })
			_, err = b.Exchange(t.Context(), ada.ID, delivery.ClassEmail, otherEmail)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(only)}); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("%s: a session without factors: %v", name, err)
		}
		granted, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(both)})
		if err != nil || !slices.Equal(factorIDs(granted.Session), want) {
			t.Errorf("%s: factors %q, want %q, %v", name, factorIDs(granted.Session), want, err)
		}
	}
}

// An Exchange that is refused costs nobody a session.
func TestRefusedExchangeKeepsSessions(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	b.newAda(t)
	id := b.addVerified(t)
	session := b.signIn(t, "verified@example.com", accounts.SessionRequest{Duration: hour}).Session
	for _, test := range []struct {
		class delivery.Class
		to    string
		want  error
	}{
		{delivery.ClassPhone, phone, store.ErrTaken}, {delivery.ClassEmail, email, store.ErrTaken},
		{delivery.ClassEmail, "verified@example.com", accounts.ErrHasAddress}, {delivery.ClassPhone, afghan, engine.ErrCountry},
	} {
		if _, err := b.Exchange(t.Context(), id, test.class, test.to); !errors.Is(err, test.want) {
			t.Errorf("%v, want %v", err, test.want)
		}
		if _, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(session)}); err != nil {
			t.Errorf("after %v: %v", test.want, err)
		}
	}
}

// A login that is under way while its method goes leaves no session with it:
// the factor is taken out before the change and after.
func TestMethodGoesDuringLogin(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	b.directory.before = func(call, _ string) error {
		if call != "update" {
			return nil
		}
		b.directory.before = nil
		_, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: ada.Phones[0].ID, Code: code, Session: accounts.SessionRequest{Duration: hour}})
		return err
	}
	if _, err := b.DeleteMethod(t.Context(), ada.Phones[0].ID); err != nil {
		t.Fatal(err)
	}
	if all := b.list(t, ada.ID); len(all) != 0 {
		t.Errorf("sessions %+v", all)
	}
}

func TestDeleteEndsSessions(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	session := b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session
	jwtless := b.signIn(t, email, accounts.SessionRequest{Duration: hour}).Session
	if _, err := b.Delete(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*sessions.Granted{session, jwtless} {
		if g, u, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(s)}); !errors.Is(err, sessions.ErrNotFound) || !isZero(g) || !isZero(u) {
			t.Errorf("%+v, %+v, %v", g, u, err)
		}
	}
	if all := b.list(t, ada.ID); len(all) != 0 {
		t.Errorf("sessions %+v", all)
	}
}

// TestDeleteDuringLogin deletes the user at every moment of a login with a
// session: before each call of the directory and of either store.
func TestDeleteDuringLogin(t *testing.T) {
	t.Parallel()
	for moment := 1; ; moment++ {
		b := newFullBench(t)
		ada := b.newAda(t)
		b.login(t, delivery.SMS, phone)
		code := b.kit.Code(phone)
		n, deleted := 0, false
		tick := func() error {
			if n++; n != moment {
				return nil
			}
			deleted = true
			_, err := b.Delete(t.Context(), ada.ID)
			return err
		}
		b.directory.before = func(string, string) error { return tick() }
		b.store.before = func(string) error { return tick() }
		b.sessionStore.before = b.store.before
		auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: ada.Phones[0].ID, Code: code, Session: accounts.SessionRequest{Duration: hour}})
		if !deleted {
			if err != nil || moment != 5 {
				t.Errorf("%d moments: %v", moment-1, err)
			}
			break
		}
		if !errors.Is(err, accounts.ErrMethodNotFound) || !isZero(auth) {
			t.Errorf("deleted before call %d: %+v, %v", moment, auth, err)
		}
		if all := b.list(t, ada.ID); len(all) != 0 {
			t.Errorf("deleted before call %d: sessions %+v", moment, all)
		}
	}
}

// After Delete returned, nothing that logins under way were given is good.
func TestDeleteAgainstLogins(t *testing.T) {
	t.Parallel()
	for range 20 {
		b := newFullBench(t)
		ada := b.newAda(t)
		b.login(t, delivery.SMS, phone)
		b.login(t, delivery.Email, email)
		guesses := []accounts.AuthRequest{
			{MethodID: ada.Phones[0].ID, Code: b.kit.Code(phone), Session: accounts.SessionRequest{Duration: hour}},
			{MethodID: ada.Emails[0].ID, Code: b.kit.Code(email), Session: accounts.SessionRequest{Duration: hour}},
		}
		var granted sync.Map
		together(3, func(i int) {
			if i == 2 {
				if _, err := b.Delete(t.Context(), ada.ID); err != nil {
					t.Error(err)
				}
				return
			}
			auth, err := b.Authenticate(t.Context(), guesses[i])
			if err == nil {
				granted.Store(auth.Session, true)
			} else if !errors.Is(err, accounts.ErrMethodNotFound) {
				t.Error(err)
			}
		})
		granted.Range(func(g, _ any) bool {
			if _, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(g.(*sessions.Granted))}); !errors.Is(err, sessions.ErrNotFound) {
				t.Errorf("a session of the deleted user: %v", err)
			}
			return true
		})
		if all := b.list(t, ada.ID); len(all) != 0 {
			t.Errorf("sessions %+v", all)
		}
	}
}

// One code is one session, however often it is entered at once.
func TestOneSessionForACode(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	b.login(t, delivery.SMS, phone)
	guess := accounts.AuthRequest{MethodID: ada.Phones[0].ID, Code: b.kit.Code(phone), Session: accounts.SessionRequest{Duration: hour}}
	var accepted atomic.Pointer[sessions.Granted]
	together(1000, func(int) {
		switch auth, err := b.Authenticate(t.Context(), guess); {
		case err == nil:
			if accepted.Swap(auth.Session) != nil {
				t.Error("accepted twice")
			}
		case !isZero(auth):
			t.Errorf("%+v despite %v", auth, err)
		case !errors.Is(err, engine.ErrUsed):
			t.Error(err)
		}
	})
	all := b.list(t, ada.ID)
	if won := accepted.Load(); won == nil || len(all) != 1 || all[0].ID != won.Session.ID {
		t.Errorf("sessions %+v, granted %+v", all, won)
	}
	if u := b.user(t, ada.ID); u.Lock != (store.Lock{}) {
		t.Errorf("counted: %+v", u.Lock)
	}
}
