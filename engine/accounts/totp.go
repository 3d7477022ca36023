package accounts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

var errNoApps = badRequest("authenticator apps are not configured")

// EnrolTOTP makes an authenticator app for a user, in the place of one that
// waits for its first code. A window of zero is the longest. In the app the
// user is called by their first e-mail address, else phone number.
//
// Errors: ErrUserNotFound; [totp.ErrActive]; engine.ErrRequest (window, or no
// Config.Apps); engine.ErrUnavailable.
func (a *Accounts) EnrolTOTP(ctx context.Context, userID string, window time.Duration) (totp.Enrolment, store.User, error) {
	if a.apps == nil {
		return totp.Enrolment{}, store.User{}, errNoApps
	}
	user, err := a.User(ctx, userID)
	if err != nil {
		return totp.Enrolment{}, store.User{}, err
	}
	req := totp.Request{UserID: user.ID, Window: window}
	for _, m := range slices.Concat(user.Emails, user.Phones) {
		req.Account = m.Address
		break
	}
	enrolment, err := a.apps.Enrol(ctx, req)
	if err != nil {
		return totp.Enrolment{}, store.User{}, err
	}
	kept, err := a.update(ctx, &user, func(u *store.User) error {
		u.TOTPs = []store.TOTP{{ID: enrolment.ID, CreatedAt: a.now().UTC().Round(0), Expires: enrolment.Expires}}
		return nil
	})
	if errors.Is(err, ErrUserNotFound) { // deleted meanwhile
		err = cmp.Or(a.removeApp(ctx, user.ID, enrolment.ID), err)
	}
	if err != nil {
		return totp.Enrolment{}, store.User{}, err
	}
	return enrolment, kept, nil
}

// A TOTPRequest is what somebody typed: a code of their authenticator app, or
// a recovery code in its place.
type TOTPRequest struct {
	UserID  string // or an external id
	Code    string
	Session SessionRequest // what session comes of it
}

// A TOTPAuthentication says who entered a code of an authenticator app.
type TOTPAuthentication struct {
	User    store.User
	Proof   totp.Proof
	Session *sessions.Granted // nil if none was asked for
}

// AuthenticateTOTP checks a code of the user's authenticator app. The first one
// that is right verifies the app. A wrong one counts for the user's lock.
// Users and sessions are as with Authenticate.
//
// Errors: ErrUserNotFound; those of [totp.Apps.Verify], of which
// engine.ErrLocked also says that the user is locked; with a session those of
// [sessions.Sessions.Grant]; engine.ErrRequest without Config.Apps, or
// Config.Sessions; engine.ErrUnavailable too if the Directory fails, and then
// the code may be used up.
func (a *Accounts) AuthenticateTOTP(ctx context.Context, r TOTPRequest) (TOTPAuthentication, error) {
	if a.apps == nil {
		return TOTPAuthentication{}, errNoApps
	}
	return a.authenticateTOTP(ctx, r, a.apps.Verify)
}

// Recover checks a recovery code, in the place of the authenticator app.
// Errors: as AuthenticateTOTP, with those of [totp.Apps.Recover].
func (a *Accounts) Recover(ctx context.Context, r TOTPRequest) (TOTPAuthentication, error) {
	if a.apps == nil {
		return TOTPAuthentication{}, errNoApps
	}
	return a.authenticateTOTP(ctx, r, a.apps.Recover)
}

func (a *Accounts) authenticateTOTP(ctx context.Context, r TOTPRequest, verify func(ctx context.Context, userID, code string) (totp.Proof, error)) (TOTPAuthentication, error) {
	user, err := a.User(ctx, r.UserID)
	if err != nil {
		return TOTPAuthentication{}, err
	}
	if err := a.locked(&user); err != nil {
		return TOTPAuthentication{}, err
	}
	if err := a.checkSession(ctx, &user, r.Session); err != nil {
		return TOTPAuthentication{}, err
	}
	proof, err := verify(ctx, user.ID, r.Code)
	if err != nil {
		return TOTPAuthentication{}, a.refused(ctx, &user, err)
	}
	verified := func(t store.TOTP) bool { return t.ID == proof.ID && t.Verified }
	if !slices.ContainsFunc(user.TOTPs, verified) || user.Status == store.Pending || user.Lock != (store.Lock{}) {
		if user, err = a.confirmTOTP(ctx, &user, proof); err != nil {
			return TOTPAuthentication{}, err
		}
	}
	factor := sessions.Factor{Method: sessions.Authenticator, ID: proof.ID}
	if proof.Recovery != "" {
		factor = sessions.Factor{Method: sessions.RecoveryCode, ID: proof.Recovery}
	}
	auth := TOTPAuthentication{User: user, Proof: proof}
	if auth.Session, err = a.grant(ctx, &user, r.Session, factor); err != nil {
		return TOTPAuthentication{}, unlessClosed(err, ErrUserNotFound)
	}
	return auth, nil
}

// confirmTOTP makes the user's list say that the app is verified. The list may
// lack an app that was enrolled just before a crash; one that it had when the
// user was read was deleted since.
func (a *Accounts) confirmTOTP(ctx context.Context, user *store.User, proof totp.Proof) (store.User, error) {
	is := func(t store.TOTP) bool { return t.ID == proof.ID }
	return a.update(ctx, user, func(u *store.User) error {
		i := slices.IndexFunc(u.TOTPs, is)
		if i < 0 && slices.ContainsFunc(user.TOTPs, is) {
			return totp.ErrNone
		}
		if i < 0 {
			u.TOTPs, i = []store.TOTP{{ID: proof.ID, CreatedAt: proof.At}}, 0
		}
		u.TOTPs[i].Verified, u.TOTPs[i].Expires = true, time.Time{}
		succeed(u)
		return nil
	})
}

// TOTP returns the user's authenticator app with the recovery codes that are
// left. Errors: ErrUserNotFound, [totp.ErrNone], engine.ErrRequest without
// Config.Apps, engine.ErrUnavailable.
func (a *Accounts) TOTP(ctx context.Context, userID string) (store.User, totp.Status, error) {
	if a.apps == nil {
		return store.User{}, totp.Status{}, errNoApps
	}
	user, err := a.User(ctx, userID)
	if err != nil {
		return store.User{}, totp.Status{}, err
	}
	status, err := a.apps.Status(ctx, user.ID)
	if err != nil {
		return store.User{}, totp.Status{}, err
	}
	return user, status, nil
}

// removeApps takes all of a user's apps from the store that has their secrets,
// the one that the user's list may lack included.
func (a *Accounts) removeApps(ctx context.Context, user *store.User) error {
	if a.apps == nil {
		return nil
	}
	for _, t := range user.TOTPs {
		if err := a.apps.Remove(ctx, user.ID, t.ID); err != nil {
			return err
		}
	}
	switch status, err := a.apps.Status(ctx, user.ID); {
	case err == nil:
		return a.apps.Remove(ctx, user.ID, status.ID)
	case errors.Is(err, totp.ErrNone):
		return nil
	default:
		return err
	}
}

// removeApp takes an app from the store that has its secret.
func (a *Accounts) removeApp(ctx context.Context, userID, totpID string) error {
	if a.apps == nil {
		return nil
	}
	return a.apps.Remove(ctx, userID, totpID)
}
