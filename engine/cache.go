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
// For the same reason a hash may stand for a key.
//
// It is a fixed number of sets of a few entries, and a record can be in one set
// only. Of a full set the entry goes that was used least lately. Nothing but
// swaps of this engine enters, so nobody fills it by asking for ids. Beside a
// store that answers in microseconds the way to memory counts: a set is one
// piece, its head one line of the processor's caches, and nothing in it is for
// the garbage collector to follow.
type cache struct {
	seed maphash.Seed
	sets []cacheSet // a power of two; empty if nothing is to be remembered
}

// Bounds of a cache: entries in a set, and bytes in a value that is remembered.
// A pending code has 64. With ten sends, wrong guesses in ten hours and a client
// that it is bound to, a record just fits in.
const (
	cacheWays  = 4
	cacheValue = 176
)

type cacheSet struct {
	mu     sync.Mutex
	clock  uint32            // counts uses
	sizes  [cacheWays]uint8  // of the values
	used   [cacheWays]uint32 // the clock when each was used last
	tags   [cacheWays]uint64 // the hash of each key; 0 for none
	values [cacheWays][cacheValue]byte
}

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

// A cachePlace is where a key is remembered, if it is. The zero value remembers
// nothing.
type cachePlace struct {
	set *cacheSet
	tag uint64
}

// place returns the place of a key.
func (c *cache) place(key string) cachePlace {
	if len(c.sets) == 0 {
		return cachePlace{}
	}
	hash := maphash.String(c.seed, key)
	return cachePlace{&c.sets[hash&uint64(len(c.sets)-1)], hash | 1<<63}
}

// get appends to b the value remembered, or returns nil if there is none.
func (p cachePlace) get(b []byte) []byte {
	if p.set == nil {
		return nil
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	i, found := p.find()
	if !found {
		return nil
	}
	return append(b, p.set.values[i][:p.set.sizes[i]]...)
}

// put remembers a copy of the value. One that is too long is not remembered,
// and neither is the one before.
func (p cachePlace) put(value []byte) {
	if p.set == nil {
		return
	}
	if len(value) > cacheValue {
		p.drop()
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	i, _ := p.find()
	p.set.tags[i], p.set.used[i] = p.tag, p.set.clock
	p.set.sizes[i] = uint8(copy(p.set.values[i][:], value))
}

// drop forgets what is remembered.
func (p cachePlace) drop() {
	if p.set == nil {
		return
	}
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	if i, found := p.find(); found {
		p.set.tags[i] = 0
	}
}

// find returns the key's entry in the set, which is locked, and uses it. If
// there is none it returns the entry to write over: an empty one, or the one
// used least lately.
func (p cachePlace) find() (i int, found bool) {
	s := p.set
	s.clock++
	for i, tag := range s.tags {
		if tag == p.tag {
			s.used[i] = s.clock
			return i, true
		}
	}
	for j, tag := range s.tags {
		if tag == 0 {
			i = j
			break
		}
		// Differences, because the clock goes round.
		if s.clock-s.used[j] > s.clock-s.used[i] {
			i = j
		}
	}
	return i, false
}
