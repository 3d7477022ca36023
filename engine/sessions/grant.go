package sessions

import (
	"context"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// A Grant says that a factor was authenticated, and what session should come
// of it.
type Grant struct {
	UserID string // not empty; up to 256 bytes
	Factor Factor // its Method and ID, and the Address where there is one; times are not looked at

	// Session is the user's session that the factor is added to. Without one a
	// new session begins.
	Session Credential

	// Duration is from now to the end of the session. Required for a new one;
	// zero leaves the end of another as it is.
	Duration time.Duration

	// Claims are merged into the custom claims; see the package comment.
	Claims json.RawMessage

	Attributes Attributes // of a new session; another keeps its own
	Roles      []string   // what the session says from now on
}

// CheckGrant returns the error that Grant would return if it were called now,
// save ErrClosed, and changes nothing. Programs call it before they use up a
// code: the Factor is not looked at. It asks the Store only if the grant names
// a session. Errors: those of Grant.
func (s *Sessions) CheckGrant(ctx context.Context, g Grant) error {
	g.Factor = Factor{Method: SMS, ID: "any"}
	step, err := s.newGrant(&g)
	if err != nil {
		return err
	}
	var r record
	now := s.now().UTC().Round(0)
	if step.goesOn {
		if r, now, err = s.view(ctx, step.ticket.name); err != nil {
			return err
		}
	}
	_, err = step.decide(&r, now)
	return err
}

// Grant begins a session, or adds a factor to one. A factor of the same ID and
// Method that the session has already is renewed instead; of more than 16 the
// oldest goes. The session gets a new token in any case; one that was added to
// loses all that it had, and the JWTs that were issued before: somebody who
// knew them before the step up must not gain by it (OWASP ASVS 7.2.4).
//
// Errors: ErrCredential, ErrToken, ErrJWT, ErrNotFound, ErrUser, ErrDuration,
// ErrTooLong, ErrClaims, ErrTooLarge, ErrReserved, ErrFull, ErrClosed,
// engine.ErrUnavailable (then the session may have begun).
func (s *Sessions) Grant(ctx context.Context, g Grant) (Granted, error) {
	step, err := s.newGrant(&g)
	if err != nil {
		return Granted{}, err
	}
	if err := s.update(ctx, step.ticket.name, step.decide); err != nil {
		return Granted{}, err
	}
	return Granted{Session: step.session, Token: step.token}, nil
}

// A grantStep is a Grant that was checked as far as it can be without the
// record.
type grantStep struct {
	s      *Sessions
	grant  *Grant
	goesOn bool   // with a session that is there
	ticket ticket // that session's; else only its name is set
	id     [16]byte
	token  delivery.Secret
	digest digest

	session Session // set by decide
}

func (s *Sessions) newGrant(g *Grant) (*grantStep, error) {
	step := &grantStep{s: s, grant: g, goesOn: g.Session.Given()}
	if !g.fits() {
		return nil, ErrFull
	}
	if err := s.checkDuration(g.Duration, step.goesOn); err != nil {
		return nil, err
	}
	if step.goesOn {
		var err error
		if step.ticket, err = s.understand(g.Session); err != nil {
			return nil, err
		}
	} else {
		step.ticket.name = nameOf(s.keys.Load().ring, s.tenant, g.UserID)
		step.id = newID(step.ticket.name)
	}
	step.token, step.digest = newToken(step.ticket.name)
	return step, nil
}

// checkDuration refuses a duration; zero only if it is not optional.
func (s *Sessions) checkDuration(d time.Duration, optional bool) error {
	switch {
	case d == 0 && optional:
		return nil
	case d < MinDuration || d > MaxDuration:
		return ErrDuration
	case d > s.longest:
		return ErrTooLong
	}
	return nil
}

// fits reports whether a session has room for the grant.
func (g *Grant) fits() bool {
	text := func(s string, n int) bool { return len(s) <= n && utf8.ValidString(s) }
	return g.UserID != "" && text(g.UserID, maxUserID) &&
		slices.Contains(methods[1:], g.Factor.Method) && g.Factor.ID != "" && text(g.Factor.ID, maxFactorID) && text(g.Factor.Address, maxAddress) &&
		text(g.Attributes.IPAddress, maxIP) && text(g.Attributes.UserAgent, maxUserAgent) &&
		len(g.Roles) <= maxRoles && !slices.ContainsFunc(g.Roles, func(role string) bool { return !text(role, maxRole) })
}

func (g *grantStep) decide(r *record, now time.Time) (changed bool, err error) {
	s, at := g.s, now.UnixNano()
	var e *entry
	c := content{userID: g.grant.UserID, attributes: g.grant.Attributes}
	if g.goesOn {
		if e, c, err = s.find(r, &g.ticket, now); err != nil {
			return false, err
		}
		if c.userID != g.grant.UserID {
			return false, ErrUser
		}
	}
	if c.claims, err = mergeClaims(c.claims, g.grant.Claims); err != nil {
		return false, err
	}
	if !g.goesOn {
		if r.closed > at {
			return false, ErrClosed
		}
		if s.ofAnother(r, c.userID) {
			return false, unavailable(errCollision)
		}
		r.entries = append(r.entries, entry{id: g.id, started: at})
		e = &r.entries[len(r.entries)-1]
	}
	c.roles = slices.Clone(g.grant.Roles)
	c.add(g.grant.Factor, now)
	e.accessed, e.renewed = at, at
	e.tokens = g.digest[:]
	if g.grant.Duration != 0 {
		e.expires = at + int64(g.grant.Duration)
	}
	s.seal(e, &c)
	g.session = s.session(e, &c)
	r.fit(s.maxPerUser, e.id)
	return true, nil
}
