package engine

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
)

func cacheKey(n int) string { return fmt.Sprintf("c.%022d", n) }

func TestCacheRemembersCopies(t *testing.T) {
	t.Parallel()
	c := newCache(100)
	value := []byte("first")
	c.place(cacheKey(1)).put(value)
	value[0] = 'X'
	room := make([]byte, 0, cacheValue)
	got := c.place(cacheKey(1)).get(room)
	if string(got) != "first" || &got[0] != &room[:1][0] {
		t.Errorf("got %q", got)
	}
	got[0] = 'Y'
	if got := c.place(cacheKey(1)).get(nil); string(got) != "first" {
		t.Errorf("what was given out is remembered: %q", got)
	}
	c.place(cacheKey(1)).put([]byte("second, and longer"))
	if got := c.place(cacheKey(1)).get(nil); string(got) != "second, and longer" {
		t.Errorf("got %q", got)
	}
	if got := c.place(cacheKey(2)).get(nil); got != nil {
		t.Errorf("a key never put has %q", got)
	}
	c.place(cacheKey(1)).put(make([]byte, cacheValue+1))
	if got := c.place(cacheKey(1)).get(nil); got != nil {
		t.Error("a value too large to be remembered left an older one behind")
	}
	c.place(cacheKey(1)).put(make([]byte, cacheValue))
	if got := c.place(cacheKey(1)).get(nil); len(got) != cacheValue {
		t.Errorf("%d bytes", len(got))
	}
	c.place(cacheKey(1)).drop()
	c.place(cacheKey(1)).drop()
	if got := c.place(cacheKey(1)).get(nil); got != nil {
		t.Errorf("dropped, it is %q", got)
	}
}

func TestCacheHoldsABusyRecord(t *testing.T) {
	t.Parallel()
	busy := record{sends: make(sendLog, 10*sendEntry)}
	busy.code.state, busy.code.client.ip[0] = codeLive, 1
	busy.wrong.n = 10
	if n := len(busy.appendTo(nil)); n > cacheValue {
		t.Errorf("a record of %d bytes is not remembered", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 8, 9, 1000} {
		c := newCache(n)
		for i := range 50 * n {
			c.place(cacheKey(i)).put([]byte("value"))
		}
		held := 0
		for i := range 50 * n {
			if c.place(cacheKey(i)).get(nil) != nil {
				held++
			}
		}
		if held > 2*max(n, cacheWays) || held < n/2 {
			t.Errorf("a cache for %d records holds %d", n, held)
		}
	}
	for _, n := range []int{0, -1} {
		c := newCache(n)
		c.place(cacheKey(1)).put([]byte("value"))
		c.place(cacheKey(1)).drop()
		if c.place(cacheKey(1)).get(nil) != nil {
			t.Error("a cache of nothing remembers")
		}
	}
}

// To be put is to be used.
func TestCacheForgetsInOrder(t *testing.T) {
	t.Parallel()
	c := newCache(cacheWays) // one set
	for i := range 3 * cacheWays {
		c.place(cacheKey(i)).put([]byte("value"))
		for j := range i + 1 {
			if held := c.place(cacheKey(j)).tag; slices.Contains(c.sets[0].tags[:], held) != (j > i-cacheWays) {
				t.Fatalf("after %d puts key %d is held or not, wrongly", i+1, j)
			}
		}
	}
}

// What is used stays; what was used least lately goes, when the clock has gone
// round too.
func TestCacheForgetsTheOldest(t *testing.T) {
	t.Parallel()
	for _, clock := range []uint32{0, 1<<32 - 12} {
		c := newCache(cacheWays) // one set
		c.sets[0].clock = clock
		for i := range cacheWays {
			c.place(cacheKey(i)).put([]byte("value"))
		}
		for i := range cacheWays {
			if i != 3 {
				c.place(cacheKey(i)).get(nil)
			}
		}
		c.place(cacheKey(cacheWays)).put([]byte("value"))
		for i := range cacheWays + 1 {
			if gone := c.place(cacheKey(i)).get(nil) == nil; gone != (i == 3) {
				t.Errorf("clock from %d: key %d gone: %t", clock, i, gone)
			}
		}
	}
}

func TestCacheIsSafe(t *testing.T) {
	t.Parallel()
	c := newCache(16)
	var callers sync.WaitGroup
	for w := range 8 {
		callers.Go(func() {
			for i := range 2000 {
				key := cacheKey((i*7 + w) % 40)
				switch i % 5 {
				case 0:
					c.place(key).drop()
				case 1, 2:
					c.place(key).put(bytes.Repeat([]byte(key), 1+i%3))
				default:
					if got := c.place(key).get(nil); got != nil && !bytes.Equal(got, bytes.Repeat([]byte(key), len(got)/keyLen)) {
						t.Errorf("%s is %q", key, got)
					}
				}
			}
		})
	}
	callers.Wait()
}

func TestCacheAllocatesNothing(t *testing.T) {
	c := newCache(100)
	value, room := make([]byte, 70), make([]byte, cacheValue)
	c.place(cacheKey(1)).put(value)
	key := cacheKey(1)
	if n := testing.AllocsPerRun(1000, func() { c.place(key).put(c.place(key).get(room[:0])) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
