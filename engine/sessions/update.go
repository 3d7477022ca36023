package sessions

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/store"
)

// maxRaces is how often one call tries to store its change.
const maxRaces = 64

var errContended = errors.New("sessions: record changed too often")

// update loads the record of a name, has decide change it, and stores what it
// changed. decide may run several times and has no side effects outside the
// record. Its answer is returned only once its change is stored: if the store
// fails, or too many races are lost, the answer is engine.ErrUnavailable,
// whatever decide said.
func (s *Sessions) update(ctx context.Context, n name, decide func(r *record, now time.Time) (changed bool, err error)) error {
	key := s.keys.Load().key(n)
	old, err := s.store.Get(ctx, key)
	if err != nil {
		return unavailable(err)
	}
	var r record
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	for range maxRaces {
		now, dropped, err := s.load(&r, n, old)
		if err != nil {
			return err
		}
		changed, refusal := decide(&r, now)
		// What settle dropped is hidden as long as the clock and the keys are as
		// they are; written, it is gone.
		if !changed && !dropped {
			return refusal
		}
		encoded := r.encode((*buffer)[:0])
		if encoded != nil {
			*buffer = encoded
		}
		current, swapped, err := s.store.CompareAndSwap(ctx, key, old, encoded, time.Unix(0, r.keepUntil()))
		if err != nil {
			return unavailable(err)
		}
		if swapped {
			return refusal
		}
		old = current
	}
	return unavailable(errContended)
}

// view loads the record of a name.
func (s *Sessions) view(ctx context.Context, n name) (record, time.Time, error) {
	var r record
	value, err := s.store.Get(ctx, s.keys.Load().key(n))
	if err != nil {
		return record{}, time.Time{}, unavailable(err)
	}
	now, _, err := s.load(&r, n, value)
	return r, now, err
}

var errClock = errors.New("sessions: the clock is outside of the years 1970 to 2261")

// load reads a record and settles it. It says whether that dropped anything. A
// session in the record of another user was put there by somebody else. Of a
// store that went back in time no session is taken: it may have been ended.
func (s *Sessions) load(r *record, n name, value []byte) (now time.Time, dropped bool, err error) {
	now = s.now().UTC().Round(0)
	if year := now.Year(); year < 1970 || year > 2261 {
		return now, false, unavailable(errClock)
	}
	written, rewound := store.CutRewound(value)
	if err := r.decode(written); err != nil {
		return now, false, unavailable(err)
	}
	for i := range r.entries {
		if nameIn(r.entries[i].id) != n {
			return now, false, unavailable(errRecord)
		}
	}
	had := len(r.entries)
	if rewound {
		r.entries = nil
	}
	r.settle(now.UnixNano(), s.idle, s.keys.Load().ring)
	return now, len(r.entries) < had, nil
}

func unavailable(err error) error { return &engine.Error{Kind: engine.ErrUnavailable, Err: err} }

// context is what a content is sealed for: this session with these tokens, in
// this record of this tenant. So nobody who can write to the store can give a
// session to somebody else, or a token of their own to a session.
func (s *Sessions) context(e *entry) []byte {
	b := make([]byte, 0, len(e.id)+1+2*digestSize+maxTenant)
	b = append(b, e.id[:]...)
	b = append(b, byte(len(e.tokens)/digestSize))
	b = append(b, e.tokens...)
	return append(b, s.tenant...)
}

// open returns the content of an entry. settle has dropped those whose key is
// gone, so what cannot be opened is damaged.
func (s *Sessions) open(e *entry) (content, error) {
	var c content
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	plain, err := s.keys.Load().ring.Open((*buffer)[:0], e.sealed, s.context(e))
	if err == nil {
		err = c.decode(string(plain))
		clear(plain)
	}
	if err != nil {
		return content{}, unavailable(err)
	}
	return c, nil
}

var errCollision = errors.New("sessions: the record is another user's")

// ofAnother reports whether a record has a session of another user. Names are
// 80 bits of a digest, so it does not happen; if it does, that user's sessions
// are not mixed with these.
func (s *Sessions) ofAnother(r *record, userID string) bool {
	return slices.ContainsFunc(r.entries, func(e entry) bool {
		c, err := s.open(&e)
		return err == nil && c.userID != userID
	})
}

// seal puts a content into its entry.
func (s *Sessions) seal(e *entry, c *content) {
	plain := c.appendTo(make([]byte, 0, 512))
	e.sealed = s.keys.Load().ring.Seal(make([]byte, 0, len(plain)+seal.Overhead), plain, s.context(e))
}
