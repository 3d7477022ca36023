// Package history proves stores, and engines on them, by histories: it has 4 to
// 16 callers do random things at the same time, writes down when each call
// began and ended and what it was told, and asks
// [github.com/anishathalye/porcupine] whether there is an order of the calls, one
// after another, in which a correct store would have said the same. If there is
// none the store is not linearizable: somebody was told what nobody may be told.
//
// Who writes a store calls [Run] beside storetest.Run:
//
//	var options history.Options
//
//	func TestMain(m *testing.M) {
//		options.Flags(flag.CommandLine)
//		flag.Parse()
//		os.Exit(m.Run())
//	}
//
//	func TestHistories(t *testing.T) {
//		history.Run(t, func(t *testing.T) []store.Store { return []store.Store{open(t)} }, options)
//	}
//
// A program calls [CheckStore] and [CheckEngine].
//
// # Commands
//
// The tests of this package do so with every store of passcode, on servers of
// their own, and plant flaws that have to be found:
//
//	go test ./bench/history                                              # 200 histories for each store and level; 20 with -short or -race
//	go test ./bench/history -run TestStores -histories 5000 -timeout 2h  # what runs at night
//	go test ./bench/history -run 'TestStores/^redisstore$' -v            # one store, and what was counted
//
// A failure prints the seed of its history, the command that makes it again, and
// the path of a page that shows it in a browser. A seed gives the same calls
// and the same troubles. Where callers take turns, as they do in every other
// pair of histories of engines, it gives the same history, call by call, on
// every store and machine. Elsewhere the scheduler has a say: raise -histories
// and begin some seeds earlier, or set -count to 100.
//
// # What is modelled
//
// Of a store, at each key: a register with Get and CompareAndSwap, which tells
// absent from empty, deletes, and returns what it found when it refuses and
// nothing when it swaps; and a counter with Add, in a space of its own. Callers
// overwrite their slices once a call has returned. Expiry is not modelled;
// storetest is there for it.
//
// Of engines, at each address: all that Start, Resend, Verify, VerifyAddress and
// Cancel may answer, to the number of attempts left and the moment at which a
// lock ends, as a sequential specification of its own; written once more, and
// not from the engine's code. Two or three engines with the same keys share the
// store, each with a cache of its own, and every call goes to any of them. Four
// policies make every limit bind. The clock moves while nobody calls, over what
// lifetimes, windows and locks last, but by less than a day in all.
//
// Some promises are checked besides, without any model and order: a code is
// accepted at most once; not one that was replaced, cancelled or expired
// before; at most Tries guesses of it were compared; an address bore at most
// PerDay wrong guesses, whatever was resent; no window had more sends than its
// budget.
//
// # Unknown
//
// In every other history calls get lost before they reach the store, replies get
// lost on the way back, and callers hang up, by storetest.Faulty and by deadlines
// of microseconds. A call that returned an error is unknown: it may have
// happened, may yet happen at any time until the end, or never; at most once. In
// the histories between nothing is in the way, and a call that fails fails the
// history.
//
// A history that the checker cannot judge in time fails, too.
package history
