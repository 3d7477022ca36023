package pgstore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/group"
	"github.com/passcode-go/passcode/store"
)

func TestPoolSize(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	url := db.pool.Config().ConnString()
	most := max(10, runtime.NumCPU())
	for params, want := range map[string][3]int{
		"":                   {most, most - 6, (most - 6) / 2},
		"&pool_max_conns=1":  {1, 1, 1},
		"&pool_max_conns=4":  {4, 1, 1},
		"&pool_max_conns=9":  {9, 3, 1},
		"&pool_max_conns=20": {20, 14, 7},
	} {
		db, err := Open(t.Context(), url+params, db.cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]int{int(db.pool.Config().MaxConns), cap(db.users), cap(db.searches)}
		db.Close()
		if got != want {
			t.Errorf("%q: connections, users, searches %d, want %d", params, got, want)
		}
	}
}

// Calls of a Directory that wait, even more of them than there are connections,
// keep no call of the Store waiting, and searches no other call of the Directory.
func TestSearchesHoldUpNobody(t *testing.T) {
	t.Parallel()
	for _, params := range []string{"&pool_max_conns=2", "&pool_max_conns=4", ""} {
		t.Run(params, func(t *testing.T) {
			t.Parallel()
			owner := openDB(t, testDatabase(t), Config{Migrate: true})
			db, err := Open(t.Context(), owner.pool.Config().ConnString()+params, Config{Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			d := db.Directory()
			if err := d.Create(t.Context(), someone("someone")); err != nil {
				t.Fatal(err)
			}
			lock, err := owner.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// A search for text in addresses reads this table, a look-up by id does not.
			if _, err := lock.Exec(t.Context(), "LOCK TABLE passcode.emails"); err != nil {
				t.Fatal(err)
			}
			var searches sync.WaitGroup
			for range 20 {
				searches.Go(func() {
					_, err := d.Search(t.Context(), store.Query{Filters: []store.Filter{{By: store.FieldEmailText, Text: "b"}}})
					if err != nil {
						t.Error(err)
					}
				})
			}
			for len(db.searches) < cap(db.searches) { // until they wait for the lock
				runtime.Gosched()
			}
			for call, err := range each(t.Context(), db, []byte("a")) {
				if err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
			if cap(db.users) > 1 {
				if _, err := d.Lookup(t.Context(), store.ByID, "someone"); err != nil {
					t.Errorf("Lookup: %v", err)
				}
			}
			if db.pool.Stat().AcquiredConns() != int32(cap(db.searches)) {
				t.Errorf("searches have %d connections, want %d", db.pool.Stat().AcquiredConns(), cap(db.searches))
			}

			if err := lock.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
			searches.Wait()
		})
	}
}

// A call of a Directory that finds no room in time is told so.
func TestNoRoomForUsers(t *testing.T) {
	t.Parallel()
	db := hasty(testDB(t, Config{}), 50*time.Millisecond)
	for _, room := range []slots{db.searches, db.users} {
		for range cap(room) {
			if err := room.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for call, err := range everyCall(t.Context(), db.Directory(), "canary1") {
			if !strings.HasPrefix(call, "search") && len(db.users) < cap(db.users) {
				continue
			}
			wantKind(t, call, err, ErrTimeout)
			if err != nil && !strings.Contains(err.Error(), "no room") {
				t.Errorf("%s: %q does not say why", call, err)
			}
		}
	}
	patient := hasty(db, time.Hour)
	patient.users = db.users
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := patient.Directory().Lookup(ctx, store.ByID, "someone"); err != context.Canceled {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// What Timeout says holds for a call whatever it is made of, and for its wait in
// the queue: it starts nothing when the time has passed.
func TestWholeCallEnds(t *testing.T) {
	t.Parallel()
	db := hasty(testDB(t, Config{}), 2*time.Second)
	mustSwap(t, db, "key", nil, []byte("a"))
	begun, release := make(chan bool), make(chan bool)
	db.gets = group.New(1, func([]*get, func() []*get) error { begun <- true; <-release; return nil })
	db.adds = group.New(1, func([]*add, func() []*add) error { begun <- true; <-release; return nil })
	var leaders sync.WaitGroup
	leaders.Go(func() { db.Get(t.Context(), "key") })
	leaders.Go(func() { db.Add(t.Context(), "key", 1, expires) })
	<-begun
	<-begun
	for call, err := range map[string]func() error{
		"Get": func() error { _, err := db.Get(t.Context(), "key"); return err },
		"Add": func() error { _, err := db.Add(t.Context(), "key", 1, expires); return err },
		"CompareAndSwap that finds another value": func() error {
			_, swapped, err := db.CompareAndSwap(t.Context(), "key", []byte("b"), []byte("c"), expires)
			if swapped {
				t.Error("swapped")
			}
			return err
		},
	} {
		err := err()
		wantKind(t, call, err, ErrTimeout)
		if errors.Is(err, ErrTimeout) && !strings.Contains(err.Error(), "came first") {
			t.Errorf("%s: %q does not say why", call, err)
		}
	}
	close(release)
	leaders.Wait()
}

// One collects at a time; what another would have collected is not forgotten.
func TestOneCollects(t *testing.T) {
	t.Parallel()
	clock := new(clock)
	db := testDB(t, Config{Now: clock.now})
	fill(t, db, 1000, at(time.Minute))
	clock.set(time.Hour)
	if err := db.sweeping.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		db.collect(t.Context())
	}
	if n := rows(t, db); n != 2000 {
		t.Errorf("%d rows are left, want all", n)
	}
	db.sweeping.give()
	db.collect(t.Context())
	if n := rows(t, db); n != 2*(1000-4*201) {
		t.Errorf("%d rows are left, want those that 201 writes do not pay for", n)
	}
}
