package history

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// How many callers a history has, and how many calls it makes. All of its
// calls may fall on one key, and the checker gets slow beyond 200 of them. It
// gets slow, too, where many are unknown, and finds less: they explain much.
const (
	minCallers, maxCallers = 4, 16
	minCalls, maxCalls     = 60, 180
	maxTroubles            = 8
)

// trouble is how likely a call is troubled in each of some ways, as long as
// there are troubles left.
const trouble = 0.02

// A caller is one client of a history. It is a [store.Store] too: the way from
// the client to the store, on which it is held up and its calls and their
// replies get lost. It makes one call at a time.
type caller struct {
	id     int
	choice *rand.Rand          // draws what to ask
	fate   *rand.Rand          // draws what becomes of calls on the way
	ways   []*storetest.Faulty // to the store
	way    int                 // that the call under way takes
	hangUp context.CancelFunc  // ends the context of the call under way
	crowd  *crowd
	wake   chan struct{} // it is this caller's turn
	began  int64         // stamp of the call under way,
	left   int64         // of when it first left for the store, 0 if it has not,
	back   int64         // and of when it last came back
	calls  []porcupine.Operation
}

// A crowd is the callers of a history. Their calls and returns are put in one
// order by stamp.
type crowd struct {
	callers  []*caller
	stamp    atomic.Int64
	troubles atomic.Int64 // that are left
	turns    *turns       // nil: all run at once
}

// generator returns a generator of random numbers for one use of a seed.
func generator(seed uint64, use int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(use))) }

// newCrowd returns the callers of a history, whose number r draws. Unless the
// history is calm some of their calls will be lost before they reach the
// store, some replies on the way back, and some callers will hang up.
func newCrowd(ways []store.Store, seed uint64, r *rand.Rand) *crowd {
	crowd := new(crowd)
	if !calm(seed) {
		crowd.troubles.Store(1 + r.Int64N(maxTroubles))
	}
	for id := range minCallers + r.IntN(maxCallers-minCallers+1) {
		c := &caller{
			id: id, crowd: crowd, wake: make(chan struct{}, 1),
			choice: generator(seed, 2*id+2), fate: generator(seed, 2*id+3),
		}
		for _, way := range ways {
			c.ways = append(c.ways, storetest.NewFaulty(way, c.plan))
		}
		c.way = id % len(ways)
		crowd.callers = append(crowd.callers, c)
	}
	return crowd
}

// do has every caller work, and returns when all are done.
func (c *crowd) do(work func(*caller)) {
	var all sync.WaitGroup
	for _, caller := range c.callers {
		all.Go(func() {
			if c.turns != nil {
				<-caller.wake
				defer c.turns.next()
			}
			work(caller)
		})
	}
	if c.turns != nil {
		c.turns.waiting = append(c.turns.waiting, c.callers...)
		c.turns.next()
	}
	all.Wait()
}

// history returns what all callers did.
func (c *crowd) history() (all []porcupine.Operation) {
	for _, caller := range c.callers {
		all = append(all, caller.calls...)
	}
	return all
}

// A turns lets one caller run at a time, from one call of the store to the next,
// and draws who is next. So a seed gives one order of events, whatever the
// scheduler does. Only who has the turn may use it.
type turns struct {
	rand    *rand.Rand
	waiting []*caller
	stay    float64 // how likely the same caller goes on
}

// next gives the turn to one of those who wait.
func (t *turns) next() {
	if len(t.waiting) == 0 {
		return
	}
	i := t.rand.IntN(len(t.waiting))
	c := t.waiting[i]
	t.waiting[i] = t.waiting[len(t.waiting)-1]
	t.waiting = t.waiting[:len(t.waiting)-1]
	c.wake <- struct{}{}
}

// pause holds the caller up, so that others come between.
func (c *caller) pause() {
	t := c.crowd.turns
	if t == nil {
		for range c.fate.IntN(4) {
			runtime.Gosched()
		}
		return
	}
	if t.rand.Float64() >= t.stay {
		t.waiting = append(t.waiting, c)
		t.next()
		<-c.wake
	}
}

// begin begins a call and returns its context. The caller may hang up on its own
// in less than a millisecond, while the store is at work; but not where callers
// take turns, because nobody could repeat that.
func (c *caller) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	c.began, c.left = c.crowd.stamp.Add(1), 0
	if c.crowd.turns == nil && c.inTrouble(1) {
		ctx, c.hangUp = context.WithTimeout(ctx, time.Microsecond<<c.fate.IntN(10))
	} else {
		ctx, c.hangUp = context.WithCancel(ctx)
	}
	return ctx, c.hangUp
}

// inTrouble draws whether a call is troubled in one of so many ways.
func (c *caller) inTrouble(ways float64) bool {
	return c.fate.Float64() < ways*trouble && c.crowd.troubles.Add(-1) >= 0
}

// plan draws what becomes of a call of the store.
func (c *caller) plan(call storetest.Call) storetest.Fault {
	faults := []storetest.Fault{storetest.Before, storetest.Hang, storetest.After, storetest.After}
	if call.Op == storetest.Get {
		faults = faults[:2]
	}
	if !c.inTrouble(float64(len(faults))) {
		return storetest.None
	}
	fault := faults[c.fate.IntN(len(faults))]
	if fault == storetest.Hang {
		c.hangUp()
	}
	return fault
}

// end records the call that was begun. It took place between the moment at
// which it first left for the store and that at which it last came back, if it
// asked the store: how long the caller was held up before and after is no
// excuse for an answer.
func (c *caller) end(input, output any, err error) {
	if c.left == 0 {
		c.left, c.back = c.began, c.crowd.stamp.Add(1)
	}
	op := porcupine.Operation{ClientId: c.id, Input: input, Output: output, Call: c.left, Return: c.back}
	if err != nil {
		op.Metadata = err
	}
	c.calls = append(c.calls, op)
}

// out is a call's way to the store, and back by the function that it returns.
func (c *caller) out() (back func()) {
	c.pause()
	if now := c.crowd.stamp.Add(1); c.left == 0 {
		c.left = now
	}
	return func() {
		c.back = c.crowd.stamp.Add(1)
		c.pause()
	}
}

// Get is [store.Store].Get.
func (c *caller) Get(ctx context.Context, key string) ([]byte, error) {
	defer c.out()()
	return c.ways[c.way].Get(ctx, key)
}

// CompareAndSwap is [store.Store].CompareAndSwap.
func (c *caller) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	defer c.out()()
	return c.ways[c.way].CompareAndSwap(ctx, key, old, new, expires)
}

// Add is [store.Store].Add.
func (c *caller) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	defer c.out()()
	return c.ways[c.way].Add(ctx, key, delta, expires)
}
