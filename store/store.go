// Package store says how passcode remembers.
//
// It holds two contracts and no code that decides anything:
//
//   - [Store] keeps the hot records of the engine: small opaque values that
//     change only by compare-and-swap, and counters that change only by
//     addition. Every rule of the engine is built above these three methods,
//     so a store is a register and a counter and knows nothing of passcodes.
//   - [Directory] keeps users: durable, listed, looked up by phone number,
//     e-mail address, external id and method id.
//
// Package memstore implements both in memory, package boltstore both in one
// file. Who writes another proves it with storetest.Run and
// storetest.RunDirectory.
package store

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// Limits of every Store. An implementation refuses what lies outside with
// [ErrKey] or [ErrValue] and changes nothing.
const (
	MaxKey   = 128       // bytes in a key; the shortest has one
	MaxValue = 64 * 1024 // bytes in a value; an empty value is a value
)

// Rewound stands before a value that was written before the store went back in
// time: its server crashed and came back with older data, or another server with
// older data took its place. To Get and CompareAndSwap alike such a value is
// Rewound followed by what was written; a swap puts an ordinary value in its
// place. What it says may have been replaced before. So callers void in it what
// must happen only once, a code say, and keep the rest; a caller who does not
// know of Rewound finds a malformed value and refuses.
//
// Only a store that cannot promise to keep what it confirmed does this. It
// refuses a new value that begins with Rewound with [ErrValue].
const Rewound = "\xffrewound\x00"

// CutRewound returns a value without [Rewound], and whether it had that.
func CutRewound(value []byte) (written []byte, rewound bool) {
	return bytes.CutPrefix(value, []byte(Rewound))
}

var (
	// ErrKey is returned for a key that is empty, longer than MaxKey, or has a
	// byte outside the printable ASCII characters '!' to '~'.
	ErrKey = errors.New("store: bad key")

	// ErrValue is returned for a value longer than MaxValue.
	ErrValue = errors.New("store: value too large")

	// ErrFull is returned by a store with a fixed size when a write would pass
	// it. Nothing was written.
	ErrFull = errors.New("store: full")

	// ErrClosed is returned by every method after the store was closed.
	ErrClosed = errors.New("store: closed")
)

// A Store keeps small opaque values that change only by compare-and-swap, and
// counters that change only by addition. It holds no policy and reads no
// clock to decide anything but what may be collected.
//
// Every method is linearizable per key, safe for concurrent use and honours
// ctx: a call whose context is done before the write is made writes nothing
// and returns the context's error. Values and counters are separate key
// spaces: the same key may name one of each.
//
// Keys carry no personal data: callers pass keyed digests. A Store copies what
// it keeps and what it returns, because callers reuse their slices.
//
// expires is advice for collection. Before it the record must be kept; after
// it the record may still be returned or may be gone. A swap or an addition
// sets it anew. Callers check times themselves.
//
// An error means unknown: the change may have happened. Callers refuse, so
// that a lost reply can cost a guess too many or a refusal, never an accept.
type Store interface {
	// Get returns the value at key, or nil if there is none. An empty value is
	// returned as an empty slice that is not nil.
	Get(ctx context.Context, key string) (value []byte, err error)

	// CompareAndSwap sets key to new if its value is exactly old. A nil old
	// means that the key must be absent; a nil new deletes it. When it does not
	// swap it returns what it found, nil for nothing, so that a caller can try
	// again without reading. When it swaps, current is nil. Of any number of
	// callers with the same old at most one is told swapped.
	CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error)

	// Add adds delta to the counter at key, 0 if absent, and returns the sum.
	// No two calls that add 1 to one counter return the same sum. A sum past
	// the range of int64 wraps around.
	Add(ctx context.Context, key string, delta int64, expires time.Time) (sum int64, err error)
}

// A Local store says whether it answers from the program's own memory, as fast
// as anybody could who remembers what it answered. Callers then remember
// nothing. A store without the method, as most wrappers are, is not local, which
// costs some memory and no more.
type Local interface {
	Store
	Local() bool
}

// CheckKey returns nil if key is fit for a Store, else an error that wraps
// [ErrKey]. Implementations call it first in every method.
func CheckKey(key string) error {
	if len(key) == 0 || len(key) > MaxKey {
		return ErrKey
	}
	// Eight bytes at a time: a byte outside '!' to '~' sets its top bit in one
	// of the three terms.
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	var bad uint64
	for ; len(key) >= 8; key = key[8:] {
		w := uint64(key[0]) | uint64(key[1])<<8 | uint64(key[2])<<16 | uint64(key[3])<<24 |
			uint64(key[4])<<32 | uint64(key[5])<<40 | uint64(key[6])<<48 | uint64(key[7])<<56
		bad |= w | (w - '!'*ones) | (w + ('\x7f'-'~')*ones)
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return ErrKey
		}
	}
	if bad&tops != 0 {
		return ErrKey
	}
	return nil
}
