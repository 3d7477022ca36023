package boltstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// A ledger counts commits and the pages of the last one.
type ledger struct {
	commits int
	pages   int64
}

func (l *ledger) config() Config {
	return Config{Now: new(clock).now, commit: func(tx *bolt.Tx) error {
		l.commits++
		err := tx.Commit()
		stats := tx.Stats()
		l.pages = stats.GetPageCount()
		return err
	}}
}

func TestWhatChangesNothingCommitsNothing(t *testing.T) {
	t.Parallel()
	var l ledger
	db := openTemp(t, l.config())
	late := after(time.Hour)
	mustSwap(t, db, "key", nil, []byte("a"), late)
	if l.commits != 1 {
		t.Fatalf("%d commits for a swap, want 1", l.commits)
	}
	for _, old := range [][]byte{nil, {}, []byte("b")} {
		current, swapped, err := db.CompareAndSwap(t.Context(), "key", old, []byte("c"), late)
		if string(current) != "a" || swapped || err != nil {
			t.Errorf("from %q: %q, %t, %v", old, current, swapped, err)
		}
	}
	mustSwap(t, db, "absent", nil, nil, late)
	wantValue(t, db, "key", []byte("a"))

	// The same when the comparison is lost to another in the queue.
	lost := []*op{
		swapOp("key", nil, []byte("c"), late),
		swapOp("key", []byte("b"), nil, late),
		swapOp("absent", nil, nil, late),
		swapOp("absent", []byte("b"), nil, late),
	}
	for i, want := range []struct {
		current string
		swapped bool
	}{{"a", false}, {"a", false}, {"", true}, {"", false}} {
		if err := carry(db, lost[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if o := lost[i]; string(o.current) != want.current || o.swapped != want.swapped {
			t.Errorf("operation %d: %q, %t; want %v", i, o.current, o.swapped, want)
		}
	}
	if n, err := db.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	if l.commits != 1 {
		t.Errorf("%d commits for what changes nothing", l.commits-1)
	}
}

// Nor does a lost swap or a Get wait for those who write.
func TestReadersDoNotWait(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan bool), make(chan bool)
	cfg := new(clock).config()
	var commits atomic.Int32
	cfg.commit = func(tx *bolt.Tx) error {
		if commits.Add(1) == 2 {
			close(entered)
			<-leave
		}
		return tx.Commit()
	}
	db := openTemp(t, cfg)
	mustSwap(t, db, "key", nil, []byte("a"), after(time.Hour))
	var wg sync.WaitGroup
	wg.Go(func() { mustSwap(t, db, "key", []byte("a"), []byte("b"), after(time.Hour)) })
	<-entered
	wantValue(t, db, "key", []byte("a"))
	current, swapped, err := db.CompareAndSwap(t.Context(), "key", []byte("x"), []byte("y"), after(time.Hour))
	if string(current) != "a" || swapped || err != nil {
		t.Errorf("CompareAndSwap = %q, %t, %v", current, swapped, err)
	}
	mustSwap(t, db, "absent", nil, nil, after(time.Hour))
	if u, err := db.Directory().Search(t.Context(), store.Query{}); len(u.Users) != 0 || err != nil {
		t.Errorf("Search = %v, %v", u, err)
	}
	close(leave)
	wg.Wait()
	wantValue(t, db, "key", []byte("b"))
}

func TestSwapOfARecordTouchesOneLeaf(t *testing.T) {
	t.Parallel()
	var l ledger
	db := openTemp(t, l.config())
	const records = 5000
	var batch []*op
	for i := range records {
		batch = append(batch, swapOp(swapKey(i), nil, make([]byte, 90), after(24*time.Hour)))
	}
	if err := carry(db, batch); err != nil {
		t.Fatal(err)
	}
	depth := 0
	db.view(func(tx *bolt.Tx) error {
		depth = tx.Bucket(bucketRecords).Stats().Depth
		return nil
	})
	if depth < 2 {
		t.Fatalf("a tree of depth %d shows nothing", depth)
	}
	before := entries(t, db)
	old := make([]byte, 90)
	for i, expires := range []time.Duration{24 * time.Hour, 90 * time.Hour, 24*time.Hour - 50*time.Minute} {
		new := slices.Clone(old)
		new[0]++
		mustSwap(t, db, swapKey(777), old, new, after(expires))
		old = new
		// The leaf, what is above it, and the page with the buckets.
		if want := int64(depth + 1); l.pages != want {
			t.Errorf("swap %d wrote %d pages, want %d", i, l.pages, want)
		}
	}
	if !slices.Equal(entries(t, db), before) {
		t.Error("a swap changed the expiry index")
	}
}

func TestSameKeyInOneBatch(t *testing.T) {
	t.Parallel()
	db := openTemp(t, new(clock).config())
	late := after(time.Hour)
	mustSwap(t, db, "key", nil, []byte("old"), late)
	const each = 9
	var batch []*op
	for i := range each {
		batch = append(batch, swapOp("key", []byte("old"), fmt.Append(nil, i), late), addOp("key", 1, late), swapOp("new", nil, fmt.Append(nil, i), late))
	}
	rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	if err := carry(db, batch); err != nil {
		t.Fatal(err)
	}
	winner := make(map[string][]byte)
	var sums []int64
	for _, o := range batch {
		switch {
		case o.kind == kindCounter:
			sums = append(sums, o.sum)
		case o.swapped:
			if winner[string(o.key)] != nil {
				t.Errorf("two won %s", o.key)
			}
			winner[string(o.key)] = o.record[headerSize:]
		}
	}
	slices.Sort(sums)
	for i, sum := range sums {
		if sum != int64(i+1) {
			t.Fatalf("sums %d", sums)
		}
	}
	for _, o := range batch {
		if o.kind == kindRecord && !o.swapped && !equal(o.current, winner[string(o.key)]) {
			t.Errorf("a loser of %s was told %q, the winner wrote %q", o.key, o.current, winner[string(o.key)])
		}
	}
	for key, value := range winner {
		wantValue(t, db, key, value)
	}
}

func TestRefiledWhenItsTimeComes(t *testing.T) {
	t.Parallel()
	c := new(clock)
	db := openTemp(t, c.config())
	wantIndex := func(want ...string) {
		t.Helper()
		if got := entries(t, db); !slices.Equal(got, want) {
			t.Errorf("index %q, want %q", got, want)
		}
	}
	sweep := func(at time.Duration, want int) {
		t.Helper()
		c.set(at)
		if n, err := db.Sweep(t.Context()); n != want || err != nil {
			t.Errorf("Sweep at %v = %d, %v; want %d", at, n, err, want)
		}
	}
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "key", nil, a, after(10*time.Minute))
	mustSwap(t, db, "key", a, b, after(300*time.Minute))
	wantIndex("10 r key")
	sweep(9*time.Minute, 0)
	wantIndex("10 r key")
	sweep(10*time.Minute, 0)
	wantIndex("300 r key")
	wantValue(t, db, "key", b)

	mustSwap(t, db, "key", b, a, after(240*time.Minute)) // an hour earlier
	wantIndex("300 r key")
	mustSwap(t, db, "key", a, b, after(239*time.Minute)) // more
	wantIndex("239 r key")
	sweep(239*time.Minute-1, 0)
	wantValue(t, db, "key", b)
	sweep(239*time.Minute, 1)
	wantValue(t, db, "key", nil)
	wantIndex()
}

func TestEntriesOfRecordsThatAreGone(t *testing.T) {
	t.Parallel()
	c := new(clock)
	db := openTemp(t, c.config())
	value := []byte("value")
	mustSwap(t, db, "again", nil, value, after(10*time.Minute))
	mustSwap(t, db, "again", value, nil, after(0))
	mustSwap(t, db, "again", nil, value, after(200*time.Minute))
	mustSwap(t, db, "again", value, value, after(300*time.Minute))
	mustSwap(t, db, "gone", nil, value, after(10*time.Minute))
	mustSwap(t, db, "gone", value, nil, after(0))
	mustSwap(t, db, "same", nil, value, after(300*time.Minute))
	mustSwap(t, db, "same", value, nil, after(0))
	mustSwap(t, db, "same", nil, value, after(300*time.Minute))
	if got, want := entries(t, db), []string{"10 r again", "10 r gone", "200 r again", "300 r same"}; !slices.Equal(got, want) {
		t.Errorf("index %q, want %q", got, want)
	}
	c.set(11 * time.Minute)
	if n, err := db.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v; want 0", n, err)
	}
	if got, want := entries(t, db), []string{"200 r again", "300 r same"}; !slices.Equal(got, want) {
		t.Errorf("index %q, want %q", got, want)
	}
	wantValue(t, db, "again", value)
}

func TestCommitsCollect(t *testing.T) {
	t.Parallel()
	c := new(clock)
	db := openTemp(t, c.config())
	const dead = 50
	var batch []*op
	for i := range dead {
		batch = append(batch, swapOp(swapKey(i), nil, []byte("value"), after(time.Minute)), addOp(swapKey(i), 1, after(time.Minute)))
	}
	if err := carry(db, batch); err != nil {
		t.Fatal(err)
	}
	left := func() int { return len(entries(t, db)) }
	if left() != 2*dead {
		t.Fatalf("%d entries, want %d", left(), 2*dead)
	}
	c.set(time.Minute)
	for before := left(); before > 1; before = left() {
		if _, err := db.Add(t.Context(), "live", 1, after(time.Hour)); err != nil {
			t.Fatal(err)
		}
		dropped := before - left()
		if dropped < 1 || dropped > 9 {
			t.Fatalf("a commit of one operation changed the index by %d", dropped)
		}
	}
	for i := range dead {
		wantValue(t, db, swapKey(i), nil)
	}
	if sum, err := db.Add(t.Context(), "live", 0, after(time.Hour)); sum < 1 || err != nil {
		t.Errorf("the live counter is %d, %v", sum, err)
	}
}

func TestSweepInManyTransactions(t *testing.T) {
	t.Parallel()
	c := new(clock)
	db := openTemp(t, c.config())
	var batch []*op
	for i := range 2000 {
		batch = append(batch, swapOp(swapKey(i), nil, []byte("value"), after(time.Duration(i%2)*time.Hour)))
	}
	c.set(-time.Hour)
	if err := carry(db, batch); err != nil {
		t.Fatal(err)
	}
	c.set(0)
	if n, err := db.Sweep(t.Context()); n != 1000 || err != nil {
		t.Errorf("Sweep = %d, %v; want 1000", n, err)
	}
	wantValue(t, db, swapKey(0), nil)
	wantValue(t, db, swapKey(1), []byte("value"))
}

func TestMinutes(t *testing.T) {
	t.Parallel()
	for range 10_000 {
		at := time.Unix(rand.Int64N(1<<36), rand.Int64N(2)*rand.Int64N(1e9))
		m := minuteAfter(at)
		begin := time.Unix(int64(m)*60, 0)
		if begin.Before(at) || begin.Sub(at) >= time.Minute {
			t.Fatalf("%v is kept until %v", at, begin)
		}
		if minuteOf(begin) != m || minuteOf(begin.Add(time.Minute-1)) != m || minuteOf(begin.Add(-1)) != m-1 {
			t.Fatalf("minute %d begins at %v", m, begin)
		}
	}
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0)} {
		if m := minuteAfter(at); m != 0 {
			t.Errorf("%v is minute %d", at, m)
		}
	}
	for _, at := range []time.Time{time.Unix(maxMinute*60, 1), time.Unix(1<<62, 0), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if m := minuteAfter(at); m != maxMinute {
			t.Errorf("%v is minute %d", at, m)
		}
	}
}

func TestConcurrentWritesShareCommits(t *testing.T) {
	t.Parallel()
	var l ledger
	db := openTemp(t, l.config())
	const callers, each = 32, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if _, err := db.Add(context.Background(), swapKey(c), 1, after(time.Hour)); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if l.commits > callers*each/4 {
		t.Errorf("%d commits for %d additions by %d callers", l.commits, callers*each, callers)
	}
}
