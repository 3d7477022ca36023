package engine

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/store"
)

// maxRaces is how often one call tries to store its change. Every lost race
// is somebody else's success, and the policy bounds those: at most its tries
// and sends. A call that still loses is refused.
const maxRaces = 64

var errContended = errors.New("passcode: record changed too often")

// update loads the record of a subject into r, has decide change it, and
// stores what it changed. decide is one of the steps, made a function of the
// moment; it may run several times. Its answer is returned only once its
// change is stored: if the store fails, or too many races are lost, the answer
// is ErrUnavailable, whatever decide said.
func (e *Engine) update(ctx context.Context, key string, r *record, decide func(now int64) (changed bool, refusal *Error)) *Error {
	old, err := e.store.Get(ctx, key)
	if errors.Is(err, store.ErrKey) {
		return badRequest("malformed challenge id")
	}
	if err != nil {
		return unavailable(err)
	}
	buffer := e.buffers.Get().(*[512]byte)
	defer e.buffers.Put(buffer)
	for range maxRaces {
		if err := r.decode(old); err != nil {
			return unavailable(err)
		}
		changed, refusal := decide(e.now().UnixNano())
		if !changed {
			return refusal
		}
		current, swapped, err := e.store.CompareAndSwap(ctx, key, old, r.appendTo(buffer[:0]), time.Unix(0, r.keepUntil()))
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
