package boltstore

import (
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// view calls read in a read transaction. The caller holds the file open, and
// must not wait for the writer inside read.
func (db *DB) view(read func(*bolt.Tx) error) (err error) {
	defer db.guard(&err)()
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return fmt.Errorf("boltstore: read: %w", err)
	}
	defer tx.Rollback()
	return read(tx)
}

// update calls write in a write transaction and commits if write changed
// something and returned no error. Otherwise it rolls back, which touches no
// disk.
func (db *DB) update(write func(*bolt.Tx) (changed bool, err error)) (err error) {
	// bbolt has a lock for this, but lets go of it before a failure is known.
	db.writing.Lock()
	defer db.writing.Unlock()
	if db.failed.Load() {
		return ErrFailed
	}
	defer db.guard(&err)()
	tx, err := db.bolt.Begin(true)
	if err != nil {
		return fmt.Errorf("boltstore: write: %w", err)
	}
	defer tx.Rollback()
	changed, err := write(tx)
	if err != nil || !changed {
		return err
	}
	id := tx.ID()
	if err := db.cfg.commit(tx); err != nil {
		db.doubt(id)
		return fmt.Errorf("boltstore: commit: %w", err)
	}
	return nil
}

// doubt looks whether a failed commit has written the page that makes it
// valid. If so, it is visible but perhaps not on the disk, and the pages that
// the state on the disk needs would be free for the next commit to overwrite:
// nothing may be written any more. If not, the commit has left no trace, a full
// disk for example, and the next one may go well.
func (db *DB) doubt(id int) {
	tx, err := db.bolt.Begin(false)
	if err != nil {
		db.failed.Store(true)
		return
	}
	defer tx.Rollback()
	if tx.ID() >= id {
		db.failed.Store(true)
	}
}

// guard turns a panic into an error and a failed DB. bbolt panics when it meets
// a page that makes no sense, and memory that is mapped to a file faults when
// the disk cannot be read: neither may take down the host program.
func (db *DB) guard(err *error) func() {
	faults := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(faults)
		if r := recover(); r != nil {
			db.failed.Store(true)
			*err = fmt.Errorf("%w: %v", ErrFailed, r)
		}
	}
}
