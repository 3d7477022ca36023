package sessions

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// A Request asks for the authentication of a session.
type Request struct {
	Credential
	Duration time.Duration   // the session ends so long from now; zero leaves its end as it is
	Claims   json.RawMessage // merged into the session's custom claims
}

// Authenticate shows a session: it is accessed now, extended only if asked,
// and its claims changed if asked. Asked by token it returns that token. Asked
// by JWT, which may have expired, it returns a further token of the session,
// since nobody knows the first one; of these the eight newest are good.
//
// Errors: as Grant, save ErrUser, ErrFull and ErrClosed.
func (s *Sessions) Authenticate(ctx context.Context, r Request) (Granted, error) {
	if err := s.checkDuration(r.Duration, true); err != nil {
		return Granted{}, err
	}
	t, err := s.understand(r.Credential)
	if err != nil {
		return Granted{}, err
	}
	token, further := delivery.NewSecret(r.Token), digest{}
	if t.byJWT {
		token, further = newToken(t.name)
	}
	var session Session
	err = s.update(ctx, t.name, func(rec *record, now time.Time) (bool, error) {
		e, c, err := s.find(rec, &t, now)
		if err != nil {
			return false, err
		}
		if len(r.Claims) > 0 {
			if c.claims, err = mergeClaims(c.claims, r.Claims); err != nil {
				return false, err
			}
		}
		e.accessed = now.UnixNano()
		if r.Duration != 0 {
			e.expires = e.accessed + int64(r.Duration)
		}
		if t.byJWT {
			e.tokens = addToken(e.tokens, further)
		}
		if t.byJWT || len(r.Claims) > 0 || !s.keys.Load().ring.Newest(e.sealed) {
			s.seal(e, &c)
		}
		session = s.session(e, &c)
		rec.fit(maxSessions, e.id)
		return true, nil
	})
	if err != nil {
		return Granted{}, err
	}
	return Granted{Session: session, Token: token}, nil
}

// addToken returns digests and a further one. The oldest but the grant's makes
// room.
func addToken(tokens []byte, further digest) []byte {
	first, others := tokens[:digestSize], tokens[digestSize:]
	if len(tokens) == maxTokens*digestSize {
		others = others[digestSize:]
	}
	return slices.Concat(first, others, further[:])
}

// Lookup returns a session without accessing it. Errors: ErrCredential,
// ErrToken, ErrJWT, ErrNotFound, engine.ErrUnavailable.
func (s *Sessions) Lookup(ctx context.Context, c Credential) (Session, error) {
	t, err := s.understand(c)
	if err != nil {
		return Session{}, err
	}
	r, now, err := s.view(ctx, t.name)
	if err != nil {
		return Session{}, err
	}
	e, found, err := s.find(&r, &t, now)
	if err != nil {
		return Session{}, err
	}
	return s.session(e, &found), nil
}

// List returns the sessions of a user that are alive, the oldest first; none
// for a user without any, known or not. Errors: engine.ErrUnavailable.
func (s *Sessions) List(ctx context.Context, userID string) ([]Session, error) {
	r, _, err := s.view(ctx, nameOf(s.keys.Load().ring, s.tenant, userID))
	if err != nil {
		return nil, err
	}
	var list []Session
	for i := range r.entries {
		c, err := s.open(&r.entries[i])
		if err != nil {
			return nil, err
		}
		if c.userID == userID {
			list = append(list, s.session(&r.entries[i], &c))
		}
	}
	slices.SortStableFunc(list, func(a, b Session) int { return a.StartedAt.Compare(b.StartedAt) })
	return list, nil
}
