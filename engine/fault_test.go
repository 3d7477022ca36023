package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// faultyBench returns a bench whose store fails as *fault says, for the calls
// of one method.
func faultyBench(t *testing.T, configure ...func(*engine.Config)) (b *bench, plan *atomic.Pointer[func(storetest.Call) storetest.Fault]) {
	plan = new(atomic.Pointer[func(storetest.Call) storetest.Fault])
	b = newBench(t, func(c *engine.Config) {
		for _, f := range configure {
			f(c)
		}
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		c.Store = storetest.NewFaulty(memory, func(call storetest.Call) storetest.Fault {
			if f := plan.Load(); f != nil {
				return (*f)(call)
			}
			return storetest.None
		})
	})
	return b, plan
}

func failOn(op storetest.Op, fault storetest.Fault) *func(storetest.Call) storetest.Fault {
	f := func(call storetest.Call) storetest.Fault {
		if call.Op == op {
			return fault
		}
		return storetest.None
	}
	return &f
}

// Whatever a store fails at, before or after it did what was asked: nothing is
// accepted, nothing is sent, and what was perhaps counted stays counted.
func TestStoreFailureNeverAccepts(t *testing.T) {
	t.Parallel()
	for _, op := range []storetest.Op{storetest.Get, storetest.CompareAndSwap} {
		for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
			// What is remembered would spare the Get that is to fail.
			b, plan := faultyBench(t, func(c *engine.Config) { c.Cache = -1 })
			challenge, code := b.start(someone)
			sent := b.sent()

			plan.Store(failOn(op, fault))
			e := b.verify(challenge.ID, code, engine.ErrUnavailable)
			if !errors.Is(e, storetest.ErrInjected) {
				t.Errorf("%v does not wrap the store's error", e)
			}
			_, err := b.Engine.Start(t.Context(), someone)
			b.check("Start", err, engine.ErrUnavailable)
			if fault == storetest.Before {
				b.check("Cancel", b.Engine.Cancel(t.Context(), challenge.ID), engine.ErrUnavailable)
			}
			if b.sent() != sent {
				t.Errorf("%s fails %v: a code was sent that is perhaps not stored", op, fault)
			}

			plan.Store(nil)
			// A swap whose reply was lost has used the code up; any other
			// failure left it alone.
			want := error(nil)
			if op == storetest.CompareAndSwap && fault == storetest.After {
				want = engine.ErrUsed
			}
			b.verify(challenge.ID, code, want)
			if got := b.kinds(); got != "started sent" && got != "started sent verified" {
				t.Errorf("%s fails %v: events %s", op, fault, got)
			}
		}
	}
}

func TestLostRepliesCountGuesses(t *testing.T) {
	t.Parallel()
	b, plan := faultyBench(t)
	challenge, code := b.start(someone)
	plan.Store(failOn(storetest.CompareAndSwap, storetest.After))
	for range 5 {
		b.verify(challenge.ID, wrong(code), engine.ErrUnavailable)
	}
	plan.Store(nil)
	b.verify(challenge.ID, code, engine.ErrUsed)
}

// A step must run on what the store really holds, and again for every race
// that it loses.
func TestEndlessRacesAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		c.Store = &losing{Store: memory}
	})
	challenge, code := b.start(someone)
	b.Store.(*losing).lose.Store(true)
	b.verify(challenge.ID, code, engine.ErrUnavailable)
	b.Store.(*losing).lose.Store(false)
	b.verify(challenge.ID, code, nil)
}

// losing is a store on which somebody else is always faster.
type losing struct {
	store.Store
	lose atomic.Bool
}

func (l *losing) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	if l.lose.Load() {
		current, err := l.Get(ctx, key)
		return current, false, err
	}
	return l.Store.CompareAndSwap(ctx, key, old, new, expires)
}

func TestMalformedRecordIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	key := challenge.ID[:24]
	old, _ := b.Store.Get(t.Context(), key)
	for _, bad := range [][]byte{{}, {9}, old[:len(old)-1], append([]byte{old[0] + 16}, old[1:]...)} {
		if _, ok, err := b.Store.CompareAndSwap(t.Context(), key, old, bad, start.Add(time.Hour)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		b.verify(challenge.ID, code, engine.ErrUnavailable)
		_, err := b.Engine.Start(t.Context(), someone)
		b.check("Start", err, engine.ErrUnavailable)
		old = bad
	}
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	sent := b.sent()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Engine.Verify(ctx, challenge.ID, code)
	b.check("Verify", err, engine.ErrUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	_, err = b.Engine.Start(ctx, someone)
	b.check("Start", err, engine.ErrUnavailable)
	if b.sent() != sent {
		t.Error("something was sent")
	}
	b.verify(challenge.ID, code, nil)
}

// What each kind of delivery error does to the code and to the caller.
func TestDeliveryOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		err    error
		kind   error
		events string
	}{
		{"temporary", &delivery.Error{Kind: delivery.Temporary}, delivery.ErrTemporary, "started delivery_failed"},
		{"throttled", &delivery.Error{Kind: delivery.Throttled, RetryAfter: 3 * time.Second}, delivery.ErrThrottled, "started delivery_failed"},
		{"rejected", &delivery.Error{Kind: delivery.Rejected}, delivery.ErrRejected, "started delivery_failed"},
		{"configuration", &delivery.Error{Kind: delivery.Configuration}, delivery.ErrConfiguration, "started delivery_failed"},
		{"ambiguous", &delivery.Error{Kind: delivery.Ambiguous}, nil, "started sent"},
		{"anything else", errors.New("?"), nil, "started sent"},
		{"time-out", context.DeadlineExceeded, nil, "started sent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.fail = func(context.Context, delivery.Message) error { return tc.err }
			challenge, err := b.Engine.Start(t.Context(), someone)
			code := b.last().Code.Reveal()
			if tc.kind == nil {
				if err != nil || !challenge.Unconfirmed {
					t.Fatalf("%+v, %v", challenge, err)
				}
				if !b.events[1].Unconfirmed || b.events[1].Err == nil {
					t.Errorf("event %+v", b.events[1])
				}
				b.verify(challenge.ID, code, nil)
			} else {
				e := b.check("Start", err, engine.ErrDelivery)
				if !errors.Is(err, tc.kind) {
					t.Errorf("%v is not %v", err, tc.kind)
				}
				if tc.name == "throttled" && e.RetryAfter != 3*time.Second {
					t.Errorf("retry after %v", e.RetryAfter)
				}
				_, err = b.Engine.VerifyAddress(t.Context(), someone, code)
				b.check("VerifyAddress", err, engine.ErrUsed)
			}
			if got := b.kinds(); got[:len(tc.events)] != tc.events {
				t.Errorf("events: %s", got)
			}
			// Whatever the provider said, the send counts.
			for range 4 {
				b.Engine.Start(t.Context(), someone)
			}
			_, err = b.Engine.Start(t.Context(), someone)
			b.check("sixth Start", err, engine.ErrLimited)
		})
	}
}

// A provider that hangs is given up after SendTimeout, and its code stays
// valid: the message may be on its way.
func TestSendTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) { c.SendTimeout = time.Millisecond })
	b.fail = func(ctx context.Context, _ delivery.Message) error {
		<-ctx.Done()
		return ctx.Err()
	}
	challenge, code := b.start(someone)
	if !challenge.Unconfirmed {
		t.Error("a send without an answer is confirmed")
	}
	b.verify(challenge.ID, code, nil)
}
