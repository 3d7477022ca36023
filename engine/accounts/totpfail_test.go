package accounts_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// The directory's list follows the store that has the apps' secrets. Whatever
// came between the two, the next right code puts the list right.
func TestTOTPListHeals(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]func(e totp.Enrolment) []store.TOTP{
		"nothing": func(totp.Enrolment) []store.TOTP { return nil },
		"another": func(totp.Enrolment) []store.TOTP {
			return []store.TOTP{{ID: "totp-1", CreatedAt: time.Unix(1, 0).UTC()}}
		},
		"another, verified":  func(totp.Enrolment) []store.TOTP { return []store.TOTP{{ID: "totp-1", Verified: true}} },
		"it, not verified":   func(e totp.Enrolment) []store.TOTP { return []store.TOTP{{ID: e.ID, CreatedAt: time.Unix(1, 0).UTC()}} },
		"it, its time over":  func(e totp.Enrolment) []store.TOTP { return []store.TOTP{{ID: e.ID, Expires: time.Unix(1, 0).UTC()}} },
		"it, and the window": func(e totp.Enrolment) []store.TOTP { return []store.TOTP{{ID: e.ID, Expires: e.Expires}} },
	} {
		for _, how := range []string{"app", "recovery"} {
			b := newFullBench(t)
			ada := b.newAda(t)
			e := b.enrolled(t, ada.ID)
			update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.TOTPs = list(e) })
			r := accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e)}
			enter := b.AuthenticateTOTP
			if how == "recovery" {
				r.Code, enter = e.RecoveryCodes[0].Reveal(), b.Recover
			}
			auth, err := enter(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			u := b.user(t, ada.ID)
			if !slices.Equal(auth.User.TOTPs, u.TOTPs) || len(u.TOTPs) != 1 || u.TOTPs[0].ID != e.ID || !u.TOTPs[0].Verified || !u.TOTPs[0].Expires.IsZero() || u.TOTPs[0].CreatedAt.IsZero() && len(list(e)) == 0 {
				t.Errorf("%s, %s: list %+v", name, how, u.TOTPs)
			}
		}
	}
}

// TestTOTPFails makes one call of the directory or of the app's store fail.
func TestTOTPFails(t *testing.T) {
	t.Parallel()
	type call struct{ directory, apps int }
	for name, op := range map[string]struct {
		do    func(b *bench, id string, e totp.Enrolment, code string) (any, error)
		calls call
	}{
		"EnrolTOTP": {func(b *bench, id string, _ totp.Enrolment, _ string) (any, error) {
			_, u, err := b.EnrolTOTP(t.Context(), id, 0)
			return u, err
		}, call{2, 2}},
		"AuthenticateTOTP, first": {func(b *bench, id string, _ totp.Enrolment, code string) (any, error) {
			return b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: id, Code: code})
		}, call{2, 2}},
		"AuthenticateTOTP, wrong": {func(b *bench, id string, e totp.Enrolment, _ string) (any, error) {
			auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: id, Code: b.wrongAppCode(t, e)})
			if errors.Is(err, engine.ErrWrong) {
				err = nil
			}
			return auth, err
		}, call{2, 2}},
		"TOTP": {func(b *bench, id string, _ totp.Enrolment, _ string) (any, error) {
			_, status, err := b.TOTP(t.Context(), id)
			return status, err
		}, call{1, 1}},
		"DeleteTOTP": {func(b *bench, _ string, e totp.Enrolment, _ string) (any, error) {
			return b.DeleteTOTP(t.Context(), e.ID)
		}, call{2, 2}},
		"Delete": {func(b *bench, id string, _ totp.Enrolment, _ string) (any, error) { return b.Delete(t.Context(), id) }, call{2, 3}},
		"Unlock": {func(b *bench, id string, e totp.Enrolment, _ string) (any, error) { return b.Unlock(t.Context(), id) }, call{2, 1}},
	} {
		for _, of := range []string{"directory", "apps"} {
			for at := 1; ; at++ {
				b := newFullBench(t)
				ada := b.newAda(t)
				e := b.enrol(t, ada.ID)
				code := b.appCode(t, e)
				b.forget()
				fail := func(trace func() []string) error {
					if len(trace()) == at {
						return errDisk
					}
					return nil
				}
				trace, want := b.totpStore.trace, op.calls.apps
				if of == "directory" {
					trace, want = b.directory.trace, op.calls.directory
					b.directory.before = func(string, string) error { return fail(trace) }
				} else {
					b.totpStore.before = func(string) error { return fail(trace) }
				}
				result, err := op.do(b, ada.ID, e, code)
				if len(trace()) < at {
					if err != nil || at-1 != want {
						t.Errorf("%s: %v after %d calls of %s, want %d", name, err, at-1, of, want)
					}
					break
				}
				if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, errDisk) || !isZero(result) {
					t.Errorf("%s, call %d of %s failing: %+v, %v", name, at, of, result, err)
				}
				// Again, it works, or was done; a code of the app may be used up.
				b.directory.before, b.totpStore.before = nil, nil
				if _, err := op.do(b, ada.ID, e, code); err != nil && !errors.Is(err, totp.ErrReplayed) {
					t.Errorf("%s, call %d of %s failing: again: %v", name, at, of, err)
				}
			}
		}
	}
}

// status is what the store of the apps has of a user.
func (b *bench) status(t *testing.T, userID string) error {
	t.Helper()
	_, err := b.apps.Status(t.Context(), userID)
	return err
}

// Delete leaves no app behind, whatever the directory's list says of it.
func TestDeleteRemovesApps(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verified bool
		list     []store.TOTP
		keep     bool
		after    time.Duration
	}{
		"verified":             {verified: true, keep: true},
		"waiting":              {keep: true},
		"waited":               {keep: true, after: totp.MaxWindow},
		"verified, not listed": {verified: true},
		"waiting, not listed":  {},
		"another listed":       {verified: true, list: []store.TOTP{{ID: "totp-1", Verified: true}}},
	} {
		b := newFullBench(t)
		ada := b.newAda(t)
		if test.verified {
			b.enrolled(t, ada.ID)
		} else {
			b.enrol(t, ada.ID)
		}
		if !test.keep {
			update(t, b.directory.Directory, ada.ID, func(u *store.User) { u.TOTPs = test.list })
		}
		b.kit.Clock.Advance(test.after)
		b.totpStore.forget()
		if _, err := b.Delete(t.Context(), ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := b.status(t, ada.ID); !errors.Is(err, totp.ErrNone) || !slices.Contains(b.totpStore.trace(), "swap") {
			t.Errorf("%s: %v, %q", name, err, b.totpStore.trace())
		}
	}
}

// An app that is enrolled or entered while its user or it goes does not stay.
func TestTOTPGoesMeanwhile(t *testing.T) {
	t.Parallel()
	during := func(b *bench, do func()) {
		b.directory.before = func(call, _ string) error {
			if call == "update" {
				b.directory.before = nil
				do()
			}
			return nil
		}
	}
	b := newFullBench(t)
	ada := b.newAda(t)
	during(b, func() { b.Delete(t.Context(), ada.ID) })
	if e, u, err := b.EnrolTOTP(t.Context(), ada.ID, 0); !errors.Is(err, accounts.ErrUserNotFound) || !isZero(e) || !isZero(u) {
		t.Errorf("%v", err)
	}
	if err := b.status(t, ada.ID); !errors.Is(err, totp.ErrNone) {
		t.Errorf("the app of a deleted user: %v", err)
	}

	ada = b.newAda(t)
	b.totpStore.before = func(string) error { b.totpStore.before = nil; _, err := b.Delete(t.Context(), ada.ID); return err }
	if e, u, err := b.EnrolTOTP(t.Context(), ada.ID, 0); !errors.Is(err, accounts.ErrUserNotFound) || !isZero(e) || !isZero(u) {
		t.Errorf("%v", err)
	}
	if err := b.status(t, ada.ID); !errors.Is(err, totp.ErrNone) {
		t.Errorf("the app of a user who had been deleted: %v", err)
	}

	ada = b.newAda(t)
	e := b.enrol(t, ada.ID)
	during(b, func() { b.DeleteTOTP(t.Context(), e.ID) })
	if auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e)}); !errors.Is(err, totp.ErrNone) || !isZero(auth) {
		t.Errorf("%+v, %v", auth, err)
	}
	if u := b.user(t, ada.ID); len(u.TOTPs) > 0 {
		t.Errorf("a deleted app is listed: %+v", u.TOTPs)
	}

	e = b.enrol(t, ada.ID)
	during(b, func() { b.Delete(t.Context(), ada.ID) })
	if auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e), Session: accounts.SessionRequest{Duration: hour}}); !errors.Is(err, accounts.ErrUserNotFound) || !isZero(auth) {
		t.Errorf("%+v, %v", auth, err)
	}

	ada = b.newAda(t)
	e = b.enrolled(t, ada.ID)
	b.sessionStore.before = func(string) error { b.sessionStore.before = nil; _, err := b.Delete(t.Context(), ada.ID); return err }
	if auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e), Session: accounts.SessionRequest{Duration: hour}}); !errors.Is(err, accounts.ErrUserNotFound) || !isZero(auth) {
		t.Errorf("%+v, %v", auth, err)
	}
	if all := b.list(t, ada.ID); len(all) > 0 {
		t.Errorf("sessions %+v", all)
	}
}

// A further enrolment takes the place of one that waits.
func TestEnrolAgain(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	first := b.enrol(t, ada.ID)
	second, user, err := b.EnrolTOTP(t.Context(), ada.ID, totp.MinWindow)
	if err != nil || len(user.TOTPs) != 1 || user.TOTPs[0].ID != second.ID {
		t.Fatalf("%+v, %v", user.TOTPs, err)
	}
	if _, err := b.DeleteTOTP(t.Context(), first.ID); !errors.Is(err, accounts.ErrTOTPGone) {
		t.Error(err)
	}
	b.kit.Clock.Advance(totp.MinWindow)
	if u := b.user(t, ada.ID); len(u.TOTPs) > 0 {
		t.Errorf("after its window: %+v", u.TOTPs)
	}
	if _, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, second)}); !errors.Is(err, engine.ErrExpired) {
		t.Error(err)
	}
	if _, err := b.DeleteTOTP(t.Context(), second.ID); !errors.Is(err, accounts.ErrTOTPGone) {
		t.Error(err)
	}
}
