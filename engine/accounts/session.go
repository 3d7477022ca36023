package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// A SessionRequest says what session an authentication begins or goes on with.
// The zero value asks for none; Claims and Attributes alone are not looked at.
type SessionRequest struct {
	Credential sessions.Credential // the user's session that the factor is added to
	Duration   time.Duration       // from now to the session's end; required for a new one
	Claims     json.RawMessage     // merged into the session's custom claims
	Attributes sessions.Attributes // of a new session
}

func (r *SessionRequest) asked() bool { return r.Credential.Given() || r.Duration != 0 }

var errNoSessions = badRequest("sessions are not configured")

// grantOf returns what to ask of the sessions. The session has the user's
// roles of this moment.
func grantOf(user *store.User, r *SessionRequest, factor sessions.Factor) sessions.Grant {
	return sessions.Grant{
		UserID:     user.ID,
		Factor:     factor,
		Session:    r.Credential,
		Duration:   r.Duration,
		Claims:     r.Claims,
		Attributes: r.Attributes,
		Roles:      user.Roles,
	}
}

// checkSession returns what grant would refuse now.
func (a *Accounts) checkSession(ctx context.Context, user *store.User, r SessionRequest) error {
	switch {
	case !r.asked():
		return nil
	case a.sessions == nil:
		return errNoSessions
	}
	return a.sessions.CheckGrant(ctx, grantOf(user, &r, sessions.Factor{}))
}

// grant gives the user the session that was asked for, nil for none.
func (a *Accounts) grant(ctx context.Context, user *store.User, r SessionRequest, factor sessions.Factor) (*sessions.Granted, error) {
	if !r.asked() {
		return nil, nil
	}
	granted, err := a.sessions.Grant(ctx, grantOf(user, &r, factor))
	if err != nil {
		return nil, err
	}
	return &granted, nil
}

// unlessClosed returns err, or gone for a user who is deleted at this moment.
func unlessClosed(err, gone error) error {
	if errors.Is(err, sessions.ErrClosed) {
		return gone
	}
	return err
}

// AuthenticateSession is [sessions.Sessions.Authenticate] with the session's
// user. The session of a user who was deleted is not found.
//
// Errors: engine.ErrRequest without Config.Sessions; those of
// sessions.Sessions.Authenticate; engine.ErrUnavailable too if the Directory
// fails.
func (a *Accounts) AuthenticateSession(ctx context.Context, r sessions.Request) (sessions.Granted, store.User, error) {
	if a.sessions == nil {
		return sessions.Granted{}, store.User{}, errNoSessions
	}
	granted, err := a.sessions.Authenticate(ctx, r)
	if err != nil {
		return sessions.Granted{}, store.User{}, err
	}
	user, err := a.userOf(ctx, granted.Session)
	if err != nil {
		return sessions.Granted{}, store.User{}, err
	}
	return granted, user, nil
}

// userOf returns the user of a session. A session without a user is none:
// sessions.ErrNotFound.
func (a *Accounts) userOf(ctx context.Context, session sessions.Session) (store.User, error) {
	user, err := a.lookup(ctx, store.ByID, session.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, sessions.ErrNotFound
	}
	a.settle(&user)
	return user, err
}

// forget takes a factor out of the user's sessions.
func (a *Accounts) forget(ctx context.Context, userID, factorID string) error {
	if a.sessions == nil {
		return nil
	}
	return a.sessions.Forget(ctx, userID, factorID)
}
