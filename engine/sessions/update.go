package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
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
	for range maxRaces {
		if err := r.decode(old); err != nil {
			return unavailable(err)
		}
		now := s.now().UTC().Round(0)
		r.settle(now.UnixNano(), s.idle, s.keys.Load().ring)
		changed, refusal := decide(&r, now)
		if !changed {
			return refusal
		}
		current, swapped, err := s.store.CompareAndSwap(ctx, key, old, r.encode(), time.Unix(0, r.keepUntil()))
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
	if err == nil {
		err = r.decode(value)
	}
	if err != nil {
		return record{}, time.Time{}, unavailable(err)
	}
	now := s.now().UTC().Round(0)
	r.settle(now.UnixNano(), s.idle, s.keys.Load().ring)
	return r, now, nil
}

func unavailable(err error) error { return &engine.Error{Kind: engine.ErrUnavailable, Err: err} }

// context is what a content is sealed for: this session in this record of this
// tenant, so that nobody who can write to the store can give a session to
// somebody else.
func (s *Sessions) context(e *entry) []byte {
	return append(append(make([]byte, 0, len(e.id)+maxTenant), e.id[:]...), s.tenant...)
}

// open returns the content of an entry. settle has dropped those whose key is
// gone, so what cannot be opened is damaged.
func (s *Sessions) open(e *entry) (content, error) {
	var c content
	plain, err := s.keys.Load().ring.Open(nil, e.sealed, s.context(e))
	if err == nil {
		err = c.decode(string(plain))
	}
	if err != nil {
		return content{}, unavailable(err)
	}
	return c, nil
}

// seal puts a content into its entry.
func (s *Sessions) seal(e *entry, c *content) {
	plain := c.appendTo(make([]byte, 0, 512))
	e.sealed = s.keys.Load().ring.Seal(make([]byte, 0, len(plain)+seal.Overhead), plain, s.context(e))
}
