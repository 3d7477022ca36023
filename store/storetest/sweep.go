package storetest

import (
	"errors"
	"fmt"
	"time"
)

// What Sweep removes, where a store has it.
var sweepProperties = []storeProperty{
	{"SweepRemovesOnlyTheDead", sweepRemovesOnlyTheDead},
	{"SweepBesideWriters", sweepBesideWriters},
	{"SweepHeedsContext", sweepHeedsContext},
}

func (t *storeProbe) sweeper() Sweeper {
	s, ok := t.s.(Sweeper)
	if !ok {
		t.skip("the store has no Sweep")
	}
	return s
}

func (t *storeProbe) sweep() int {
	t.Helper()
	n, err := t.sweeper().Sweep(t.ctx)
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	return n
}

func sweepRemovesOnlyTheDead(t *storeProbe) {
	t.sweeper()
	const each = 20
	soon, late := t.start.Add(near), t.start.Add(48*time.Hour)
	dead, live := []byte("dead"), []byte("live")
	key := func(i int) string { return fmt.Sprintf("key/%d", i) }
	t.race(each, func(i int) {
		// One key names a dead value and a live counter, or the other way
		// round, or two of the same.
		value, valueUntil, counterUntil := dead, soon, late
		if i%2 == 0 {
			value, valueUntil = live, late
		}
		if i%4 < 2 {
			counterUntil = soon
		}
		t.put(key(i), nil, value, valueUntil)
		t.addUntil(key(i), 7, counterUntil)
	})
	if n := t.sweep(); n != 0 {
		t.Fatalf("Sweep removed %d records, but all were live", n)
	}
	t.clock.set(soon.Add(time.Minute))
	if n := t.sweep(); n < 0 || n > each {
		t.Fatalf("Sweep removed %d records, but %d were dead", n, each)
	}
	for i := range each {
		if i%2 == 0 {
			t.want(key(i), live)
		} else {
			t.want(key(i), nil)
		}
		if i%4 < 2 {
			t.sum(key(i), 0, 0)
		} else if sum := t.addUntil(key(i), 0, late); sum != 7 {
			t.Fatalf("Sweep made a live counter of 7 one of %d", sum)
		}
	}
	if n := t.sweep(); n != 0 {
		t.Fatalf("a second Sweep removed %d records, but all were live", n)
	}
	t.clock.set(late.Add(time.Minute))
	t.sweep()
	for i := range each {
		t.want(key(i), nil)
		t.sum(key(i), 0, 0)
	}
}

// sweepBesideWriters renews dead records while others sweep. Who was told that
// a record now lives long must find it.
func sweepBesideWriters(t *storeProbe) {
	t.sweeper()
	const writers, sweepers = 12, 4
	began := time.Now()
	for round := 0; round < 50 && t.more(began, round, 3); round++ {
		soon := t.clock.now().Add(near)
		value, renewed := []byte("value"), []byte("renewed")
		key := func(i, j int) string { return fmt.Sprintf("key/%d/%d/%d", round, i, j) }
		t.race(writers, func(i int) {
			for j := range 4 {
				t.put(key(i, j), nil, value, soon)
				t.addUntil(key(i, j), 3, soon)
			}
		})
		t.clock.set(soon.Add(time.Second))
		t.race(writers+sweepers, func(i int) {
			if i >= writers {
				for range 4 {
					t.sweep()
				}
				return
			}
			for j := range 4 {
				if current, swapped := t.cas(key(i, j), value, renewed, t.far()); !swapped {
					if current != nil {
						t.Fatalf("a dead record that was %s became %s", show(value), show(current))
					}
					t.put(key(i, j), nil, renewed, t.far())
				}
				sum := t.add(key(i, j), 1)
				t.want(key(i, j), renewed)
				t.sum(key(i, j), 1, sum+1)
			}
		})
		t.sweep()
		for i := range writers {
			for j := range 4 {
				t.want(key(i, j), renewed)
			}
		}
	}
}

func sweepHeedsContext(t *storeProbe) {
	s := t.sweeper()
	t.put("key", nil, []byte("value"), t.far())
	for want, ctx := range doneContexts() {
		if _, err := s.Sweep(ctx); !errors.Is(err, want) {
			t.Fatalf("Sweep with a done context returned %v, want %v", err, want)
		}
	}
	t.want("key", []byte("value"))
}
