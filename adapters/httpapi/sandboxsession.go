package httpapi

import (
	"context"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// The sandbox's session.
const (
	sandboxToken     = "WJtR5BCy38Szd5AfoDpf0iqFKEt4EE5JhjlWUY7l3FtY"
	sandboxDeadToken = "59cnLELtq5cFVS6uYK9f-pAWzBkhqZl8AvLhbhOvKNWw" // of a session that is not there
	sandboxSessionID = "session-test-eb94233f-8800-4ebd-8645-51dc15f9d028"
)

// sandboxDuration is how long the sandbox's session lasts unless asked for
// otherwise. It begins anew with every call.
const sandboxDuration = time.Hour

// sandboxSessions stand before the sessions as a sandbox does before the
// accounts. The sandbox user has one session, of which nothing is kept.
type sandboxSessions struct {
	*sessions.Sessions
	live bool
	now  func() time.Time
}

// shows reports whether a credential shows the sandbox's session. The error is
// that of the token that shows none.
func (s *sandboxSessions) shows(c sessions.Credential) (bool, error) {
	switch {
	case s.live:
		return false, nil
	case c.Token == sandboxDeadToken:
		return false, sessions.ErrNotFound
	case c.JWT != "":
		session, err := s.CheckJWT(c.JWT)
		return err == nil && session.ID == sandboxSessionID, nil
	}
	return c.Token == sandboxToken, nil
}

// others returns the error of a credential that shows the sandbox's session,
// or none, where a user's is expected.
func (s *sandboxSessions) others(c sessions.Credential) error {
	mine, err := s.shows(c)
	if mine {
		return sessions.ErrUser
	}
	return err
}

// session returns the sandbox's session as it is now. Custom claims are not
// kept: none of them has gone through what a session's own go through.
func (s *sandboxSessions) session(f sessions.Factor, a sessions.Attributes, duration time.Duration) *sessions.Granted {
	now := s.now().UTC()
	if duration == 0 {
		duration = sandboxDuration
	}
	f.CreatedAt, f.LastAt = now, now
	return &sessions.Granted{
		Session: sessions.Session{
			ID:             sandboxSessionID,
			UserID:         sandboxUserID,
			Factors:        []sessions.Factor{f},
			Attributes:     a,
			StartedAt:      time.Date(2021, time.August, 28, 0, 41, 58, 935673000, time.UTC),
			LastAccessedAt: now,
			ExpiresAt:      now.Add(duration),
		},
		Token: delivery.NewSecret(sandboxToken),
	}
}

// sandboxFactor is the factor of the sandbox's session when nobody just
// authenticated one.
func sandboxFactor() sessions.Factor {
	return sessions.Factor{Method: sessions.Email, ID: sandboxEmailID, Address: sandboxEmail}
}

// check refuses of a request what the sessions would.
func (s *sandboxSessions) check(ctx context.Context, r accounts.SessionRequest) error {
	mine, err := s.shows(r.Credential)
	if err != nil {
		return err
	}
	g := sessions.Grant{UserID: sandboxUserID, Session: r.Credential, Duration: r.Duration, Claims: r.Claims}
	if mine {
		g.Session = sessions.Credential{}
		if g.Duration == 0 {
			g.Duration = sessions.MinDuration
		}
	}
	return s.CheckGrant(ctx, g)
}

// grant returns the sandbox's session, if one is asked for.
func (s *sandboxSessions) grant(ctx context.Context, r accounts.SessionRequest, f sessions.Factor) (*sessions.Granted, error) {
	if !r.Credential.Given() && r.Duration == 0 {
		return nil, nil
	}
	if err := s.check(ctx, r); err != nil {
		return nil, err
	}
	return s.session(f, r.Attributes, r.Duration), nil
}

func (s *sandbox) AuthenticateSession(ctx context.Context, r sessions.Request) (sessions.Granted, store.User, error) {
	mine, err := s.sessions.shows(r.Credential)
	if err == nil && !mine {
		return s.Accounts.AuthenticateSession(ctx, r)
	}
	if err == nil {
		err = s.sessions.check(ctx, accounts.SessionRequest{Credential: r.Credential, Duration: r.Duration, Claims: r.Claims})
	}
	if err != nil {
		return sessions.Granted{}, store.User{}, err
	}
	return *s.sessions.session(sandboxFactor(), sessions.Attributes{}, r.Duration), sandboxUser(), nil
}

// Lookup implements it as sessions.Sessions does.
func (s *sandboxSessions) Lookup(ctx context.Context, c sessions.Credential) (sessions.Session, error) {
	mine, err := s.shows(c)
	switch {
	case err != nil:
		return sessions.Session{}, err
	case mine:
		return s.session(sandboxFactor(), sessions.Attributes{}, 0).Session, nil
	}
	return s.Sessions.Lookup(ctx, c)
}

// Revoke leaves the sandbox's session as it is, and says nothing of it.
func (s *sandboxSessions) Revoke(ctx context.Context, c sessions.Credential) error {
	mine, err := s.shows(c)
	if err != nil || mine {
		return err
	}
	return s.Sessions.Revoke(ctx, c)
}

// RevokeID does as Revoke.
func (s *sandboxSessions) RevokeID(ctx context.Context, id string) error {
	if !s.live && id == sandboxSessionID {
		return nil
	}
	return s.Sessions.RevokeID(ctx, id)
}
