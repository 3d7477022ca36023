// Package memstore keeps passcode's records and users in memory.
//
// Everything is lost when the process ends. That is right for tests, and for
// programs that may forget pending codes, guess counts and locks at a restart:
// people who wait for a code ask for another one, and a guesser gets a fresh
// count. Where that is too much to forget, and for more than one process, use
// a durable store.
//
//	st, err := memstore.New(memstore.Config{})
//	users := memstore.NewDirectory()
//
// [Store] holds hot records, up to a bound on memory. Nothing runs in the
// background: every write drops a few records whose time is over, and
// [Store.Sweep] drops all of them for a program that wants its memory back
// after a quiet hour. [Directory] holds users, as many as fit.
//
// # How a Store is laid out
//
// A Store is 64 shards, chosen by a hash with a random seed, so that nobody
// who picks keys can aim at one shard. A shard is a mutex, an index and a
// slab. The index is one array with linear probing whose slots hold hash,
// length and expiry of a record and the number of its item in the slab; the
// slab cuts items out of chunks of bytes and has the key beside the value.
// Neither has a pointer in it, so the garbage collector does not look inside,
// and looking for dead records reads the index alone. BenchmarkGC and
// BenchmarkVerify in this package show what this buys.
package memstore
