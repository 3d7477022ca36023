package boltstore

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// everyMethod calls every method and returns the errors by name.
func everyMethod(db *DB) map[string]error {
	ctx, late := context.Background(), after(time.Hour)
	d := db.Directory()
	errs := make(map[string]error)
	_, errs["Get"] = db.Get(ctx, "key")
	_, _, errs["CompareAndSwap"] = db.CompareAndSwap(ctx, "other", nil, []byte("value"), late)
	_, _, errs["CompareAndSwap of nothing"] = db.CompareAndSwap(ctx, "other", nil, nil, late)
	_, errs["Add"] = db.Add(ctx, "key", 1, late)
	_, errs["Sweep"] = db.Sweep(ctx)
	errs["Check"] = db.Check(ctx)
	errs["Create"] = d.Create(ctx, someone(9))
	_, errs["Lookup"] = d.Lookup(ctx, store.ByID, "nobody")
	_, errs["Update"] = d.Update(ctx, "nobody", func(*store.User) error { return nil })
	_, errs["Delete"] = d.Delete(ctx, "nobody")
	_, errs["Search"] = d.Search(ctx, store.Query{})
	return errs
}

func TestClosed(t *testing.T) {
	t.Parallel()
	db := openAt(t, tempPath(t), Config{})
	closeDB(t, db)
	for name, err := range everyMethod(db) {
		if err != store.ErrClosed {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	closeDB(t, db)
}

// What is under way when Close is called ends well, what queues included, and
// what was acknowledged is in the file.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := tempPath(t)
		entered, leave := make(chan bool), make(chan bool)
		var commits atomic.Int32
		db := openAt(t, path, Config{commit: func(tx *bolt.Tx) error {
			if commits.Add(1) == 1 {
				close(entered)
				<-leave
			}
			return tx.Commit()
		}})
		var acknowledged atomic.Int64
		var wg sync.WaitGroup
		add := func() {
			_, err := db.Add(context.Background(), "key", 1, after(time.Hour))
			if err == nil {
				acknowledged.Add(1)
			} else if err != store.ErrClosed {
				t.Errorf("Add: %v, want nil or ErrClosed", err)
			}
		}
		wg.Go(add)
		<-entered
		for range 8 {
			wg.Go(add)
		}
		giveWay() // for as many as can to queue
		wg.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		giveWay()
		close(leave)
		wg.Wait()
		db = openAt(t, path, Config{})
		if sum, err := db.Add(t.Context(), "key", 0, after(time.Hour)); sum != acknowledged.Load() || err != nil {
			t.Errorf("the counter is %d, %v; acknowledged %d", sum, err, acknowledged.Load())
		}
	}
}

// A commit that failed after it became visible stops everything: the next one
// could overwrite pages that the state on the disk needs.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	lost := errors.New("flush failed")
	cfg := new(clock).config()
	var db *DB
	var commits atomic.Int32
	next := make(chan error, 1)
	cfg.commit = func(tx *bolt.Tx) error {
		err := tx.Commit()
		if err != nil || commits.Add(1) > 1 {
			return err
		}
		// bbolt would let the next one in here.
		go func() { next <- db.Directory().Create(context.Background(), someone(1)) }()
		giveWay()
		return lost
	}
	db = openAt(t, path, cfg)
	if _, swapped, err := db.CompareAndSwap(t.Context(), "key", nil, []byte("value"), after(time.Hour)); swapped || !errors.Is(err, lost) {
		t.Errorf("CompareAndSwap: %t, %v", swapped, err)
	}
	for name, err := range everyMethod(db) {
		if !errors.Is(err, ErrFailed) {
			t.Errorf("%s: %v, want ErrFailed", name, err)
		}
	}
	if err := <-next; !errors.Is(err, ErrFailed) {
		t.Errorf("a write that had waited: %v, want ErrFailed", err)
	}
	// Nor does one write that had come this far before.
	if err := carry(db, []*op{addOp("key", 1, after(time.Hour))}); err != ErrFailed {
		t.Errorf("a batch that had waited: %v, want ErrFailed", err)
	}
	closeDB(t, db)
	db = openAt(t, path, new(clock).config())
	wantValue(t, db, "key", []byte("value"))
	checkDB(t, db)
}

// A commit that failed before, on a full disk say, is no reason to stop.
func TestCommitWithoutTrace(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	var failing atomic.Bool
	cfg := new(clock).config()
	cfg.commit = func(tx *bolt.Tx) error {
		if failing.Load() {
			tx.Rollback()
			return full
		}
		return tx.Commit()
	}
	db := openTemp(t, cfg)
	mustSwap(t, db, "key", nil, []byte("a"), after(time.Hour))
	failing.Store(true)
	if _, swapped, err := db.CompareAndSwap(t.Context(), "key", []byte("a"), []byte("b"), after(time.Hour)); swapped || !errors.Is(err, full) {
		t.Errorf("CompareAndSwap: %t, %v", swapped, err)
	}
	batch := []*op{addOp("a", 1, after(time.Hour)), addOp("b", 1, after(time.Hour))}
	if err := carry(db, batch); !errors.Is(err, full) {
		t.Errorf("a batch: %v", err)
	}
	wantValue(t, db, "key", []byte("a"))
	failing.Store(false)
	mustSwap(t, db, "key", []byte("a"), []byte("b"), after(time.Hour))
	if sum, err := db.Add(t.Context(), "a", 1, after(time.Hour)); sum != 1 || err != nil {
		t.Errorf("Add = %d, %v", sum, err)
	}
}

func TestPanicInCommit(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	cfg := new(clock).config()
	entered, waiting := make(chan bool), make(chan bool)
	var commits atomic.Int32
	cfg.commit = func(tx *bolt.Tx) error {
		if commits.Add(1) == 1 {
			return tx.Commit()
		}
		close(entered)
		<-waiting
		panic("page 7 already freed")
	}
	db := openAt(t, path, cfg)
	mustSwap(t, db, "key", nil, []byte("value"), after(time.Hour))
	var wg sync.WaitGroup
	add := func() {
		if _, err := db.Add(context.Background(), "counter", 1, after(time.Hour)); !errors.Is(err, ErrFailed) {
			t.Errorf("Add: %v, want ErrFailed", err)
		}
	}
	wg.Go(add)
	<-entered
	for range 4 {
		wg.Go(add)
	}
	runtime.Gosched()
	close(waiting)
	wg.Wait()
	for name, err := range everyMethod(db) {
		if !errors.Is(err, ErrFailed) {
			t.Errorf("%s: %v, want ErrFailed", name, err)
		}
	}
	closeDB(t, db)
	db = openAt(t, path, new(clock).config())
	wantValue(t, db, "key", []byte("value"))
	checkDB(t, db)
}

// A file that shrinks under a running program makes its memory fault.
func TestFileVanishes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut")
	}
	path := tempPath(t)
	if err := os.WriteFile(path, image(), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path, new(clock).config())
	wantValue(t, db, swapKey(0), make([]byte, 90))
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Get(t.Context(), swapKey(0)); !errors.Is(err, ErrFailed) {
		t.Errorf("Get: %v, want ErrFailed", err)
	}
	if _, err := db.Add(t.Context(), swapKey(0), 1, after(time.Hour)); !errors.Is(err, ErrFailed) {
		t.Errorf("Add: %v, want ErrFailed", err)
	}
}

// One damaged record fails its own operations and nobody else's.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	db := openAt(t, tempPath(t), new(clock).config())
	err := db.bolt.Update(func(tx *bolt.Tx) error {
		return errors.Join(
			tx.Bucket(bucketRecords).Put([]byte("bad"), []byte("short")),
			tx.Bucket(bucketCounters).Put([]byte("bad"), make([]byte, counterSize-1)),
			tx.Bucket(bucketUsers).Put([]byte("bad"), []byte("{")),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	late := after(time.Hour)
	_, getErr := db.Get(t.Context(), "bad")
	_, _, swapErr := db.CompareAndSwap(t.Context(), "bad", nil, []byte("value"), late)
	_, addErr := db.Add(t.Context(), "bad", 1, late)
	_, lookupErr := db.Directory().Lookup(t.Context(), store.ByID, "bad")
	_, searchErr := db.Directory().Search(t.Context(), store.Query{})
	batch := []*op{swapOp("bad", nil, []byte("value"), late), swapOp("good", nil, []byte("value"), late)}
	commitErr := carry(db, []*op{batch[1], batch[0]})
	for name, err := range map[string]error{
		"Get": getErr, "CompareAndSwap": swapErr, "Add": addErr, "Lookup": lookupErr, "Search": searchErr,
		"swap in a batch": batch[0].err, "Check": db.Check(t.Context()),
	} {
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	if commitErr != nil || !batch[1].swapped || batch[0].swapped {
		t.Errorf("the batch: %v, good %t, bad %t", commitErr, batch[1].swapped, batch[0].swapped)
	}
	wantValue(t, db, "good", []byte("value"))
}

// Check sees what bbolt cannot know to be wrong.
func TestCheckFindsLostEntries(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(tx *bolt.Tx) error{
		"record not filed": func(tx *bolt.Tx) error {
			return tx.Bucket(bucketExpiry).Delete(entry(minuteOf(epoch)+60, kindRecord, []byte("key")))
		},
		"counter not filed": func(tx *bolt.Tx) error {
			return tx.Bucket(bucketExpiry).Delete(entry(minuteOf(epoch)+60, kindCounter, []byte("key")))
		},
		"user not indexed": func(tx *bolt.Tx) error { return tx.Bucket(bucketIndex[store.ByPhone]).Delete([]byte("+12025550001")) },
		"index of nobody": func(tx *bolt.Tx) error {
			return tx.Bucket(bucketIndex[store.ByEmail]).Put([]byte("a@example.com"), []byte("nobody"))
		},
		"index of another": func(tx *bolt.Tx) error {
			return tx.Bucket(bucketIndex[store.ByMethod]).Put([]byte("phone-001"), []byte("user-002"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openAt(t, tempPath(t), new(clock).config())
			mustSwap(t, db, "key", nil, []byte("value"), after(time.Hour))
			if _, err := db.Add(t.Context(), "key", 1, after(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if err := db.Directory().Create(t.Context(), someone(1)); err != nil {
				t.Fatal(err)
			}
			checkDB(t, db)
			if err := db.bolt.Update(damage); err != nil {
				t.Fatal(err)
			}
			if err := db.Check(t.Context()); !errors.Is(err, ErrFormat) {
				t.Errorf("Check: %v, want ErrFormat", err)
			}
		})
	}
}

// giveWay lets other goroutines come as far as they can. Nothing depends on how
// far that is, but for what a broken rule would be caught by.
func giveWay() {
	for range 10_000 {
		runtime.Gosched()
	}
}
