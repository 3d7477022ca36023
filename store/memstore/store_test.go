package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A testStore is a Store with a clock that only the test moves.
type testStore struct {
	*Store
	t   *testing.T
	mu  sync.Mutex
	now time.Time
}

func newTestStore(t *testing.T, cfg Config) *testStore {
	t.Helper()
	s := &testStore{t: t, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg.Now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	var err error
	if s.Store, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *testStore) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// put swaps and returns the error. Anything but a swap or an error is fatal.
func (s *testStore) put(key string, old, new []byte, life time.Duration) error {
	s.t.Helper()
	_, swapped, err := s.CompareAndSwap(s.t.Context(), key, old, new, s.now.Add(life))
	if swapped == (err != nil) {
		s.t.Fatalf("CompareAndSwap(%q) = %t, %v", key, swapped, err)
	}
	return err
}

func (s *testStore) get(key string) []byte {
	s.t.Helper()
	value, err := s.Get(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

// fill creates records with values of n bytes until the store is full, and
// returns how many.
func (s *testStore) fill(name string, n int, life time.Duration) int {
	s.t.Helper()
	for i := 0; ; i++ {
		err := s.put(fmt.Sprint(name, i), nil, make([]byte, n), life)
		if errors.Is(err, store.ErrFull) {
			return i
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestNewRefusesTooLittleMemory(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{-1, 1, 1<<20 - 1} {
		if _, err := New(Config{MaxBytes: n}); err == nil {
			t.Errorf("New took a MaxBytes of %d", n)
		}
	}
	for _, n := range []int64{0, 1 << 20} {
		if _, err := New(Config{MaxBytes: n}); err != nil {
			t.Errorf("New with a MaxBytes of %d: %v", n, err)
		}
	}
}

func TestFullStoreWritesNothing(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 90, 700, 8000, store.MaxValue} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := newTestStore(t, Config{MaxBytes: 2 << 20})
			n := s.fill("key", size, time.Hour)
			if least := (1 << 20) / (size + 200); n < least {
				t.Errorf("2 MiB took %d records with values of %d bytes, want %d or more", n, size, least)
			}
			if s.Bytes() > 2<<20 {
				t.Errorf("Bytes() = %d, above the bound", s.Bytes())
			}
			full := fmt.Sprint("key", n)
			if v := s.get(full); v != nil || s.Len() != n {
				t.Errorf("the record that did not fit is there: %t, %d records, want %d", v != nil, s.Len(), n)
			}

			// What needs no room still works.
			first := make([]byte, size)
			second := bytes.Repeat([]byte{1}, size)
			if err := s.put("key0", first, second, time.Hour); err != nil {
				t.Errorf("replace in a full store: %v", err)
			}
			if err := s.put("key0", second, nil, time.Hour); err != nil {
				t.Errorf("delete in a full store: %v", err)
			}
			if err := s.put("key0", nil, first, time.Hour); err != nil {
				t.Errorf("create in the room of another: %v", err)
			}

			// A value that outgrows its place when there is no other stays as
			// it was.
			large := make([]byte, store.MaxValue)
			if size < store.MaxValue {
				if err := s.put("key0", first, large, time.Hour); !errors.Is(err, store.ErrFull) {
					t.Errorf("growing in a full store: %v", err)
				}
				if v := s.get("key0"); len(v) != size {
					t.Errorf("a value of %d bytes became one of %d", size, len(v))
				}
			}
		})
	}
}

func TestFullStoreAddsToOldCountersOnly(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{MaxBytes: 1 << 20})
	ctx, until := t.Context(), s.now.Add(time.Hour)
	n := 0
	for ; ; n++ {
		if _, err := s.Add(ctx, fmt.Sprint(n), 1, until); errors.Is(err, store.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := s.Add(ctx, "0", 1, until); sum != 2 || err != nil {
		t.Errorf("Add to an old counter of a full store = %d, %v", sum, err)
	}
	if s.Len() != n {
		t.Errorf("%d counters, want %d", s.Len(), n)
	}
	s.pass(2 * time.Hour)
	if sum, err := s.Add(ctx, "new", 1, s.now.Add(time.Hour)); sum != 1 || err != nil {
		t.Errorf("Add when all others were dead = %d, %v", sum, err)
	}
}

func TestFullStoreDropsTheDead(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{MaxBytes: 2 << 20})
	n := s.fill("small", 90, time.Minute)
	s.pass(2 * time.Minute)
	// Values of another size cannot use the places of the dead, only their
	// memory.
	if large := s.fill("large", 30_000, time.Minute); large < 40 {
		t.Errorf("after %d small records died there was room for %d large ones", n, large)
	}
	s.pass(2 * time.Minute)
	if again := s.fill("small", 90, time.Minute); again < n*9/10 {
		t.Errorf("room for %d records, before it was for %d", again, n)
	}
}

// A full store looks through all of its records once in a second, not for each
// write that finds no room.
func TestFullStoreSweepsOnceASecond(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{MaxBytes: 1 << 20})
	s.fill("key", 30_000, time.Hour)
	if s.swept != clock(s.now) {
		t.Fatalf("a full store was last swept at %d, now is %d", s.swept, clock(s.now))
	}
	// A record that is dead at birth shows whether a sweep came by.
	if err := s.put("key0", make([]byte, 30_000), make([]byte, 30_000), -time.Hour); err != nil {
		t.Fatal(err)
	}
	n := s.Len()
	if err := s.makeRoom(t.Context(), clock(s.now)); err != nil || s.Len() != n {
		t.Errorf("makeRoom in the second of a sweep: %v, and dropped %d", err, n-s.Len())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.makeRoom(ctx, clock(s.now)); !errors.Is(err, context.Canceled) {
		t.Errorf("makeRoom with a done context: %v", err)
	}
	s.pass(time.Second)
	if err := s.makeRoom(ctx, clock(s.now)); !errors.Is(err, context.Canceled) || s.swept == clock(s.now) {
		t.Errorf("makeRoom with a done context: %v, and counts as a sweep: %t", err, s.swept == clock(s.now))
	}
	if err := s.makeRoom(t.Context(), clock(s.now)); err != nil || s.Len() != n-1 {
		t.Errorf("makeRoom a second later: %v, and dropped %d, want 1", err, n-s.Len())
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{})
	const n = 20_000
	empty := s.Bytes()
	for i := range n {
		life := time.Minute
		if i%10 == 0 {
			life = time.Hour
		}
		if err := s.put(fmt.Sprint("key", i), nil, []byte("value"), life); err != nil {
			t.Fatal(err)
		}
	}
	full := s.Bytes()
	if dropped, err := s.Sweep(t.Context()); dropped != 0 || err != nil || s.Len() != n {
		t.Errorf("a sweep among the living: %d, %v; %d records are left", dropped, err, s.Len())
	}
	s.pass(10 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if dropped, err := s.Sweep(ctx); dropped != 0 || !errors.Is(err, context.Canceled) || s.Len() != n {
		t.Errorf("a sweep with a done context: %d, %v; %d records are left", dropped, err, s.Len())
	}
	if dropped, err := s.Sweep(t.Context()); dropped != n*9/10 || err != nil || s.Len() != n/10 {
		t.Errorf("Sweep() = %d, %v; %d records are left, want %d and %d", dropped, err, s.Len(), n*9/10, n/10)
	}
	for i := 0; i < n; i += 10 {
		if s.get(fmt.Sprint("key", i)) == nil {
			t.Fatalf("record %d was dropped before its time", i)
		}
	}
	s.pass(time.Hour)
	if dropped, err := s.Sweep(t.Context()); dropped != n/10 || err != nil || s.Len() != 0 {
		t.Errorf("Sweep() = %d, %v; %d records are left", dropped, err, s.Len())
	}
	if s.Bytes() > empty+64<<10 {
		t.Errorf("an empty store holds %d bytes, full it was %d, new %d", s.Bytes(), full, empty)
	}
}

// Without any sweep, writes alone keep the dead to a part of the living.
func TestWritesDropTheDead(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{})
	const live, rounds = 2000, 40 // a record lives for ten steps of live/10
	most := 0
	for i := range live * rounds {
		if i%(live/10) == 0 {
			s.pass(time.Second)
		}
		if err := s.put(fmt.Sprint(i), nil, []byte("value"), 9*time.Second); err != nil {
			t.Fatal(err)
		}
		if i > live*rounds/2 && i%100 == 0 {
			most = max(most, s.Len())
		}
	}
	if most > 2*live {
		t.Errorf("up to %d records with %d alive", most, live)
	}
}

func TestLargeValuesGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{})
	before := s.Bytes()
	value := make([]byte, store.MaxValue)
	for i := range 500 {
		if err := s.put(fmt.Sprint(i), nil, value, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if held := s.Bytes() - before; held < 500*store.MaxValue || held > 500*store.MaxValue*5/4 {
		t.Errorf("500 values of 64 KiB hold %d bytes", held)
	}
	for i := range 500 {
		if err := s.put(fmt.Sprint(i), value, nil, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if held := s.Bytes() - before; held > 64<<10 {
		t.Errorf("after they were deleted %d bytes are held", held)
	}
}

// What Bytes says is what the heap holds, and that is not much, for few
// records and for many.
func TestBytesIsTrue(t *testing.T) {
	for _, c := range []struct{ records, most int }{{1000, 400}, {100_000, 200}} {
		before := heap()
		s := newTestStore(t, Config{})
		value := make([]byte, 90)
		for i := range c.records {
			if err := s.put(fmt.Sprintf("%024d", i), nil, value, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		grown := float64(heap() - before)
		if ratio := float64(s.Bytes()) / grown; ratio < 0.95 || ratio > 1.05 {
			t.Errorf("Bytes() is %d, the heap grew by %.0f", s.Bytes(), grown)
		}
		if each := int(s.Bytes()) / c.records; each > c.most {
			t.Errorf("each of %d records of 24 + 90 bytes takes %d bytes", c.records, each)
		}
		runtime.KeepAlive(s)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	date := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	second := date(2027)
	for _, c := range []struct {
		name         string
		expires, now time.Time
		dead         bool
	}{
		{"at its expiry", second, second, false},
		{"a nanosecond before", second.Add(500), second.Add(499), false},
		{"in the second of its expiry", second.Add(500), second.Add(time.Second - 1), false},
		{"a second after", second, second.Add(time.Second), true},
		{"of the zero time", time.Time{}, second, true},
		{"of 1969", date(1969), second, true},
		{"of 1969 when it is 1968", date(1969), date(1968), false},
		{"of 2500", date(2500), second, false},
		{"of 2500 when it is 3000", date(2500), date(3000), false},
		{"of the last second there is", time.Unix(math.MaxInt64, 0), second, false},
	} {
		if dead := expiry(c.expires) <= clock(c.now); dead != c.dead {
			t.Errorf("a record %s is dead: %t, want %t", c.name, dead, c.dead)
		}
	}
}

func TestValueSize(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{})
	large := make([]byte, store.MaxValue+1)
	for _, swap := range [][2][]byte{{nil, large}, {large, nil}, {large, large}} {
		_, swapped, err := s.CompareAndSwap(t.Context(), "key", swap[0], swap[1], s.now.Add(time.Hour))
		if swapped || !errors.Is(err, store.ErrValue) {
			t.Errorf("CompareAndSwap with a value too large = %t, %v", swapped, err)
		}
	}
	if s.Len() != 0 {
		t.Error("a value too large was kept")
	}
}

// Keys as similar as can be spread over all shards, and not the same way in
// two stores.
func TestShardsArePickedAtRandom(t *testing.T) {
	t.Parallel()
	a, b := newTestStore(t, Config{}), newTestStore(t, Config{})
	same := 0
	var counts [shardCount]int
	const n = 64 * 200
	for i := range n {
		key := fmt.Sprint("key", i)
		shard, _ := a.locate(key)
		other, _ := b.locate(key)
		for j := range counts {
			if shard == &a.shards[j] {
				counts[j]++
				if other == &b.shards[j] {
					same++
				}
			}
		}
	}
	for i, c := range counts {
		if c < 100 || c > 300 { // 200 on average, standard deviation 14
			t.Errorf("shard %d got %d of %d keys", i, c, n)
		}
	}
	if same > n/16 {
		t.Errorf("two stores agree on %d of %d keys", same, n)
	}
}

// AllocsPerRun needs the test to run alone.
func TestAllocations(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, key, until := context.Background(), "a-key-of-24-characters--", time.Now().Add(time.Hour)
	value := make([]byte, 90)
	if _, swapped, err := s.CompareAndSwap(ctx, key, nil, value, until); !swapped {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want float64
		call func()
	}{
		{"Get", 1, func() { s.Get(ctx, key) }},
		{"CompareAndSwap", 0, func() { s.CompareAndSwap(ctx, key, value, value, until) }},
		{"create and delete", 0, func() {
			s.CompareAndSwap(ctx, "other", nil, value, until)
			s.CompareAndSwap(ctx, "other", value, nil, until)
		}},
		{"Add", 0, func() { s.Add(ctx, key, 1, until) }},
	} {
		if got := testing.AllocsPerRun(100, c.call); got != c.want {
			t.Errorf("%s allocates %v times, want %v", c.name, got, c.want)
		}
	}
}

// Sweeps, writes and reads at once: for the race detector, and no counter may
// lose an addition.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, Config{})
	const workers, rounds, keys = 8, 500, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			ctx, until := t.Context(), s.now.Add(time.Hour)
			for i := range rounds {
				key := fmt.Sprint(i % keys)
				if _, err := s.Add(ctx, key, 1, until); err != nil {
					t.Error(err)
				}
				old, _ := s.Get(ctx, key)
				s.CompareAndSwap(ctx, key, old, make([]byte, (w*rounds+i)%3000), until)
				s.CompareAndSwap(ctx, fmt.Sprint("dead", w, i), nil, old, time.Time{})
				if i%100 == 0 {
					if _, err := s.Sweep(ctx); err != nil {
						t.Error(err)
					}
					s.Len()
				}
			}
		})
	}
	wg.Wait()
	for i := range keys {
		if sum, _ := s.Add(t.Context(), fmt.Sprint(i), 0, s.now.Add(time.Hour)); sum != workers*rounds/keys {
			t.Errorf("counter %d is %d, want %d", i, sum, workers*rounds/keys)
		}
	}
	for i := range s.shards {
		if err := s.shards[i].check(); err != nil {
			t.Errorf("shard %d: %v", i, err)
		}
	}
}
