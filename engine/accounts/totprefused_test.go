package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// In the app the user is called by an address, or else by the id.
func TestTOTPAccount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(u *store.User)
		want   func(u store.User) string
	}{
		{func(u *store.User) {}, func(store.User) string { return "ada%40example.com" }},
		{func(u *store.User) { u.Emails = nil }, func(store.User) string { return "%2B12025550162" }},
		{func(u *store.User) { u.Emails, u.Phones = nil, nil }, func(u store.User) string { return u.ID }},
	} {
		b := newFullBench(t)
		ada := b.newAda(t)
		update(t, b.directory.Directory, ada.ID, test.change)
		if e := b.enrol(t, ada.ID); !strings.Contains(e.URI.Reveal(), ":"+test.want(ada)+"?") {
			t.Errorf("%q", e.URI.Reveal())
		}
	}
}

func TestTOTPRefused(t *testing.T) {
	t.Parallel()
	plain := newBench(t)
	ada := plain.newAda(t)
	update(t, plain.directory.Directory, ada.ID, func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "totp-1", Verified: true}} })
	_, _, err1 := plain.EnrolTOTP(t.Context(), ada.ID, 0)
	_, err2 := plain.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: "123456"})
	_, err3 := plain.Recover(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: "aaaa-aaaa-aaaa"})
	_, _, err4 := plain.TOTP(t.Context(), ada.ID)
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, engine.ErrRequest) {
			t.Errorf("without apps: %v", err)
		}
	}
	if u, err := plain.DeleteTOTP(t.Context(), "totp-1"); err != nil || len(u.TOTPs) != 0 { // what apps once left there
		t.Errorf("%+v, %v", u, err)
	}

	b := newFullBench(t)
	ada = b.newAda(t)
	for _, id := range []string{"ext-eve", "", "\x00"} {
		_, _, err1 := b.EnrolTOTP(t.Context(), id, 0)
		_, err2 := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: id, Code: "123456"})
		_, err3 := b.Recover(t.Context(), accounts.TOTPRequest{UserID: id, Code: "aaaa-aaaa-aaaa"})
		_, _, err4 := b.TOTP(t.Context(), id)
		for _, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, accounts.ErrUserNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	for _, window := range []time.Duration{-1, totp.MinWindow - 1, totp.MaxWindow + 1} {
		if e, u, err := b.EnrolTOTP(t.Context(), ada.ID, window); !errors.Is(err, engine.ErrRequest) || !isZero(e) || !isZero(u) {
			t.Errorf("%v: %v", window, err)
		}
	}
	if u := b.user(t, ada.ID); len(u.TOTPs) > 0 {
		t.Errorf("%+v", u.TOTPs)
	}
	for _, id := range []string{"totp-test-1", "", "\x00", ada.ID, ada.Phones[0].ID} {
		if u, err := b.DeleteTOTP(t.Context(), id); !errors.Is(err, accounts.ErrTOTPGone) || !isZero(u) {
			t.Errorf("%q: %+v, %v", id, u, err)
		}
	}
	e := b.enrolled(t, ada.ID)
	if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: e.ID, Code: "123456"}); !errors.Is(err, accounts.ErrMethodNotFound) {
		t.Errorf("an app is no method: %v", err)
	}

	// The session is refused before a code is used up.
	theirs := b.signIn(t, otherPhone, accounts.SessionRequest{Duration: hour}).Session
	b.kit.Clock.Advance(time.Minute)
	r := accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e), Session: accounts.SessionRequest{Credential: credential(theirs)}}
	if _, err := b.AuthenticateTOTP(t.Context(), r); !errors.Is(err, sessions.ErrUser) {
		t.Error(err)
	}
	recovery := r
	recovery.Code = e.RecoveryCodes[0].Reveal()
	if _, err := b.Recover(t.Context(), recovery); !errors.Is(err, sessions.ErrUser) {
		t.Error(err)
	}
	r.Session, recovery.Session = accounts.SessionRequest{}, accounts.SessionRequest{}
	if _, err := b.AuthenticateTOTP(t.Context(), r); err != nil {
		t.Error(err)
	}
	if _, err := b.Recover(t.Context(), recovery); err != nil {
		t.Error(err)
	}
}

// A pending user becomes active by an app too.
func TestTOTPMakesActive(t *testing.T) {
	t.Parallel()
	for _, verified := range []bool{false, true} {
		b := newFullBench(t)
		user, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, Pending: true})
		if err != nil {
			t.Fatal(err)
		}
		var e totp.Enrolment
		if !verified {
			e = b.enrol(t, user.ID)
		} else {
			e = b.enrolled(t, user.ID)
			update(t, b.directory.Directory, user.ID, func(u *store.User) { u.Status = store.Pending })
		}
		auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: user.ID, Code: b.appCode(t, e)})
		if err != nil || auth.User.Status != store.Active || b.user(t, user.ID).Status != store.Active {
			t.Errorf("%+v, %v", auth.User, err)
		}
	}
}

// Wrong codes of the app and of an address are one row.
func TestTOTPAndUserLock(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	e := b.enrolled(t, ada.ID)
	sent := b.login(t, delivery.SMS, phone)
	for range 4 {
		b.miss(t, sent.MethodID, phone)
	}
	guess := func(f func(context.Context, accounts.TOTPRequest) (accounts.TOTPAuthentication, error), code string) *engine.Error {
		auth, err := f(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: code})
		var refusal *engine.Error
		if !errors.As(err, &refusal) || !isZero(auth) {
			t.Fatalf("%+v, %v", auth, err)
		}
		return refusal
	}
	for i := range 3 {
		if r := guess(b.AuthenticateTOTP, b.wrongAppCode(t, e)); r.Kind != engine.ErrWrong || r.AttemptsLeft != 5-i {
			t.Errorf("app %d: %v", i, r)
		}
	}
	for i := range 2 {
		if r := guess(b.Recover, "aaaa-aaaa-aaaa"); r.Kind != engine.ErrWrong || r.AttemptsLeft != 2-i {
			t.Errorf("recovery %d: %v", i, r)
		}
	}
	for _, code := range []string{"", "12345", "aaaa-aaaa-aaaa"} { // no guesses
		if _, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: code}); err == nil || errors.Is(err, engine.ErrWrong) {
			t.Errorf("%q: %v", code, err)
		}
	}
	if u := b.user(t, ada.ID); u.Lock.Failures != 9 {
		t.Fatalf("%+v", u.Lock)
	}
	if r := guess(b.AuthenticateTOTP, b.wrongAppCode(t, e)); r.Kind != engine.ErrWrong || r.AttemptsLeft != 0 || r.RetryAfter != time.Hour {
		t.Errorf("the last: %v", r)
	}
	b.forget()
	if r := guess(b.AuthenticateTOTP, b.appCode(t, e)); r.Kind != engine.ErrLocked || r.RetryAfter != time.Hour {
		t.Errorf("locked: %v", r)
	}
	if r := guess(b.Recover, e.RecoveryCodes[0].Reveal()); r.Kind != engine.ErrLocked {
		t.Errorf("locked: %v", r)
	}
	if _, err := b.enter(t, sent.MethodID, phone); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if calls := append(b.totpStore.trace(), b.store.trace()...); len(calls) > 0 {
		t.Errorf("store calls while locked: %q", calls)
	}
	if _, err := b.Unlock(t.Context(), "ext-ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Recover(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: e.RecoveryCodes[0].Reveal()}); err != nil {
		t.Errorf("unlocked, a code that was refused before: %v", err)
	}
	if r := guess(b.AuthenticateTOTP, b.wrongAppCode(t, e)); r.AttemptsLeft != 9 {
		t.Errorf("unlocked: %v", r)
	}
	auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e)})
	if err != nil || auth.User.Lock != (store.Lock{}) || b.user(t, ada.ID).Lock != (store.Lock{}) {
		t.Errorf("%+v, %v", auth.User.Lock, err)
	}
	// The app's own lock, with the user's below it, ends by Unlock too.
	for range 10 {
		b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.wrongAppCode(t, e)})
	}
	if _, err := b.Unlock(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	b.kit.Clock.Advance(time.Minute)
	if _, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e)}); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}
