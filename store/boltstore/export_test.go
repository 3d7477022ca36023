package boltstore

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// An export of 100,000 users in pages, while others are made, changed and
// deleted between them, has everybody who was there all the time once.
func TestExport(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("100,000 users take a moment: not with -short")
	}
	const users = 100_000
	path := filepath.Join(t.TempDir(), "passcode.db")
	db, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	id := func(i int) string { return fmt.Sprintf("user-%06d", i) }
	// At once, as no caller can, and uncounted, as in a file of an old version.
	err = db.bolt.Update(func(tx *bolt.Tx) error {
		for i := range users {
			u := store.User{ID: id(i), Status: store.Active, ExternalID: fmt.Sprint(i)}
			data, err := encode(&u)
			if err != nil {
				return err
			}
			if err := keep(tx, &u, data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), path, Config{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d := db.Directory()
	if page, err := d.Search(t.Context(), store.Query{Total: true, Limit: 1}); err != nil || page.Total != users {
		t.Fatalf("%d users, %v", page.Total, err)
	}

	var done atomic.Bool
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := 0; !done.Load(); n++ {
				extra := store.User{ID: fmt.Sprintf("%s+%d", id(n*7919%users), w), Status: store.Active}
				if err := d.Create(t.Context(), extra); err != nil {
					t.Error(err)
					return
				}
				if _, err := d.Update(t.Context(), id(n*104729%users), func(u *store.User) error { u.Roles = []string{"x"}; return nil }); err != nil {
					t.Error(err)
					return
				}
				if _, err := d.Delete(t.Context(), extra.ID); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := make(map[string]int, users)
	q := store.Query{Limit: store.MaxLimit, Filters: []store.Filter{{By: store.FieldStatus, Values: []string{"active"}}}}
	for {
		page, err := d.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			seen[u.ID]++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	done.Store(true)
	wg.Wait()
	for i := range users {
		if n := seen[id(i)]; n != 1 {
			t.Fatalf("%s was seen %d times", id(i), n)
		}
	}
	if page, err := d.Search(t.Context(), store.Query{Total: true, Limit: 1}); err != nil || page.Total != users {
		t.Errorf("%d users afterwards, %v", page.Total, err)
	}
}
