package engine

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/store"
)

// maxRaces is how often one call tries to store its change. Every lost race is
// somebody else's success, and the policy bounds those: at most its tries and
// sends. A call that still loses is refused.
const maxRaces = 64

var errContended = errors.New("passcode: record changed too often")

// A workspace is room for a record on its way from the cache and to the store,
// which keeps a copy. A record of a day with many sends and guesses has some 400
// bytes; a longer one takes memory of its own.
type workspace struct {
	old [cacheValue]byte
	new [512]byte
}

// update loads the record of a subject into r, has decide change it, and
// stores what it changed. decide is one of the steps, made a function of the
// moment; it may run several times. Its answer is returned only once its
// change is stored: if the store fails, or too many races are lost, the answer
// is ErrUnavailable, whatever decide said.
//
// What the cache remembers is tried first, so that a change of a record that
// this engine stored last is one call of the store. An answer that changes
// nothing is given only by what the store itself has returned.
func (e *Engine) update(ctx context.Context, key string, r *record, decide func(now int64) (changed bool, refusal *Error)) *Error {
	space := e.spaces.Get().(*workspace)
	defer e.spaces.Put(space)
	place := e.cache.place(key)
	remembered := place.get(space.old[:0])
	old := remembered
	if remembered == nil {
		var err error
		if old, err = e.store.Get(ctx, key); err != nil {
			return unreadable(err)
		}
	}
	for range maxRaces {
		written, rewound := store.CutRewound(old)
		if err := r.decode(written); err != nil {
			return unavailable(err)
		}
		void := rewound && r.rewind()
		changed, refusal := decide(e.now().UnixNano())
		if !changed && !void {
			if remembered == nil {
				return refusal
			}
			current, err := e.store.Get(ctx, key)
			if err != nil {
				return unreadable(err)
			}
			if !bytes.Equal(current, remembered) {
				place.drop()
			}
			old, remembered = current, nil
			continue
		}
		encoded := r.appendTo(space.new[:0])
		current, swapped, err := e.store.CompareAndSwap(ctx, key, old, encoded, time.Unix(0, r.keepUntil()))
		if err != nil {
			place.drop()
			return unavailable(err)
		}
		if swapped {
			place.put(encoded)
			return refusal
		}
		if remembered != nil {
			place.drop()
		}
		old, remembered = current, nil
	}
	return unavailable(errContended)
}

func unavailable(err error) *Error { return &Error{Kind: ErrUnavailable, Err: err} }

// unreadable is what a Get that failed means: an id with characters that no key
// has, or that the store is not there.
func unreadable(err error) *Error {
	if errors.Is(err, store.ErrKey) {
		return badRequest("malformed challenge id")
	}
	return unavailable(err)
}
