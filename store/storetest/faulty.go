package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/store"
)

// ErrInjected is what a call returns that a [Faulty] fails with Before or
// After.
var ErrInjected = errors.New("storetest: injected fault")

// An Op names a method of [store.Store].
type Op string

// The methods of store.Store.
const (
	Get            Op = "Get"
	CompareAndSwap Op = "CompareAndSwap"
	Add            Op = "Add"
)

// A Call is one call of a store, without its values.
type Call struct {
	Op  Op
	Key string
	N   int // how many calls the wrapper saw before, of any method
}

// A Fault is what happens to a call.
type Fault int

// The faults.
const (
	None   Fault = iota // the call goes through
	Before              // the call fails and nothing was done
	After               // what was asked is done, but the reply is lost
	Hang                // nothing is done until the context of the call ends, and then it fails
)

// A Faulty is a [store.Store] that fails calls of the one it wraps, by plan.
// It is safe for concurrent use. It has no Sweep.
type Faulty struct {
	inner store.Store
	plan  func(Call) Fault
	n     atomic.Int64
}

var _ store.Store = (*Faulty)(nil)

// NewFaulty wraps inner. plan is called at the beginning of every call and
// says what happens to it. Concurrent calls call plan concurrently, so a plan
// that keeps a state guards it. A plan may block, on a channel say, which
// delays its call and no other; the context of the call is looked at once plan
// has returned.
func NewFaulty(inner store.Store, plan func(Call) Fault) *Faulty {
	return &Faulty{inner: inner, plan: plan}
}

// Get is [store.Store].Get, or it returns ErrInjected.
func (f *Faulty) Get(ctx context.Context, key string) (value []byte, err error) {
	err = f.do(ctx, Get, key, func() (err error) { value, err = f.inner.Get(ctx, key); return err })
	if err != nil {
		return nil, err
	}
	return value, nil
}

// CompareAndSwap is [store.Store].CompareAndSwap, or it returns ErrInjected.
func (f *Faulty) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	err = f.do(ctx, CompareAndSwap, key, func() (err error) {
		current, swapped, err = f.inner.CompareAndSwap(ctx, key, old, new, expires)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return current, swapped, nil
}

// Add is [store.Store].Add, or it returns ErrInjected.
func (f *Faulty) Add(ctx context.Context, key string, delta int64, expires time.Time) (sum int64, err error) {
	err = f.do(ctx, Add, key, func() (err error) { sum, err = f.inner.Add(ctx, key, delta, expires); return err })
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// do makes the call by plan. An error of the wrapped store comes before an
// injected one.
func (f *Faulty) do(ctx context.Context, op Op, key string, call func() error) error {
	fault := f.plan(Call{Op: op, Key: key, N: int(f.n.Add(1)) - 1})
	switch fault {
	case Before:
		return ErrInjected
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	}
	if err := call(); err != nil {
		return err
	}
	if fault == After {
		return ErrInjected
	}
	return nil
}
