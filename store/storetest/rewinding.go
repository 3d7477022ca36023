package storetest

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A Rewinding is a [store.Store] in memory that goes back in time when told to,
// as a server does that crashed and came back with an older copy of its data.
// From then on every value reads with [store.Rewound] before it until it is
// swapped. It is for the tests of what is built on a store. It is safe for
// concurrent use and collects nothing.
type Rewinding struct {
	mu          sync.Mutex
	now, copied moment
}

// A moment is all that is stored. Slices in it are never written to.
type moment struct {
	values   map[string][]byte
	counters map[string]int64
}

func (m moment) clone() moment { return moment{maps.Clone(m.values), maps.Clone(m.counters)} }

var _ store.Store = (*Rewinding)(nil)

// NewRewinding returns an empty store whose older copy is empty too.
func NewRewinding() *Rewinding {
	empty := moment{make(map[string][]byte), make(map[string]int64)}
	return &Rewinding{now: empty, copied: empty.clone()}
}

// Copy keeps a copy of what is stored now.
func (r *Rewinding) Copy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copied = r.now.clone()
}

// Rewind puts the last copy in the place of what is stored.
func (r *Rewinding) Rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.copied.clone()
	for key, value := range r.now.values {
		if _, rewound := store.CutRewound(value); !rewound {
			r.now.values[key] = append([]byte(store.Rewound), value...)
		}
	}
}

// Get is [store.Store].Get.
func (r *Rewinding) Get(ctx context.Context, key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := begin(ctx, key); err != nil {
		return nil, err
	}
	return bytes.Clone(r.now.values[key]), nil
}

// CompareAndSwap is [store.Store].CompareAndSwap.
func (r *Rewinding) CompareAndSwap(ctx context.Context, key string, old, new []byte, _ time.Time) (current []byte, swapped bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := begin(ctx, key); err != nil {
		return nil, false, err
	}
	if _, rewound := store.CutRewound(new); rewound || len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	value := r.now.values[key]
	if !bytes.Equal(value, old) || (value == nil) != (old == nil) {
		return bytes.Clone(value), false, nil
	}
	if new == nil {
		delete(r.now.values, key)
	} else {
		r.now.values[key] = bytes.Clone(new)
	}
	return nil, true, nil
}

// Add is [store.Store].Add.
func (r *Rewinding) Add(ctx context.Context, key string, delta int64, _ time.Time) (sum int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := begin(ctx, key); err != nil {
		return 0, err
	}
	r.now.counters[key] += delta
	return r.now.counters[key], nil
}

func begin(ctx context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	return ctx.Err()
}
