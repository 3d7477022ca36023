package engine

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

func cacheKey(n int) string { return fmt.Sprintf("c.%022d", n) }

func TestCacheRemembersCopies(t *testing.T) {
	t.Parallel()
	c := newCache(100)
	value := []byte("first")
	c.put(cacheKey(1), value)
	value[0] = 'X'
	room := make([]byte, 0, cacheValue)
	got := c.get(cacheKey(1), room)
	if string(got) != "first" || &got[0] != &room[:1][0] {
		t.Errorf("got %q", got)
	}
	got[0] = 'Y'
	if got := c.get(cacheKey(1), nil); string(got) != "first" {
		t.Errorf("what was given out is remembered: %q", got)
	}
	c.put(cacheKey(1), []byte("second, and longer"))
	if got := c.get(cacheKey(1), nil); string(got) != "second, and longer" {
		t.Errorf("got %q", got)
	}
	if got := c.get(cacheKey(2), nil); got != nil {
		t.Errorf("a key never put has %q", got)
	}
	c.put(cacheKey(1), make([]byte, cacheValue+1))
	if got := c.get(cacheKey(1), nil); got != nil {
		t.Error("a value too large to be remembered left an older one behind")
	}
	c.put(cacheKey(1), make([]byte, cacheValue))
	if got := c.get(cacheKey(1), nil); len(got) != cacheValue {
		t.Errorf("%d bytes", len(got))
	}
	c.drop(cacheKey(1))
	c.drop(cacheKey(1))
	if got := c.get(cacheKey(1), nil); got != nil {
		t.Errorf("dropped, it is %q", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 8, 9, 1000} {
		c := newCache(n)
		for i := range 50 * n {
			c.put(cacheKey(i), []byte("value"))
		}
		held := 0
		for i := range 50 * n {
			if c.get(cacheKey(i), nil) != nil {
				held++
			}
		}
		if held > 2*max(n, cacheWays) || held < n/2 {
			t.Errorf("a cache for %d records holds %d", n, held)
		}
	}
	for _, n := range []int{0, -1} {
		c := newCache(n)
		c.put(cacheKey(1), []byte("value"))
		c.drop(cacheKey(1))
		if c.get(cacheKey(1), nil) != nil {
			t.Error("a cache of nothing remembers")
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
			c.put(cacheKey(i), []byte("value"))
		}
		for i := range cacheWays {
			if i != 3 {
				c.get(cacheKey(i), nil)
			}
		}
		c.put(cacheKey(cacheWays), []byte("value"))
		for i := range cacheWays + 1 {
			if gone := c.get(cacheKey(i), nil) == nil; gone != (i == 3) {
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
					c.drop(key)
				case 1, 2:
					c.put(key, bytes.Repeat([]byte(key), 1+i%3))
				default:
					if got := c.get(key, nil); got != nil && !bytes.Equal(got, bytes.Repeat([]byte(key), len(got)/keyLen)) {
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
	c.put(cacheKey(1), value)
	key := cacheKey(1)
	if n := testing.AllocsPerRun(1000, func() { c.put(key, c.get(key, room[:0])) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
