package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxRaces is how often one call tries to store its change. Every lost race
// is somebody else's success, and the policy bounds those: at most its tries
// and sends. A call that still loses is refused.
const maxRaces = 64

var errContended = errors.New("passcode: record changed too often")

// A scratch is the memory that one call works in. Everything a step is handed
// escapes, so that calls share scratches instead of making each its own.
type scratch struct {
	record record
	buffer [512]byte // the encoded record
	wrong  [guessEntry * (guessHours + 1)]byte
	nonce  [nonceSize]byte
	verify verifyStep
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// release forgets what the call was about and gives the memory back.
func (sc *scratch) release() {
	sc.verify = verifyStep{}
	sc.record = record{}
	scratches.Put(sc)
}

// update runs a step on the record of a subject and stores what it changed.
// The step's answer is returned only once its change is stored; if the store
// fails, or too many races are lost, the answer is ErrUnavailable, whatever
// the step said.
func (e *Engine) update(ctx context.Context, key string, s step, sc *scratch) *Error {
	old, err := e.store.Get(ctx, key)
	if err != nil {
		return unavailable(err)
	}
	r := &sc.record
	for range maxRaces {
		if err := r.decode(old); err != nil {
			return unavailable(err)
		}
		changed, refusal := s.decide(r, e.now().UnixNano())
		if !changed {
			return refusal
		}
		current, swapped, err := e.store.CompareAndSwap(ctx, key, old, r.appendTo(sc.buffer[:0]), time.Unix(0, r.keepUntil()))
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

func unavailable(err error) *Error { return &Error{Kind: ErrUnavailable, Err: err} }
