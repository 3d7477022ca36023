package engine

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/passcode-go/passcode/store"
)

// DefaultCache is how many records an engine remembers unless Config.Cache or
// its store says otherwise.
const DefaultCache = 8192

// A cache remembers the bytes of the records that this engine has stored last,
// to try a swap with them before anything is read. It is never believed: the
// store compares, so an entry that another process has overtaken costs one
// trip more, and a refusal is only ever given from what the store returned.
//
// It is a fixed number of sets of a few entries, and a record can be in one set
// only. Of a full set the entry goes that was used least lately. Nothing but
// swaps of this engine enters, so nobody fills it by asking for ids.
type cache struct {
	seed maphash.Seed
	sets []cacheSet // a power of two; empty if nothing is to be remembered
}

type cacheSet struct {
	mu      sync.Mutex
	clock   uint32 // counts uses
	entries []cacheEntry
}

type cacheEntry struct {
	key   [keyLen]byte
	used  uint32 // the set's clock when it was used last
	value []byte
}

// Bounds of a cache: entries in a set, and bytes in a value that is remembered.
// A record of a day with many sends and guesses has some 400 bytes.
const (
	cacheWays  = 8
	cacheValue = 512
)

// cacheSize returns how many records an engine of the configuration remembers.
func cacheSize(cfg Config) int {
	if cfg.Cache != 0 {
		return cfg.Cache
	}
	if s, ok := cfg.Store.(store.Local); ok && s.Local() {
		return 0
	}
	return DefaultCache
}

// newCache returns a cache for at least n records, at most twice as many.
func newCache(n int) *cache {
	if n <= 0 {
		return new(cache)
	}
	sets := (n + cacheWays - 1) / cacheWays
	return &cache{maphash.MakeSeed(), make([]cacheSet, 1<<bits.Len(uint(sets-1)))}
}

// set returns the set that a key belongs to, locked.
func (c *cache) set(key string) *cacheSet {
	s := &c.sets[maphash.String(c.seed, key)&uint64(len(c.sets)-1)]
	s.mu.Lock()
	s.clock++
	return s
}

// find returns the entry of a key, nil if there is none.
func (s *cacheSet) find(key string) *cacheEntry {
	for i := range s.entries {
		if e := &s.entries[i]; string(e.key[:]) == key {
			e.used = s.clock
			return e
		}
	}
	return nil
}

// get appends to b the value remembered of a key, or returns nil if there is
// none.
func (c *cache) get(key string, b []byte) []byte {
	if len(c.sets) == 0 {
		return nil
	}
	s := c.set(key)
	defer s.mu.Unlock()
	e := s.find(key)
	if e == nil {
		return nil
	}
	return append(b, e.value...)
}

// put remembers a copy of the value at a key.
func (c *cache) put(key string, value []byte) {
	if len(c.sets) == 0 {
		return
	}
	if len(value) > cacheValue {
		c.drop(key)
		return
	}
	s := c.set(key)
	defer s.mu.Unlock()
	e := s.find(key)
	if e == nil {
		e = s.room()
		copy(e.key[:], key)
		e.used = s.clock
	}
	e.value = append(e.value[:0], value...)
}

// room returns an entry to write over: a new one, or the one used least lately.
func (s *cacheSet) room() *cacheEntry {
	if len(s.entries) < cacheWays {
		s.entries = append(s.entries, cacheEntry{})
		return &s.entries[len(s.entries)-1]
	}
	oldest := &s.entries[0]
	for i := range s.entries {
		// Differences, because the clock goes round.
		if e := &s.entries[i]; s.clock-e.used > s.clock-oldest.used {
			oldest = e
		}
	}
	return oldest
}

// drop forgets what is remembered of a key.
func (c *cache) drop(key string) {
	if len(c.sets) == 0 {
		return
	}
	s := c.set(key)
	defer s.mu.Unlock()
	if e := s.find(key); e != nil {
		last := len(s.entries) - 1
		*e, s.entries[last] = s.entries[last], cacheEntry{}
		s.entries = s.entries[:last]
	}
}
