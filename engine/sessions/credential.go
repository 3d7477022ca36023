package sessions

import (
	"errors"
	"slices"
	"time"
)

// A ticket is a credential that was understood: it says which entry of which
// record it is about.
type ticket struct {
	name   name
	byJWT  bool
	digest digest   // of a token
	id     [16]byte // of a JWT
	userID string   // of a JWT
	issued int64    // of a JWT, in Unix seconds
}

// understand reads a credential. Errors: ErrCredential, ErrToken, ErrJWT. A JWT
// may have expired.
func (s *Sessions) understand(c Credential) (t ticket, err error) {
	switch {
	case (c.Token == "") == (c.JWT == ""):
		return t, ErrCredential
	case c.Token != "":
		var ok bool
		if t.name, t.digest, ok = parseToken(c.Token); !ok {
			return t, ErrToken
		}
		return t, nil
	}
	p, err := s.parseJWT(c.JWT)
	if err != nil && !errors.Is(err, ErrExpired) {
		return t, err
	}
	id, ok := s.parseID(p.session.ID)
	if !ok {
		return t, ErrJWT
	}
	return ticket{name: nameIn(id), byJWT: true, id: id, userID: p.subject, issued: p.issuedAt}, nil
}

// find returns the entry of a ticket and its content. Errors: ErrNotFound,
// engine.ErrUnavailable.
//
// A JWT from before the tokens were last replaced is not good any more: it may
// be older than a factor that was added since.
func (s *Sessions) find(r *record, t *ticket, now time.Time) (*entry, content, error) {
	i := slices.IndexFunc(r.entries, func(e entry) bool {
		if t.byJWT { // made now, by a clock that was set back, it is good
			return e.id == t.id && t.issued >= min(e.renewed, now.UnixNano())/int64(time.Second)
		}
		return e.has(&t.digest)
	})
	if i < 0 {
		return nil, content{}, ErrNotFound
	}
	c, err := s.open(&r.entries[i])
	if err != nil {
		return nil, content{}, err
	}
	if t.byJWT && c.userID != t.userID {
		return nil, content{}, ErrNotFound
	}
	return &r.entries[i], c, nil
}
