package accounts_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	library "github.com/pquerna/otp/totp"
)

// appCode returns what an app shows now.
func (b *bench) appCode(t *testing.T, e totp.Enrolment) string {
	t.Helper()
	code, err := library.GenerateCode(e.Secret.Reveal(), b.kit.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// wrongAppCode returns a code that an app does not show around now.
func (b *bench) wrongAppCode(t *testing.T, e totp.Enrolment) string {
	t.Helper()
	right := make(map[string]bool)
	for _, step := range []time.Duration{-1, 0, 1} {
		code, err := library.GenerateCode(e.Secret.Reveal(), b.kit.Clock.Now().Add(step*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		right[code] = true
	}
	for _, guess := range []string{"000000", "111111", "222222"} {
		if !right[guess] {
			return guess
		}
	}
	return "333333"
}

func (b *bench) enrol(t *testing.T, userID string) totp.Enrolment {
	t.Helper()
	e, _, err := b.EnrolTOTP(t.Context(), userID, 0)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// enrolled enrols an app, enters its first code, and goes on to where its
// codes are fresh.
func (b *bench) enrolled(t *testing.T, userID string) totp.Enrolment {
	t.Helper()
	e := b.enrol(t, userID)
	if _, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: userID, Code: b.appCode(t, e)}); err != nil {
		t.Fatal(err)
	}
	b.kit.Clock.Advance(90 * time.Second)
	return e
}

func TestTOTP(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	enrolledAt := b.kit.Clock.Now()
	e, user, err := b.EnrolTOTP(t.Context(), "ext-ada", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := store.TOTP{ID: e.ID, CreatedAt: enrolledAt, Expires: enrolledAt.Add(10 * time.Minute)}
	if !slices.Equal(user.TOTPs, []store.TOTP{want}) || !slices.Equal(b.user(t, ada.ID).TOTPs, user.TOTPs) {
		t.Errorf("enrolled %+v, want %+v", user.TOTPs, want)
	}
	if uri := e.URI.Reveal(); !strings.Contains(uri, "Example:ada%40example.com?") {
		t.Errorf("the app says %q", uri)
	}

	// The first code verifies the app, and begins a session.
	b.kit.Clock.Advance(time.Minute)
	code := b.appCode(t, e)
	auth, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: "ext-ada", Code: code, Session: accounts.SessionRequest{Duration: hour}})
	if err != nil {
		t.Fatal(err)
	}
	want.Verified, want.Expires = true, time.Time{}
	now := b.kit.Clock.Now()
	if !auth.Proof.Enrolled || auth.Proof.ID != e.ID || !reflect.DeepEqual(auth.User, b.user(t, ada.ID)) || !slices.Equal(auth.User.TOTPs, []store.TOTP{want}) {
		t.Errorf("%+v, want %+v", auth, want)
	}
	if factors := auth.Session.Session.Factors; !slices.Equal(factors, []sessions.Factor{{Method: sessions.Authenticator, ID: e.ID, CreatedAt: now, LastAt: now}}) {
		t.Errorf("factors %+v", factors)
	}
	if _, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: code}); !errors.Is(err, totp.ErrReplayed) {
		t.Error(err)
	}
	if _, _, err := b.EnrolTOTP(t.Context(), ada.ID, 0); !errors.Is(err, totp.ErrActive) {
		t.Error(err)
	}

	// The next one needs one look-up.
	b.kit.Clock.Advance(time.Minute)
	b.forget()
	if auth, err = b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: b.appCode(t, e)}); err != nil || auth.Session != nil || auth.Proof.Enrolled {
		t.Errorf("%+v, %v", auth, err)
	}
	if calls := b.directory.trace(); !slices.Equal(calls, []string{"lookup"}) {
		t.Errorf("directory calls %q", calls)
	}

	// A recovery code is a factor of its own, and is good once.
	session := b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session
	r := accounts.TOTPRequest{UserID: ada.ID, Code: e.RecoveryCodes[3].Reveal(), Session: accounts.SessionRequest{Credential: credential(session)}}
	if auth, err = b.Recover(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got := auth.Session.Session.Factors
	if len(got) != 2 || got[1].Method != sessions.RecoveryCode || got[1].ID != auth.Proof.Recovery || auth.Proof.Recovery == "" || got[1].ID == e.ID {
		t.Errorf("factors %+v, proof %+v", got, auth.Proof)
	}
	if len(sessions.Require(sessions.SMS, sessions.Authenticator).Missing(auth.Session.Session, b.kit.Clock.Now())) > 0 {
		t.Error("a recovery code does not stand for the app")
	}
	r.Session = accounts.SessionRequest{}
	if _, err := b.Recover(t.Context(), r); !errors.Is(err, engine.ErrWrong) {
		t.Errorf("a recovery code again: %v", err)
	}
	user, status, err := b.TOTP(t.Context(), ada.ID)
	if err != nil || user.ID != ada.ID || status.ID != e.ID || !status.Verified || len(status.RecoveryCodes) != totp.RecoveryCodes-1 {
		t.Errorf("%+v, %v", status, err)
	}

	// Deleted, it is in no session.
	both := accounts.TOTPRequest{UserID: ada.ID, Session: accounts.SessionRequest{Credential: credential(auth.Session)}}
	b.kit.Clock.Advance(time.Minute)
	both.Code = b.appCode(t, e)
	if auth, err = b.AuthenticateTOTP(t.Context(), both); err != nil || len(auth.Session.Session.Factors) != 3 {
		t.Fatal(auth.Session, err)
	}
	if user, err = b.DeleteTOTP(t.Context(), e.ID); err != nil || len(user.TOTPs) != 0 || user.ID != ada.ID {
		t.Errorf("%+v, %v", user, err)
	}
	granted, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(auth.Session)})
	if err != nil || slices.Contains(factorIDs(granted.Session), e.ID) || len(granted.Session.Factors) != 2 {
		t.Errorf("%+v, %v", granted.Session, err)
	}
	if all := b.list(t, ada.ID); len(all) != 1 {
		t.Errorf("the session by the app alone is still there: %+v", all)
	}
	if _, _, err := b.TOTP(t.Context(), ada.ID); !errors.Is(err, totp.ErrNone) {
		t.Error(err)
	}
	if _, err := b.AuthenticateTOTP(t.Context(), both); err == nil {
		t.Error("a deleted app was accepted")
	}
	b.enrolled(t, ada.ID)
}
