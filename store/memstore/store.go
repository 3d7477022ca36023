package memstore

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/passcode-go/passcode/store"
)

const (
	defaultMaxBytes = 1 << 30
	minMaxBytes     = 1 << 20 // less is most likely a mistaken unit
)

// Config says how a [Store] is built. The zero value is ready to use.
type Config struct {
	// Now tells the time, time.Now by default. It only decides which records
	// may be dropped. It is called once in each write, from any goroutine.
	Now func() time.Time

	// MaxBytes bounds the memory that the Store takes, in bytes, as
	// [Store.Bytes] counts it. The default is 1 GiB, the least is 1 MiB. A
	// write that would pass it first drops the dead records of the whole
	// store, at most once a second of Now, and if that does not make room it
	// returns store.ErrFull. Writes that need no room still succeed: a new
	// value of about the old one's size, a sum, a delete.
	//
	// The process may take more than this: with the default GOGC the garbage
	// collector lets the heap double before it runs.
	MaxBytes int64
}

// A Store is a [store.Store] in memory. Make one with [New]. Its methods are
// safe for concurrent use.
//
// It keeps a record for up to a second after its expiry was reached, and then
// until a write or a sweep comes across it; a record that expires after the
// year 2105 is kept for ever.
type Store struct {
	now    func() time.Time
	seed   maphash.Seed
	budget budget

	full  sync.Mutex // one writer sweeps a full store, the others wait for it
	swept uint32     // guarded by full: when the last of these sweeps was

	shards [shardCount]shard
}

var _ store.Local = (*Store)(nil)

// shardCount is a power of two, so that the top bits of a hash name a shard.
const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// New returns an empty Store. It fails if cfg.MaxBytes is not 0 and below
// 1 MiB.
func New(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.MaxBytes < minMaxBytes {
		return nil, errors.New("memstore: MaxBytes is below 1 MiB")
	}
	s := &Store{now: cfg.Now, seed: maphash.MakeSeed()}
	s.budget.max = cfg.MaxBytes
	s.budget.held.Store(int64(unsafe.Sizeof(*s)))
	for i := range s.shards {
		s.shards[i].init(&s.budget)
	}
	return s, nil
}

// Get implements [store.Store]. It allocates nothing but what it returns.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	shard, hash := s.locate(key)
	return shard.get(hash, key), nil
}

// CompareAndSwap implements [store.Store]. Apart from store.ErrKey,
// store.ErrValue and the context's error it returns store.ErrFull only. It
// allocates when it returns what it found, and when the store grows.
func (s *Store) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	if err := check(ctx, key); err != nil {
		return nil, false, err
	}
	if len(old) > store.MaxValue || len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	shard, hash := s.locate(key)
	now, until := clock(s.now()), expiry(expires)
	current, swapped, ok := shard.compareAndSwap(hash, key, old, new, until, now)
	if !ok {
		if err := s.makeRoom(ctx, now); err != nil {
			return nil, false, err
		}
		if current, swapped, ok = shard.compareAndSwap(hash, key, old, new, until, now); !ok {
			return nil, false, store.ErrFull
		}
	}
	return current, swapped, nil
}

// Add implements [store.Store]. Apart from store.ErrKey and the context's
// error it returns store.ErrFull only, and this only for a new counter.
func (s *Store) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if err := check(ctx, key); err != nil {
		return 0, err
	}
	shard, hash := s.locate(key)
	now, until := clock(s.now()), expiry(expires)
	sum, ok := shard.add(hash, key, delta, until, now)
	if !ok {
		if err := s.makeRoom(ctx, now); err != nil {
			return 0, err
		}
		if sum, ok = shard.add(hash, key, delta, until, now); !ok {
			return 0, store.ErrFull
		}
	}
	return sum, nil
}

// Sweep drops every record that was dead when Sweep was called and returns how
// many it dropped, also when ctx ends it early. It can run beside traffic: it
// holds the lock of one shard at a time, for a few hundred records, or for as
// long as it takes to copy the shard's index to a smaller one.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	return s.sweep(ctx, clock(s.now()))
}

func (s *Store) sweep(ctx context.Context, now uint32) (int, error) {
	total := 0
	for i := range s.shards {
		for next := uint64(0); next < hashEnd; {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			var n int
			next, n = s.shards[i].sweep(next, now)
			total += n
		}
	}
	return total, nil
}

// makeRoom sweeps a full store, but once a second only: time is kept in
// seconds, so a second sweep would find nothing more, and without the limit
// everyone who meets a full store would pay for a walk through all of it.
func (s *Store) makeRoom(ctx context.Context, now uint32) error {
	s.full.Lock()
	defer s.full.Unlock()
	if s.swept != now {
		if _, err := s.sweep(ctx, now); err != nil {
			return err
		}
		s.swept = now
	}
	return ctx.Err()
}

// Local implements [store.Local]: true.
func (s *Store) Local() bool { return true }

// Len returns the number of values and counters, the dead ones that have not
// been dropped yet included.
func (s *Store) Len() int {
	total := 0
	for i := range s.shards {
		total += s.shards[i].len()
	}
	return total
}

// Bytes returns how much memory the store holds: itself, the index, and the
// chunks of memory that records are cut from, with what is free in them. A
// chunk goes when its last record went, but each shard keeps an empty one of
// each size of records up to 8 KiB until the next Sweep.
func (s *Store) Bytes() int64 { return s.budget.held.Load() }

// locate hashes the key: the top bits choose the shard, the low half is for
// the shard's index.
func (s *Store) locate(key string) (*shard, uint32) {
	h := maphash.String(s.seed, key)
	return &s.shards[h>>(64-shardBits)], uint32(h)
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return store.CheckKey(key)
}

// Time is kept in whole seconds since 1970, in 32 bits. A record is dead when
// its expiry is not above the clock. The clock is rounded down and an expiry
// up, so no record dies before its time, and the largest expiry is never
// reached.

func clock(now time.Time) uint32 {
	return uint32(min(max(now.Unix(), 0), math.MaxUint32-1))
}

func expiry(t time.Time) uint32 { return clock(t) + 1 }

// A budget is the memory that all shards of a store share.
type budget struct {
	max  int64
	held atomic.Int64
}

// take adds n bytes to what is held, unless that would pass the bound.
func (b *budget) take(n int) bool {
	if b.held.Add(int64(n)) > b.max {
		b.give(n)
		return false
	}
	return true
}

func (b *budget) give(n int) { b.held.Add(-int64(n)) }
