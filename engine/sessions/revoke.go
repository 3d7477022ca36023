package sessions

import (
	"context"
	"slices"
	"time"
)

// closedFor is how long no session of a deleted user can begin: longer than
// any login that was under way.
const closedFor = 5 * time.Minute

// Revoke ends the session of a token or a JWT. Every token of it is dead from
// now on; CheckJWT still takes its JWTs until they expire. Errors:
// ErrCredential, ErrToken, ErrJWT, ErrNotFound, engine.ErrUnavailable.
func (s *Sessions) Revoke(ctx context.Context, c Credential) error {
	t, err := s.understand(c)
	if err != nil {
		return err
	}
	return s.update(ctx, t.name, func(r *record, now time.Time) (bool, error) {
		e, _, err := s.find(r, &t, now)
		if err != nil {
			return false, err
		}
		r.end(e.id)
		return true, nil
	})
}

// RevokeID is Revoke by the session's id. Errors: ErrID, ErrNotFound,
// engine.ErrUnavailable.
func (s *Sessions) RevokeID(ctx context.Context, id string) error {
	b, ok := s.parseID(id)
	if !ok {
		return ErrID
	}
	return s.update(ctx, nameIn(b), func(r *record, _ time.Time) (bool, error) {
		if !r.end(b) {
			return false, ErrNotFound
		}
		return true, nil
	})
}

// end takes a session out of the record.
func (r *record) end(id [16]byte) bool {
	n := len(r.entries)
	r.entries = slices.DeleteFunc(r.entries, func(e entry) bool { return e.id == id })
	return len(r.entries) < n
}

// RevokeAll ends all sessions of a user, at once. Errors:
// engine.ErrUnavailable.
func (s *Sessions) RevokeAll(ctx context.Context, userID string) error {
	return s.update(ctx, nameOf(s.keys.Load().ring, s.tenant, userID), func(r *record, _ time.Time) (bool, error) {
		changed := len(r.entries) > 0
		r.entries = nil
		return changed, nil
	})
}

// Close ends all sessions of a user who is about to be deleted, and lets none
// begin for five minutes, so that a login under way cannot outlive the user.
// Errors: engine.ErrUnavailable.
func (s *Sessions) Close(ctx context.Context, userID string) error {
	return s.update(ctx, nameOf(s.keys.Load().ring, s.tenant, userID), func(r *record, now time.Time) (bool, error) {
		r.entries, r.closed = nil, now.UnixNano()+int64(closedFor)
		return true, nil
	})
}

// Forget takes a factor that the user does not have any more out of all
// sessions of the user. One that is left without factors ends. Errors:
// engine.ErrUnavailable.
func (s *Sessions) Forget(ctx context.Context, userID, factorID string) error {
	return s.update(ctx, nameOf(s.keys.Load().ring, s.tenant, userID), func(r *record, _ time.Time) (changed bool, err error) {
		var over [][16]byte
		for i := range r.entries {
			e := &r.entries[i]
			c, err := s.open(e)
			if err != nil {
				return false, err
			}
			if c.userID != userID {
				continue
			}
			n := len(c.factors)
			c.factors = slices.DeleteFunc(c.factors, func(f Factor) bool { return f.ID == factorID })
			switch len(c.factors) {
			case n:
				continue
			case 0:
				over = append(over, e.id)
			default:
				s.seal(e, &c)
			}
			changed = true
		}
		for _, id := range over {
			r.end(id)
		}
		return changed, nil
	})
}
