package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A Recorder is a [store.Store] that writes down the calls made to the one it
// wraps, so that a test can compare what two paths through a program ask of
// their store. It is safe for concurrent use. It has no Sweep.
type Recorder struct {
	inner store.Store

	mu    sync.Mutex
	calls []Call
}

var _ store.Store = (*Recorder)(nil)

// NewRecorder wraps inner.
func NewRecorder(inner store.Store) *Recorder { return &Recorder{inner: inner} }

// Calls returns the calls so far, in the order in which they began.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *Recorder) record(op Op, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, Call{Op: op, Key: key, N: len(r.calls)})
}

// Get is [store.Store].Get of the wrapped store.
func (r *Recorder) Get(ctx context.Context, key string) (value []byte, err error) {
	r.record(Get, key)
	return r.inner.Get(ctx, key)
}

// CompareAndSwap is [store.Store].CompareAndSwap of the wrapped store.
func (r *Recorder) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	r.record(CompareAndSwap, key)
	return r.inner.CompareAndSwap(ctx, key, old, new, expires)
}

// Add is [store.Store].Add of the wrapped store.
func (r *Recorder) Add(ctx context.Context, key string, delta int64, expires time.Time) (sum int64, err error) {
	r.record(Add, key)
	return r.inner.Add(ctx, key, delta, expires)
}
