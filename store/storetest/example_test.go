package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// A mapStore is a store of your own. This one never collects, which the
// contract allows.
type mapStore struct {
	mu       sync.Mutex
	values   map[string][]byte
	counters map[string]int64
}

var _ store.Store = (*mapStore)(nil)

func newMapStore() *mapStore {
	return &mapStore{values: make(map[string][]byte), counters: make(map[string]int64)}
}

func (s *mapStore) begin(ctx context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	return ctx.Err()
}

func (s *mapStore) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx, key); err != nil {
		return nil, err
	}
	return bytes.Clone(s.values[key]), nil
}

func (s *mapStore) CompareAndSwap(ctx context.Context, key string, old, new []byte, _ time.Time) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx, key); err != nil {
		return nil, false, err
	}
	if len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	value := s.values[key]
	if !bytes.Equal(value, old) || (value == nil) != (old == nil) {
		return bytes.Clone(value), false, nil
	}
	if new == nil {
		delete(s.values, key)
	} else {
		s.values[key] = bytes.Clone(new)
	}
	return nil, true, nil
}

func (s *mapStore) Add(ctx context.Context, key string, delta int64, _ time.Time) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx, key); err != nil {
		return 0, err
	}
	s.counters[key] += delta
	return s.counters[key], nil
}

// TestMapStore is all that it takes to prove mapStore.
func TestMapStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T, func() time.Time) store.Store { return newMapStore() })
}

// The whole of a test that proves a store, to be called from a function
// TestStore. This one needs neither the clock nor to be closed.
func ExampleRun() {
	testStore := func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
			return newMapStore()
		})
	}
	_ = testStore
}

// countGuess counts a guess and says whether one more is allowed. A store that
// fails must not give a guess away.
func countGuess(ctx context.Context, s store.Store, key string) bool {
	n, err := s.Add(ctx, key, 1, time.Now().Add(time.Hour))
	return err == nil && n <= 3
}

// A program that counts guesses is tested with a store whose third reply is
// lost: the guess was counted, and it is refused.
func ExampleNewFaulty() {
	s := storetest.NewFaulty(newMapStore(), func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Add && c.N == 2 {
			return storetest.After
		}
		return storetest.None
	})
	for range 4 {
		fmt.Println(countGuess(context.Background(), s, "guesses"))
	}
	// Output:
	// true
	// true
	// false
	// false
}

// Two paths that must not be told apart from outside make the same calls.
func ExampleRecorder() {
	ctx := context.Background()
	trace := func(path func(store.Store) error) (calls []storetest.Call) {
		r := storetest.NewRecorder(newMapStore())
		if err := path(r); err != nil {
			fmt.Println(err)
		}
		return r.Calls()
	}
	known := trace(func(s store.Store) error {
		_, err := s.Get(ctx, "user")
		countGuess(ctx, s, "user")
		return err
	})
	unknown := trace(func(s store.Store) error {
		if _, err := s.Get(ctx, "user"); err != nil {
			return err
		}
		return errors.New("unknown user")
	})
	fmt.Println(known)
	fmt.Println(unknown)
	// Output:
	// unknown user
	// [{Get user 0} {Add user 1}]
	// [{Get user 0}]
}
