// Package boltstore keeps a [store.Store] and a [store.Directory] in one bbolt
// file. It is the store of a program that runs on one machine: nothing to
// install, nothing to connect to, and what was acknowledged is on the disk.
//
//	db, err := boltstore.Open(ctx, "/var/lib/app/passcode.db", boltstore.Config{})
//	...
//	defer db.Close()
//	users := db.Directory()
//
// # Durability
//
// Every write has been flushed by the operating system when its method
// returns, and there is no option that relaxes this. Concurrent writes share a
// flush: who finds the writer free carries all that wait in one commit, and a
// lone caller waits for nobody. A swap that does not take place costs no flush.
// Get may show a change a moment before it is flushed.
//
// A commit that fails leaves an unknown outcome, as the contract says. If it
// may have reached the disk, or if the file turns out to be damaged while it is
// in use, every method answers [ErrFailed] from then on: what is in memory and
// what is on the disk could differ. Close and Open read the disk again.
//
// The flush is as good as what is below it. Linux kernels before 5.10.94 and
// 5.15.27 can lose flushed data on ext4 with the fast_commit feature.
//
// # The file
//
// Open creates the file if there is none, with permissions 0600, and refuses
// one that others can read or write. One process at a time can have it open.
// The file system needs hard links and file locks, as the native ones of all
// systems have, because a new file must appear complete or not at all. The
// file grows and never shrinks; the space of collected records is used again.
//
// # Collection
//
// There is no goroutine in the background. Each commit also drops a few records
// that have expired, more than it creates, so a store in use stays small. Sweep
// drops all of them, for programs that want it done at night.
//
// Expiry is kept in whole minutes, rounded up. A record whose expiry is set to
// an earlier time than before may outlive it by an hour.
package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/internal/group"
	"github.com/passcode-go/passcode/store"
)

// ErrFailed is returned by every method after a commit failed that may have
// reached the disk, or after the file was found damaged while in use.
var ErrFailed = errors.New("boltstore: failed, open it again")

// maxBatch bounds how many operations one commit carries and with it how long
// a caller waits for the commit of others.
const maxBatch = 1024

// Config is what Open needs to know. The zero Config is ready to use.
type Config struct {
	// Now is the clock by which expired records are collected. It must be safe
	// for concurrent use. Default: time.Now.
	Now func() time.Time

	// LockTimeout is how long Open waits for another process, or another DB of
	// this one, to close the file before it returns ErrLocked. Default: 1 s.
	// Below 0 it does not wait. A process that is just being started by one
	// that had the file open holds it for a moment, too.
	LockTimeout time.Duration

	commit func(*bolt.Tx) error // default (*bolt.Tx).Commit
	stage  func(name string)    // called between the steps of creating a file
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = time.Second
	}
	if c.commit == nil {
		c.commit = (*bolt.Tx).Commit
	}
	if c.stage == nil {
		c.stage = func(string) {}
	}
	return c
}

var _ store.Store = (*DB)(nil)

// A DB is an open file. It is safe for concurrent use.
type DB struct {
	bolt    *bolt.DB
	cfg     Config
	group   *group.Group[op]
	dir     Directory
	writing sync.Mutex // held by the one write transaction
	failed  atomic.Bool

	mu     sync.RWMutex // held for reading by whoever uses bolt
	closed bool
}

func newDB(b *bolt.DB, cfg Config) *DB {
	db := &DB{bolt: b, cfg: cfg}
	db.group = group.New(maxBatch, db.commit)
	db.dir.db = db
	return db
}

// Directory returns the users in the same file.
func (db *DB) Directory() *Directory { return &db.dir }

// Close waits for the calls under way and closes the file. Every later call of
// any method answers store.ErrClosed, another Close nil.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	if err := db.bolt.Close(); err != nil {
		return fmt.Errorf("boltstore: close: %w", err)
	}
	return nil
}

// enter holds the file open until leave, unless it returns an error.
func (db *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.RLock()
	if db.closed {
		db.mu.RUnlock()
		return store.ErrClosed
	}
	if db.failed.Load() {
		db.mu.RUnlock()
		return ErrFailed
	}
	return nil
}

func (db *DB) leave() { db.mu.RUnlock() }

// Get implements [store.Store].
func (db *DB) Get(ctx context.Context, key string) ([]byte, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	defer db.leave()
	var value []byte
	err := db.view(func(tx *bolt.Tx) error {
		found, err := payload(tx.Bucket(bucketRecords).Get([]byte(key)))
		value = clone(found)
		return err
	})
	return value, err
}

// CompareAndSwap implements [store.Store].
func (db *DB) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	if err := store.CheckKey(key); err != nil {
		return nil, false, err
	}
	if len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	if err := db.enter(ctx); err != nil {
		return nil, false, err
	}
	defer db.leave()

	// A lost comparison needs no writer, nor does a swap of nothing by nothing.
	o := op{kind: kindRecord, key: []byte(key), old: old, expires: minuteAfter(expires)}
	match := false
	err = db.view(func(tx *bolt.Tx) error {
		found, err := payload(tx.Bucket(bucketRecords).Get(o.key))
		if match = equal(found, old); !match {
			current = clone(found)
		}
		return err
	})
	if err != nil || !match || (old == nil && new == nil) {
		return current, match && err == nil, err
	}

	if new != nil {
		o.record = make([]byte, headerSize+len(new))
		copy(o.record[headerSize:], new)
	}
	if err := db.group.Do(ctx, &o); err != nil {
		return nil, false, err
	}
	return o.current, o.swapped, o.err
}

// Add implements [store.Store].
func (db *DB) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if err := db.enter(ctx); err != nil {
		return 0, err
	}
	defer db.leave()
	o := op{kind: kindCounter, key: []byte(key), delta: delta, expires: minuteAfter(expires)}
	o.record = make([]byte, counterSize)
	if err := db.group.Do(ctx, &o); err != nil {
		return 0, err
	}
	return o.sum, o.err
}

// Sweep drops every record and every counter that has expired and returns how
// many it dropped. It works in short transactions, between which others write,
// and looks at nothing that has not expired. Its error is that of the
// transaction that failed, or of the context; what it dropped before stays
// dropped and counted.
func (db *DB) Sweep(ctx context.Context) (int, error) {
	const atOnce = 512
	total := 0
	for {
		if err := db.enter(ctx); err != nil {
			return total, err
		}
		var seen, dropped int
		err := db.update(func(tx *bolt.Tx) (bool, error) {
			var err error
			seen, dropped, err = open(tx).collect(minuteOf(db.cfg.Now()), atOnce)
			return seen > 0, err
		})
		db.leave()
		if err != nil {
			return total, err
		}
		total += dropped
		if seen < atOnce {
			return total, nil
		}
	}
}

// equal reports whether two values are the same, telling nil from empty.
func equal(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

// clone copies a value out of a transaction's memory, nil staying nil and
// empty staying empty.
func clone(value []byte) []byte {
	if value == nil {
		return nil
	}
	return append([]byte{}, value...)
}
