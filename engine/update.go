package engine

import (
	"context"
	"errors"
	"sync"
)

// maxRaces is how often one call tries to store its change. Every lost race
// is somebody else's success, and the policy bounds those: at most its tries
// and sends. A call that still loses is refused.
const maxRaces = 64

var (
	errContended = errors.New("passcode: record changed too often")
	buffers      = sync.Pool{New: func() any { return new([512]byte) }}
)

// update runs a step on the record of a subject and stores what it changed.
// The step's answer is returned only once its change is stored; if the store
// fails, or too many races are lost, the answer is ErrUnavailable, whatever
// the step said.
func (e *Engine) update(ctx context.Context, key string, s step) *Error {
	old, err := e.store.Get(ctx, key)
	if err != nil {
		return unavailable(err)
	}
	buffer := buffers.Get().(*[512]byte)
	defer buffers.Put(buffer)
	var r record
	for range maxRaces {
		if err := r.decode(old); err != nil {
			return unavailable(err)
		}
		changed, refusal := s.decide(&r, e.now().UnixNano())
		if !changed {
			return refusal
		}
		current, swapped, err := e.store.CompareAndSwap(ctx, key, old, r.appendTo(buffer[:0]), r.keepUntil())
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
