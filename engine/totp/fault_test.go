package totp_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// nobody is a store that must not be called.
type nobody struct{ store.Store }

// faultyBench returns a bench whose store fails as *plan says.
func faultyBench(t *testing.T) (b *bench, plan *atomic.Pointer[func(storetest.Call) storetest.Fault]) {
	t.Helper()
	plan = new(atomic.Pointer[func(storetest.Call) storetest.Fault])
	b = newBench(t, func(c *totp.Config) {
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

// Whatever the store fails at, before or after it did what was asked: nothing
// is accepted. A reply that was lost may cost a code, never accept it twice.
func TestStoreFailureNeverAccepts(t *testing.T) {
	t.Parallel()
	for _, op := range []storetest.Op{storetest.Get, storetest.CompareAndSwap} {
		for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
			b, plan := faultyBench(t)
			e := b.enrolled(ada)
			code, recovery := b.code(e, 0), e.RecoveryCodes[4].Reveal()

			plan.Store(failOn(op, fault))
			_, refusal := b.verify(ada, code, engine.ErrUnavailable)
			if !errors.Is(refusal, storetest.ErrInjected) {
				t.Errorf("%v does not wrap the store's error", refusal)
			}
			b.recover(ada, recovery, engine.ErrUnavailable)
			b.verify(ada, b.wrong(e), engine.ErrUnavailable)
			if _, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: "new"}); !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("Enrol: %v", err)
			}
			if op == storetest.Get {
				b.status(ada, engine.ErrUnavailable)
				b.check("Remove", b.Apps.Remove(t.Context(), ada, e.ID), engine.ErrUnavailable)
				b.check("Unlock", b.Apps.Unlock(t.Context(), ada), engine.ErrUnavailable)
			}

			plan.Store(nil)
			var used, spent error
			if op == storetest.CompareAndSwap && fault == storetest.After {
				used, spent = totp.ErrReplayed, engine.ErrWrong
			}
			b.verify(ada, code, used)
			b.recover(ada, recovery, spent)
			b.verify(ada, code, totp.ErrReplayed)
			b.recover(ada, recovery, engine.ErrWrong)
			if left := len(b.status(ada, nil).RecoveryCodes); left != 9 {
				t.Errorf("%d recovery codes are left", left)
			}
		}
	}
}

// Guesses of which no reply came were counted.
func TestLostRepliesAreCounted(t *testing.T) {
	t.Parallel()
	b, plan := faultyBench(t)
	e := b.enrolled(ada)
	plan.Store(failOn(storetest.CompareAndSwap, storetest.After))
	for range 10 {
		b.verify(ada, b.wrong(e), engine.ErrUnavailable)
	}
	plan.Store(nil)
	b.verify(ada, b.code(e, 0), engine.ErrLocked)
}

// The first code whose reply was lost makes the app the user's all the same.
func TestLostFirstReply(t *testing.T) {
	t.Parallel()
	b, plan := faultyBench(t)
	e := b.enrol(ada)
	plan.Store(failOn(storetest.CompareAndSwap, storetest.After))
	b.verify(ada, b.code(e, 0), engine.ErrUnavailable)
	plan.Store(nil)
	b.verify(ada, b.code(e, 0), totp.ErrReplayed)
	if proof, _ := b.verify(ada, b.code(e, 1), nil); proof.Enrolled || !b.status(ada, nil).Verified {
		t.Errorf("%+v", proof)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrolled(ada)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Apps.Verify(ctx, ada, b.code(e, 0))
	if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	b.verify(ada, b.code(e, 0), nil)
}

// A contended store lets every swap fail.
type contended struct {
	store.Store
	swaps atomic.Int64
}

func (c *contended) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	c.swaps.Add(1)
	current, err := c.Get(ctx, key)
	return current, false, err
}

func TestTooManyLostRaces(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrolled(ada)
	lost := &contended{Store: b.Config.Store}
	other := newBench(t, func(c *totp.Config) { c.Store, c.Now = lost, b.Now })
	other.verify(ada, b.code(e, 0), engine.ErrUnavailable)
	if n := lost.swaps.Load(); n != 64 {
		t.Errorf("%d swaps were tried", n)
	}
	b.verify(ada, b.code(e, 0), nil)
}

// What cannot have been written by this package is no app, and no permission.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	var key string
	watch := new(spy)
	b := newBench(t, func(c *totp.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store = memory
		c.Store = watch
	})
	e := b.enrolled(ada)
	key = watch.key
	good, err := b.Config.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(value []byte) {
		t.Helper()
		old, err := b.Config.Store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, err := b.Config.Store.CompareAndSwap(t.Context(), key, old, value, start.Add(1e6*time.Hour)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	flipped := func(at int) []byte {
		value := append([]byte(nil), good...)
		value[at] ^= 0x10
		return value
	}
	for name, value := range map[string][]byte{
		"empty":              {},
		"cut":                good[:len(good)-1],
		"another version":    flipped(0),
		"another app's id":   flipped(20),
		"another ciphertext": flipped(len(good) - 1),
	} {
		put(value)
		for _, err := range []error{
			func() error { _, err := b.Apps.Verify(t.Context(), ada, b.code(e, 0)); return err }(),
			func() error { _, err := b.Apps.Recover(t.Context(), ada, e.RecoveryCodes[0].Reveal()); return err }(),
			func() error { _, err := b.Apps.Status(t.Context(), ada); return err }(),
		} {
			if !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	put(good)
	b.verify(ada, b.code(e, 0), nil)
}

func TestClockOutOfRange(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Unix(-1, 999_999_999), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<62, 0)} {
		b := newBench(t)
		e := b.enrolled(ada)
		code := b.code(e, 0)
		b.set(now)
		b.verify(ada, code, engine.ErrUnavailable)
		b.recover(ada, e.RecoveryCodes[0].Reveal(), engine.ErrUnavailable)
		b.status(ada, engine.ErrUnavailable)
		_, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada})
		b.check("Enrol", err, engine.ErrUnavailable)
		b.set(start.Add(90 * time.Second))
		b.verify(ada, code, nil)
	}
}
