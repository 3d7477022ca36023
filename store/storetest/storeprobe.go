package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A storeProperty is one thing that the contract of store.Store says.
type storeProperty struct {
	name string
	run  func(t *storeProbe)
}

var storeProperties = slices.Concat(
	swapProperties,
	keyProperties,
	counterProperties,
	aliasProperties,
	cancelProperties,
	raceProperties,
	expiryProperties,
	sweepProperties,
)

// try runs the property between filling the store and looking whether what it
// was filled with is unharmed.
func (p storeProperty) try(t testing.TB, s store.Store, c *clock, limit time.Duration) (skipped string) {
	return try(t, limit, func(pr *probe) {
		sp := &storeProbe{probe: pr, s: s, clock: c, start: c.now()}
		sp.fill()
		defer sp.checkNeighbours()
		p.run(sp)
	})
}

// A storeProbe is a store under test with short ways to call it that fail the
// property on any error.
type storeProbe struct {
	*probe
	s     store.Store
	clock *clock
	start time.Time // where the clock stood when the property began
}

// far returns a time that no property moves the clock to.
func (t *storeProbe) far() time.Time { return t.start.Add(10_000 * time.Hour) }

func (t *storeProbe) get(key string) []byte {
	t.Helper()
	v, err := t.s.Get(t.ctx, key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return v
}

// want fails unless the value at key is exactly value; nil means absent.
func (t *storeProbe) want(key string, value []byte) {
	t.Helper()
	if v := t.get(key); !same(v, value) {
		t.Fatalf("Get(%q) = %s, want %s", key, show(v), show(value))
	}
}

// cas is CompareAndSwap with the rule for its results that always holds: who
// swaps gets no current value.
func (t *storeProbe) cas(key string, old, new []byte, expires time.Time) (current []byte, swapped bool) {
	t.Helper()
	current, swapped, err := t.s.CompareAndSwap(t.ctx, key, old, new, expires)
	if err != nil {
		t.Fatalf("CompareAndSwap(%q, %s, %s): %v", key, show(old), show(new), err)
	}
	if swapped && current != nil {
		t.Fatalf("CompareAndSwap(%q, %s, %s) swapped and returned %s, want nil", key, show(old), show(new), show(current))
	}
	return current, swapped
}

// put swaps and fails unless it was told swapped.
func (t *storeProbe) put(key string, old, new []byte, expires time.Time) {
	t.Helper()
	if current, swapped := t.cas(key, old, new, expires); !swapped {
		t.Fatalf("CompareAndSwap(%q, %s, %s) found %s, want swapped", key, show(old), show(new), show(current))
	}
}

// refuse swaps and fails unless it was refused, told current, and current is
// still there.
func (t *storeProbe) refuse(key string, old, new, current []byte) {
	t.Helper()
	found, swapped := t.cas(key, old, new, t.far())
	if swapped {
		t.Fatalf("CompareAndSwap(%q, %s, %s) swapped, but the value was %s", key, show(old), show(new), show(current))
	}
	if !same(found, current) {
		t.Fatalf("CompareAndSwap(%q, %s, %s) returned %s, want the current value %s", key, show(old), show(new), show(found), show(current))
	}
	t.want(key, current)
}

func (t *storeProbe) addUntil(key string, delta int64, expires time.Time) int64 {
	t.Helper()
	sum, err := t.s.Add(t.ctx, key, delta, expires)
	if err != nil {
		t.Fatalf("Add(%q, %d): %v", key, delta, err)
	}
	return sum
}

func (t *storeProbe) add(key string, delta int64) int64 {
	t.Helper()
	return t.addUntil(key, delta, t.far())
}

// sum fails unless adding delta gives sum.
func (t *storeProbe) sum(key string, delta, sum int64) {
	t.Helper()
	if got := t.add(key, delta); got != sum {
		t.Fatalf("Add(%q, %d) = %d, want %d", key, delta, got, sum)
	}
}

const neighbours, neighbourCounters = 64, 8

func neighbour(i int) (key string, value []byte) {
	r := rand.New(rand.NewPCG(uint64(i), 0))
	value = make([]byte, 200)
	for j := range value {
		value[j] = byte(r.Uint32())
	}
	return fmt.Sprintf("neighbour/%02d", i), value
}

// fill writes the neighbours, all at once so that a store which groups writes
// is quick.
func (t *storeProbe) fill() {
	t.race(neighbours, func(i int) {
		key, value := neighbour(i)
		t.put(key, nil, value, t.far())
		if i < neighbourCounters {
			t.sum(key, int64(i), int64(i))
		}
	})
}

// checkNeighbours runs deferred, also after a failure. It is silent then: one
// fault is enough.
func (t *storeProbe) checkNeighbours() {
	if t.hasFailed() {
		return
	}
	for i := range neighbours {
		key, value := neighbour(i)
		if v := t.get(key); !bytes.Equal(v, value) {
			t.Fatalf("a neighbour was harmed: Get(%q) = %s, want %s", key, show(v), show(value))
		}
		if i < neighbourCounters {
			t.sum(key, 0, int64(i))
		}
	}
}

// churn makes n short-lived values and counters beside, which is when a store
// without goroutines collects, and tells a Sweeper to sweep.
func (t *storeProbe) churn(n int) {
	t.Helper()
	t.race(16, func(i int) {
		for j := i; j < n; j += 16 {
			key := fmt.Sprintf("churn/%d", j)
			soon := t.clock.now().Add(time.Second)
			t.cas(key, t.get(key), fmt.Append(nil, j), soon)
			t.addUntil(key, 1, soon)
		}
	})
	if s, ok := t.s.(Sweeper); ok {
		if _, err := s.Sweep(t.ctx); err != nil {
			t.Fatalf("Sweep: %v", err)
		}
	}
}

// same reports whether a and b are the same value, where nil is none.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// show prints a value so that nil, empty and long are told apart.
func show(v []byte) string {
	switch {
	case v == nil:
		return "nil"
	case len(v) > 40:
		return fmt.Sprintf("%q... (%d bytes)", v[:40], len(v))
	}
	return fmt.Sprintf("%q", v)
}

// doneContexts returns contexts that are done, by what Err says of them.
func doneContexts() map[error]context.Context {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	cancel()
	return map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late}
}
