package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// RunFaulty tests what callers are told by a store of which calls fail: that an
// error means unknown, and nothing else does. What was confirmed was done once
// and stays, what was refused was not done, and what failed was done once or not
// at all, so that nobody sends a change again on his own.
//
// The opener returns a store whose calls fail again and again, before or after
// their change was made, and go through in between. The best one has its
// connections cut while it waits for replies; a [Faulty] is one for what stands
// around a store. A call that takes longer than two seconds is given up. The store
// does not go back in time. One of which hardly a call fails, or goes through,
// within half a minute fails the test.
func RunFaulty(t *testing.T, open Opener) {
	for _, p := range faultProperties {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			p.tryFaulty(t, open(t, clock.now), clock, limit)
		})
	}
}

// tryFaulty runs the property on a store that would not let itself be filled.
func (p storeProperty) tryFaulty(t testing.TB, s store.Store, c *clock, limit time.Duration) {
	try(t, limit, func(pr *probe) {
		p.run(&storeProbe{probe: pr, s: s, clock: c, start: c.now()})
	})
}

var faultProperties = []storeProperty{
	{"FailedSwapsAreUnknown", failedSwapsAreUnknown},
	{"FailedAdditionsAreUnknown", failedAdditionsAreUnknown},
}

// An answer is what the caller of a change was told of it.
type answer int

const (
	unknown answer = iota
	done
	refused
)

// A tally counts calls until there are enough, of which enough have failed.
type tally struct {
	began       time.Time
	all, failed atomic.Int64
}

const enoughCalls, enoughFailed, enoughEach = 1000, 40, 30

// call makes a call with a context that ends one which hangs.
func (y *tally) call(t *storeProbe, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.ctx, 2*time.Second)
	defer cancel()
	err := f(ctx)
	y.all.Add(1)
	if err != nil {
		y.failed.Add(1)
	}
	return err
}

// enough reports whether there were enough calls.
func (y *tally) enough() bool {
	failed := y.failed.Load()
	return failed >= enoughFailed && y.all.Load()-failed >= enoughCalls
}

// more reports whether a caller who has made n calls has to go on. It is no use to
// wait all the time for failures that do not come.
func (y *tally) more(t *storeProbe, n int) bool {
	t.alive()
	deadline, _ := t.ctx.Deadline()
	return (n < enoughEach || !y.enough()) && time.Since(y.began) < deadline.Sub(y.began)/2
}

// check fails if there were not enough calls.
func (y *tally) check(t *storeProbe) {
	if !y.enough() {
		t.Fatalf("of %d calls %d failed: want %d, and %d that do not", y.all.Load(), y.failed.Load(), enoughFailed, enoughCalls)
	}
}

// insist repeats a call that changes nothing until it goes through.
func (y *tally) insist(t *storeProbe, f func(context.Context) error) {
	for y.call(t, f) != nil {
		t.alive()
	}
}

// A swapTold is a swap that a caller asked for. No two have the same new value.
type swapTold struct {
	old, new string // "" for none
	answer   answer
}

// failedSwapsAreUnknown lets callers put ever new values in each other's place.
// The values that were there one after the other make a chain from the last value
// back to none, in which every confirmed swap stands and no refused one.
func failedSwapsAreUnknown(t *storeProbe) {
	const keys, callers = 4, 16
	calls := tally{began: time.Now()}
	var swaps [callers][]swapTold
	var saw [callers][]string
	t.race(callers, func(i int) {
		key := fmt.Sprint("key/", i%keys)
		var last string
		see := func(value []byte) {
			last = string(value)
			saw[i] = append(saw[i], last)
		}
		for n := 0; calls.more(t, n); n++ {
			swap := swapTold{old: last, new: fmt.Sprintf("%d by %d", n, i)}
			var old []byte
			if swap.old != "" {
				old = []byte(swap.old)
			}
			var current []byte
			var swapped bool
			err := calls.call(t, func(ctx context.Context) (err error) {
				current, swapped, err = t.s.CompareAndSwap(ctx, key, old, []byte(swap.new), t.far())
				return err
			})
			switch {
			case err != nil && (swapped || current != nil):
				t.Fatalf("CompareAndSwap returned %s, %t and the error %v", show(current), swapped, err)
			case err != nil:
				if calls.call(t, func(ctx context.Context) (err error) { current, err = t.s.Get(ctx, key); return err }) == nil {
					see(current)
				}
			case swapped:
				swap.answer = done
				see([]byte(swap.new))
			case string(current) == swap.old:
				t.Fatalf("CompareAndSwap(%q, %q) was refused, and found just that", swap.old, swap.new)
			default:
				swap.answer = refused
				see(current)
			}
			swaps[i] = append(swaps[i], swap)
		}
	})
	for k := range keys {
		var value []byte
		calls.insist(t, func(ctx context.Context) (err error) { value, err = t.s.Get(ctx, fmt.Sprint("key/", k)); return err })
		asked := make(map[string]swapTold)
		for i := k; i < callers; i += keys {
			for _, swap := range swaps[i] {
				asked[swap.new] = swap
			}
		}
		chain := chainOf(t, string(value), asked)
		for _, swap := range asked {
			if _, there := chain[swap.new]; swap.answer == done && !there {
				t.Fatalf("the swap of %q for %q was confirmed, and is not among those that were made", swap.old, swap.new)
			}
		}
		for i := k; i < callers; i += keys {
			before := 0
			for _, value := range saw[i] {
				at, there := chain[value]
				if !there || at < before {
					t.Fatalf("a caller saw %q, which was not there, or not any more", value)
				}
				before = at
			}
		}
	}
	calls.check(t)
}

// chainOf returns the values that stood at a key, by their place, 0 for none.
func chainOf(t *storeProbe, last string, asked map[string]swapTold) map[string]int {
	t.Helper()
	var back []string
	for value := last; value != ""; value = asked[value].old {
		swap, there := asked[value]
		switch {
		case !there:
			t.Fatalf("the value %q is one that nobody wrote", value)
		case swap.answer == refused:
			t.Fatalf("the swap of %q for %q was made, and its caller was told that it was refused", swap.old, swap.new)
		}
		back = append(back, value)
	}
	chain := map[string]int{"": 0}
	for i, value := range back {
		chain[value] = len(back) - i
	}
	return chain
}

// failedAdditionsAreUnknown gives every addition a digit of its own in a counter,
// to the base of 4, so that the sum tells how often each was made.
func failedAdditionsAreUnknown(t *storeProbe) {
	const digits, callers = 31, 16
	calls := tally{began: time.Now()}
	var next atomic.Int64
	var mu sync.Mutex
	var answers []answer
	sums := make(map[string]bool) // that were returned, with their counter
	key := func(n int64) string { return fmt.Sprint("counter/", n/digits) }
	digit := func(sum, n int64) int64 { return sum >> (2 * (n % digits)) & 3 }
	t.race(callers, func(int) {
		for mine := 0; calls.more(t, mine); mine++ {
			n := next.Add(1) - 1
			var sum int64
			err := calls.call(t, func(ctx context.Context) (err error) {
				sum, err = t.s.Add(ctx, key(n), 1<<(2*(n%digits)), t.far())
				return err
			})
			mu.Lock()
			for int64(len(answers)) <= n {
				answers = append(answers, unknown)
			}
			twice := false
			if err == nil {
				name := fmt.Sprint(key(n), " ", sum)
				twice = sums[name]
				sums[name], answers[n] = true, done
			}
			mu.Unlock()
			switch {
			case twice:
				t.Fatalf("two additions returned the same sum")
			case err == nil && digit(sum, n) != 1:
				t.Fatalf("the sum of an addition has it %d times", digit(sum, n))
			}
		}
	})
	var sum int64
	for n, answer := range answers {
		n := int64(n)
		if n%digits == 0 {
			calls.insist(t, func(ctx context.Context) (err error) { sum, err = t.s.Add(ctx, key(n), 0, t.far()); return err })
		}
		switch times := digit(sum, n); {
		case times > 1:
			t.Fatalf("an addition was made %d times", times)
		case times == 0 && answer == done:
			t.Fatalf("an addition was confirmed and is not in the sum")
		}
	}
	calls.check(t)
}
