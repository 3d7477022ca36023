package history

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// A value is what a register holds, so that it can be compared with ==.
type value struct {
	present bool
	bytes   string
}

func valueOf(b []byte) value { return value{b != nil, string(b)} }

// slice returns the value as a store takes it, in memory of its own.
func (v value) slice() []byte {
	if !v.present {
		return nil
	}
	return []byte(v.bytes)
}

// spoil overwrites what was passed to a store or returned by it, as callers may
// who reuse their memory.
func spoil(slices ...[]byte) {
	for _, b := range slices {
		for i := range b {
			b[i] = '!'
		}
	}
}

func (v value) String() string {
	if !v.present {
		return "nothing"
	}
	return strconv.Quote(v.bytes)
}

// An ask is a call of a store.
type ask struct {
	op       storetest.Op
	key      string
	old, new value
	delta    int64
}

// A reply is what a store said. An unknown one is an error.
type reply struct {
	unknown bool
	current value // what Get or a swap that was refused found
	swapped bool
	sum     int64
}

// storeHistory has callers read, swap and add with a few keys of their own,
// and reads these at the end.
func storeHistory(ctx context.Context, ways []store.Store, seed uint64) []porcupine.Operation {
	r := generator(seed, 0)
	crowd := newCrowd(ways, seed, r)
	keys := make([]string, 1+r.IntN(3))
	for i := range keys {
		keys[i] = fmt.Sprintf("history-%s-%d", crand.Text(), i)
	}
	each := (minCalls + r.IntN(maxCalls-minCalls+1)) / len(crowd.callers)
	crowd.do(func(c *caller) {
		known := make(map[string]value)
		for n := range each {
			c.ask(ctx, c, c.draw(keys[c.choice.IntN(len(keys))], n, known), known)
		}
	})
	// The end of it without any trouble, so that what was confirmed and lost is
	// missed.
	last := crowd.callers[0]
	crowd.troubles.Store(0)
	for _, key := range keys {
		last.ask(ctx, ways[0], ask{op: storetest.Get, key: key}, nil)
		last.ask(ctx, ways[0], ask{op: storetest.Add, key: key, delta: 1}, nil)
	}
	return crowd.history()
}

// shared are values that every caller writes, so that a value comes back
// (which one that compares by anything but the value itself may miss).
var shared = [...]value{{}, {}, {true, ""}, {true, ""}, {true, "a"}, {true, "b"}}

// draw draws the caller's n-th call. known is what the caller saw last.
func (c *caller) draw(key string, n int, known map[string]value) ask {
	r := c.choice
	a := ask{key: key}
	switch draw := r.IntN(100); {
	case draw < 20:
		a.op = storetest.Get
	case draw < 40:
		a.op = storetest.Add
		a.delta = []int64{0, 1, 1, 1, 1, -1, 5, -7}[r.IntN(8)]
	default:
		a.op = storetest.CompareAndSwap
		a.old = known[key]
		if r.IntN(6) == 0 {
			a.old = shared[r.IntN(len(shared))]
		}
		a.new = value{true, fmt.Sprintf("%d of %d", n, c.id)}
		if r.IntN(3) == 0 {
			a.new = shared[r.IntN(len(shared))]
		}
	}
	return a
}

// ask makes a call, records it, and remembers in known what it told.
func (c *caller) ask(ctx context.Context, s store.Store, a ask, known map[string]value) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	var r reply
	var b []byte
	var err error
	expires := time.Now().Add(time.Hour)
	switch a.op {
	case storetest.Get:
		b, err = s.Get(ctx, a.key)
	case storetest.CompareAndSwap:
		old, new := a.old.slice(), a.new.slice()
		b, r.swapped, err = s.CompareAndSwap(ctx, a.key, old, new, expires)
		spoil(old, new)
	case storetest.Add:
		r.sum, err = s.Add(ctx, a.key, a.delta, expires)
	}
	r.current = valueOf(b)
	spoil(b)
	if err != nil {
		r = reply{unknown: true}
	}
	c.end(a, r, err)
	switch {
	case err != nil || a.op == storetest.Add || known == nil:
	case r.swapped:
		known[a.key] = a.new
	default:
		known[a.key] = r.current
	}
}
