package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// A fleet is two programs that share a store and keys.
type fleet struct {
	*bench // the first
	other  *engine.Engine
	calls  *storetest.Recorder
	seen   int
}

func newFleet(t *testing.T) *fleet {
	f := new(fleet)
	f.bench = newBench(t, func(c *engine.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		f.calls = storetest.NewRecorder(memory)
		c.Store = f.calls
	})
	var err error
	if f.other, err = engine.New(f.Config); err != nil {
		t.Fatal(err)
	}
	return f
}

// trips returns the store's calls since it was asked last.
func (f *fleet) trips() string {
	var ops []string
	calls := f.calls.Calls()
	for _, c := range calls[f.seen:] {
		ops = append(ops, string(c.Op))
	}
	f.seen = len(calls)
	return strings.Join(ops, " ")
}

func (f *fleet) want(what, trips string) {
	f.t.Helper()
	if got := f.trips(); got != trips {
		f.t.Errorf("%s took %q, want %q", what, got, trips)
	}
}

func (f *fleet) guess(e *engine.Engine, id, code string, want error) {
	f.t.Helper()
	_, err := e.Verify(f.t.Context(), id, code)
	f.check("Verify", err, want)
}

// A code checked by the program that sent it takes one trip to the store, by
// another program two; one that has been overtaken takes one more.
func TestTrips(t *testing.T) {
	t.Parallel()
	const get, swap = "Get", "CompareAndSwap"
	f := newFleet(t)
	challenge, code := f.start(someone)
	f.want("a first code", get+" "+swap)
	f.guess(f.Engine, challenge.ID, wrong(code), engine.ErrWrong)
	f.want("a wrong guess where the code was sent", swap)
	f.guess(f.other, challenge.ID, wrong(code), engine.ErrWrong)
	f.want("a wrong guess elsewhere", get+" "+swap)
	f.guess(f.other, challenge.ID, wrong(code), engine.ErrWrong)
	f.want("another one there", swap)
	f.guess(f.Engine, challenge.ID, wrong(code), engine.ErrWrong)
	f.want("a guess of who was overtaken", swap+" "+swap)
	f.guess(f.Engine, challenge.ID, code, nil)
	f.want("the right code", swap)
	f.guess(f.Engine, challenge.ID, code, engine.ErrUsed)
	f.want("the right code once more", get)
	f.guess(f.other, challenge.ID, code, engine.ErrUsed)
	f.want("the right code once more, elsewhere", swap)
	f.guess(f.other, challenge.ID, code, engine.ErrUsed)
	f.want("and again", get)

	f.advance(time.Minute)
	challenge, code = f.start(someone)
	f.want("the next code", swap)
	f.guess(f.other, challenge.ID, code, nil)
	f.want("the right code, elsewhere, where the last one is remembered", get+" "+swap)
	f.guess(f.Engine, challenge.ID, code, engine.ErrUsed)
	f.want("the same code where it was sent", swap)
	f.guess(f.Engine, challenge.ID, code, engine.ErrUsed)
	f.want("and again", get)
}

// localCalls is a store that says it is local, or that it is not.
type localCalls struct {
	*storetest.Recorder
	local bool
}

func (l localCalls) Local() bool { return l.local }

// Nothing is remembered if the configuration says so, or else the store.
func TestNoCache(t *testing.T) {
	t.Parallel()
	const cached, direct = "Get CompareAndSwap CompareAndSwap", "Get CompareAndSwap Get CompareAndSwap"
	for _, test := range []struct {
		cache int
		local bool
		want  string
	}{{0, false, cached}, {0, true, direct}, {8, true, cached}, {-1, false, direct}} {
		f := newFleet(t)
		f.Config.Store, f.Config.Cache = localCalls{f.calls, test.local}, test.cache
		var err error
		if f.Engine, err = engine.New(f.Config); err != nil {
			t.Fatal(err)
		}
		challenge, code := f.start(someone)
		f.guess(f.Engine, challenge.ID, code, nil)
		f.want(fmt.Sprintf("a code with %+v", test), test.want)
	}
}

// No refusal comes from what an engine remembers: another program may have sent
// a newer code, lifted a lock, or taken the record away.
func TestRefusalsAreNeverRemembered(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(f *fleet, old engine.Challenge){
		"cancelled, then sent anew elsewhere": func(f *fleet, old engine.Challenge) {
			f.check("Cancel", f.Engine.Cancel(f.t.Context(), old.ID), nil)
		},
		"expired, then sent anew elsewhere": func(f *fleet, old engine.Challenge) { f.advance(10 * time.Minute) },
		"locked, then past it":              func(f *fleet, old engine.Challenge) { f.lock(old) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			old, _ := f.start(someone)
			after(f, old)
			f.advance(2 * time.Hour)
			challenge, err := f.other.Start(t.Context(), someone)
			if err != nil {
				t.Fatal(err)
			}
			f.guess(f.Engine, challenge.ID, f.last().Code.Reveal(), nil)
		})
	}
	t.Run("record gone", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t)
		old, code := f.start(someone)
		key := old.ID[:24]
		value, err := f.Store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, swapped, err := f.Store.CompareAndSwap(t.Context(), key, value, nil, time.Time{}); err != nil || !swapped {
			t.Fatal(swapped, err)
		}
		f.guess(f.Engine, old.ID, code, engine.ErrUsed)
	})
}

// lock guesses until the address is closed.
func (f *fleet) lock(c engine.Challenge) {
	for range 20 {
		_, err := f.Engine.Verify(f.t.Context(), c.ID, wrong(f.last().Code.Reveal()))
		if errors.Is(err, engine.ErrLocked) {
			return
		}
		if errors.Is(err, engine.ErrUsed) {
			f.advance(31 * time.Second)
			c, _ = f.start(someone)
		}
	}
	f.t.Fatal("it does not lock")
}

// A swap whose fate is unknown is not remembered: the next call asks.
func TestUnknownSwapIsForgotten(t *testing.T) {
	t.Parallel()
	var fault storetest.Fault
	var calls []storetest.Op
	b := newBench(t, func(c *engine.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		c.Store = storetest.NewFaulty(memory, func(call storetest.Call) storetest.Fault {
			calls = append(calls, call.Op)
			if call.Op == storetest.CompareAndSwap {
				return fault
			}
			return storetest.None
		})
	})
	challenge, code := b.start(someone)
	for _, fault = range []storetest.Fault{storetest.Before, storetest.After} {
		b.verify(challenge.ID, wrong(code), engine.ErrUnavailable)
		fault, calls = storetest.None, nil
		b.verify(challenge.ID, wrong(code), engine.ErrWrong)
		if len(calls) != 2 || calls[0] != storetest.Get {
			t.Errorf("the call after an unknown outcome made %v", calls)
		}
	}
}

// A store that went back in time may bring a used code back: no code of then
// is accepted. Guesses and sends count on.
func TestRewoundCodesAreVoid(t *testing.T) {
	t.Parallel()
	for _, cache := range []int{0, -1} {
		rewinding := storetest.NewRewinding()
		b := newBench(t, func(c *engine.Config) {
			c.Store, c.Cache = rewinding, cache
			c.Policy.Sends = []policy.Budget{{Limit: 1, Window: time.Minute}, {Limit: 10, Window: policy.Day}}
		})
		challenge, code := b.start(someone)
		b.verify(challenge.ID, wrong(code), engine.ErrWrong)
		rewinding.Copy()
		b.verify(challenge.ID, code, nil)
		rewinding.Rewind()
		b.verify(challenge.ID, code, engine.ErrUsed)
		if value, err := rewinding.Get(t.Context(), challenge.ID[:24]); err != nil || len(value) == 0 || value[0] == store.Rewound[0] {
			t.Errorf("the voided record is %x, %v", value, err)
		}

		// A code from before that nobody has used is void as well; its flow
		// goes on with a new code, and what was counted still counts.
		b.advance(time.Minute)
		challenge, code = b.start(someone)
		left := b.verify(challenge.ID, wrong(code), engine.ErrWrong).AttemptsLeft
		rewinding.Copy()
		rewinding.Rewind()
		b.verify(challenge.ID, code, engine.ErrUsed)
		_, err := b.Engine.Resend(t.Context(), challenge.ID, someone)
		b.check("Resend at once", err, engine.ErrLimited)
		b.advance(time.Minute)
		again, err := b.Engine.Resend(t.Context(), challenge.ID, someone)
		b.check("Resend", err, nil)
		if got := b.verify(again.ID, wrong(b.last().Code.Reveal()), engine.ErrWrong).AttemptsLeft; got > left+2 {
			t.Errorf("%d attempts left after a rewind, %d before", got, left)
		}
		b.verify(again.ID, b.last().Code.Reveal(), nil)
	}
}

// A caller who has gone gets no answer out of what is remembered, and uses
// nothing up.
func TestEndedContextWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	challenge, code := f.start(someone)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Engine.Verify(gone, challenge.ID, code)
	f.check("Verify", err, engine.ErrUnavailable)
	f.guess(f.Engine, challenge.ID, code, nil)
}
