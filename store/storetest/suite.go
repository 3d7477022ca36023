// Package storetest proves stores.
//
// [Run] tests that a [store.Store], and [RunDirectory] that a
// [store.Directory], keeps its contract. Who writes a store calls them from a
// test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
//			s := mystore.New(mystore.Config{Now: now})
//			t.Cleanup(func() { s.Close() })
//			return s
//		})
//	}
//
// Every property is a subtest of its own, runs in parallel with the others on
// a fresh store, and ends at a deadline, so that a broken store fails and
// does not hang. The store is filled before a property begins, because small
// stores hide faults (a nearly empty B+tree page is copied where a full one is
// not), and what it was filled with must be unharmed at the end. Run the suite
// with -race: several faults show only there.
//
// [RunFaulty] tests what a store tells its callers while its calls fail.
//
// [RunExport] walks through a directory of any size while it changes.
//
// What depends on the store is left to its own tests: when it is full, what it
// says after it was closed, and that a durable one keeps what it confirmed.
//
// For the tests of what is built on a store there are two wrappers: [Faulty]
// fails calls by plan, before or after the change was made, and [Recorder]
// writes down which calls were made.
//
// The package depends on the standard library and package store.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// An Opener opens a fresh, empty store that takes the time from now when it
// decides what may be collected; a store whose server has the clock may ignore
// now, unless it is a [Sweeper]. The opener closes the store through t.Cleanup.
// A store with a fixed size needs room for 10,000 records and 4 MiB.
//
// now begins at the real time, stands still, and is moved forward by hand, by
// days. It is safe for concurrent use.
type Opener func(t *testing.T, now func() time.Time) store.Store

// A DirectoryOpener opens a fresh, empty directory. It closes the directory
// through t.Cleanup.
type DirectoryOpener func(t *testing.T) store.Directory

// A Sweeper is a store that can be told to collect. Sweep removes every value
// and counter whose time has passed, nothing else, and returns how many it
// removed. [Run] tests Sweep where a store has it.
type Sweeper interface {
	Sweep(ctx context.Context) (removed int, err error)
}

// limit is how long a property may take before it fails.
const limit = 30 * time.Second

// directoryLimit is how long one of a directory may take. Some make thousands of
// searches, which a database plans anew each time.
const directoryLimit = 4 * limit

// Run tests that a store keeps the contract of [store.Store].
func Run(t *testing.T, open Opener) {
	for _, p := range storeProperties {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := open(t, clock.now)
			if why := p.try(t, s, clock, limit); why != "" {
				t.Skip(why)
			}
		})
	}
}

// RunDirectory tests that a directory keeps the contract of
// [store.Directory].
func RunDirectory(t *testing.T, open DirectoryOpener) {
	for _, p := range directoryProperties {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.try(t, open(t), directoryLimit)
		})
	}
}
