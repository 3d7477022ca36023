package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What many callers see at once.
var raceProperties = []storeProperty{
	{"OneWinner", oneWinner},
	{"NoLostUpdate", noLostUpdate},
	{"SwapsMakeALock", swapsMakeALock},
	{"SumsAreUnique", sumsAreUnique},
	{"ReadersSeeFinishedSwaps", readersSeeFinishedSwaps},
	{"EachGetsItsOwnAnswer", eachGetsItsOwnAnswer},
}

// oneWinner lets many callers with the same old create, replace and delete.
func oneWinner(t *storeProbe) {
	const racers = 32
	began := time.Now()
	var before []byte
	for n := 0; t.more(began, n, 8); n++ {
		name := func(i int) []byte {
			if n%4 == 3 {
				return nil // this round deletes
			}
			return fmt.Appendf(nil, "round %d by %d", n, i)
		}
		var mu sync.Mutex
		var winners []int
		var found [][]byte
		t.race(racers, func(i int) {
			current, swapped := t.cas("key", before, name(i), t.far())
			mu.Lock()
			defer mu.Unlock()
			if swapped {
				winners = append(winners, i)
			} else {
				found = append(found, current)
			}
		})
		if len(winners) != 1 {
			t.Fatalf("round %d: %d of %d racers with the same old value were told swapped", n, len(winners), racers)
		}
		after := name(winners[0])
		for _, current := range found {
			if !same(current, after) {
				t.Fatalf("round %d: a loser found %s, but the winner wrote %s", n, show(current), show(after))
			}
		}
		t.want("key", after)
		before = after
	}
}

// noLostUpdate lets writers count in one value, each in its own place. Two who
// are told swapped with the same old value leave only one of their counts.
func noLostUpdate(t *storeProbe) {
	const writers, each = 16, 6
	began := time.Now()
	var swaps [writers]uint32
	t.race(writers, func(i int) {
		var old []byte
		for n := 0; t.more(began, n, each); n++ {
			for {
				t.alive()
				new := make([]byte, 4*writers)
				copy(new, old)
				place := new[4*i:]
				binary.BigEndian.PutUint32(place, binary.BigEndian.Uint32(place)+1)
				current, swapped := t.cas("key", old, new, t.far())
				if swapped {
					swaps[i]++
					old = new
					break
				}
				if current != nil && len(current) != len(new) {
					t.Fatalf("CompareAndSwap found %s, which nobody wrote", show(current))
				}
				old = current
			}
		}
	})
	value := t.get("key")
	for i, n := range swaps {
		if counted := binary.BigEndian.Uint32(value[4*i:]); counted != n {
			t.Fatalf("writer %d was told swapped %d times, the value counts %d", i, n, counted)
		}
	}
}

// swapsMakeALock races creation with deletion: who creates the record holds
// it, until it deletes it.
func swapsMakeALock(t *storeProbe) {
	const callers, each = 16, 3
	began := time.Now()
	var holder atomic.Int64
	t.race(callers, func(i int) {
		mine := fmt.Appendf(nil, "held by %d", i)
		for n := 0; t.more(began, n, each); n++ {
			for {
				t.alive()
				if _, swapped := t.cas("lock", nil, mine, t.far()); swapped {
					break
				}
			}
			if !holder.CompareAndSwap(0, int64(i)+1) {
				t.Fatalf("two callers created the same record")
			}
			t.want("lock", mine)
			t.refuse("lock", nil, mine, mine)
			holder.Store(0)
			t.put("lock", mine, nil, t.far())
		}
	})
	t.want("lock", nil)
}

func sumsAreUnique(t *storeProbe) {
	const callers, each, most = 32, 5, 2000
	began := time.Now()
	sums := make([][]int64, callers)
	t.race(callers, func(i int) {
		for n := 0; n < most && t.more(began, n, each); n++ {
			sum := t.add("up", 1)
			if n > 0 && sum <= sums[i][n-1] {
				t.Fatalf("a caller's additions returned %d and then %d", sums[i][n-1], sum)
			}
			sums[i] = append(sums[i], sum)
		}
		t.add("both", int64(1-2*(i%2))*int64(i/2+1))
	})
	all := slices.Concat(sums...)
	slices.Sort(all)
	for i, sum := range all {
		if sum != int64(i)+1 {
			t.Fatalf("of %d additions of 1 to a new counter one returned %d, where %d is next", len(all), sum, i+1)
		}
	}
	t.sum("up", 0, int64(len(all)))
	t.sum("both", 0, 0)
}

// readersSeeFinishedSwaps: a reader sees what was written before it began, or
// something newer, and never goes back. Likewise for counters.
func readersSeeFinishedSwaps(t *storeProbe) {
	const versions, readers = 60, 7
	began := time.Now()
	var begun, finished atomic.Int64
	var done atomic.Bool
	version := func(n int64) []byte {
		if n == 0 {
			return nil
		}
		// A value half written, or one read while it is overwritten, differs.
		return bytes.Repeat(fmt.Appendf(nil, "%08d", n), 20+int(n%10))
	}
	t.race(1+readers, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for n := 1; t.more(began, n, versions); n++ {
				n := int64(n)
				begun.Store(n)
				t.put("key", version(n-1), version(n), t.far())
				t.sum("key", 1, n)
				finished.Store(n)
			}
			return
		}
		for last, lastSum := int64(0), int64(0); !done.Load(); {
			t.alive()
			atLeast := max(last, finished.Load())
			v := t.get("key")
			atMost := begun.Load()
			var n int64
			if len(v) > 8 {
				n, _ = strconv.ParseInt(string(v[:8]), 10, 64)
			}
			if !same(v, version(n)) {
				t.Fatalf("Get returned %s, which was never written", show(v))
			}
			if n < atLeast || n > atMost {
				t.Fatalf("Get returned version %d while %d to %d were current", n, atLeast, atMost)
			}
			last = n

			atLeast = max(lastSum, finished.Load())
			sum := t.add("key", 0)
			if atMost := begun.Load(); sum < atLeast || sum > atMost {
				t.Fatalf("Add of 0 returned %d while %d to %d were current", sum, atLeast, atMost)
			}
			lastSum = sum
		}
	})
}

// eachGetsItsOwnAnswer mixes calls of every outcome, as they meet in a store
// that carries many writes at once.
func eachGetsItsOwnAnswer(t *storeProbe) {
	const callers = 32
	shared := []byte("shared")
	t.put("shared", nil, shared, t.far())
	began := time.Now()
	t.race(callers, func(i int) {
		for round := 0; round < 50 && t.more(began, round, 3); round++ {
			key := fmt.Sprintf("own/%d/%d", i, round)
			value := fmt.Appendf(nil, "value of %s", key)
			switch i % 4 {
			case 0:
				t.put(key, nil, value, t.far())
				t.put(key, value, append(value, '+'), t.far())
				t.want(key, append(value, '+'))
			case 1:
				t.refuse(key, value, value, nil)
				t.refuse("shared", value, nil, shared)
				t.want(key, nil)
			case 2:
				t.put(key, nil, value, t.far())
				t.put(key, value, nil, t.far())
				t.want(key, nil)
			case 3:
				t.sum(key, int64(i), int64(i))
				t.sum(key, int64(round), int64(i+round))
			}
		}
	})
	t.want("shared", shared)
}
