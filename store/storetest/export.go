package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// ExportUser returns the n-th user that [RunExport] expects.
func ExportUser(n int) store.User {
	return store.User{ID: fmt.Sprintf("user-%06d", n), Status: store.Active, ExternalID: fmt.Sprint(n)}
}

// RunExport walks through a Directory in pages of store.MaxLimit while others
// create, change and delete users between those that stay, and fails the test
// unless each of those is seen exactly once. The Directory holds so many
// [ExportUser]s and nobody else: filling it is left to the caller, who may know
// a faster way than Create. 100,000 is a good number, which the suite of
// [RunDirectory] is too small to find mistakes of.
func RunExport(t *testing.T, d store.Directory, users int) {
	t.Helper()
	ctx := t.Context()
	active := []store.Filter{{By: store.FieldStatus, Values: []string{string(store.Active)}}}
	for _, filters := range [][]store.Filter{nil, active} {
		if page, err := d.Search(ctx, store.Query{Filters: filters, Total: true, Limit: 1}); err != nil || page.Total != users {
			t.Fatalf("with %d filters the directory has %d users, %v; want %d", len(filters), page.Total, err, users)
		}
	}
	var done atomic.Bool
	var others sync.WaitGroup
	defer others.Wait()
	defer done.Store(true)
	for w := range 4 {
		others.Go(func() {
			for n := 0; !done.Load(); n++ {
				extra := store.User{ID: fmt.Sprintf("%s+%d", ExportUser(n*7919%users).ID, w), Status: store.Active}
				err := d.Create(ctx, extra)
				if err == nil {
					_, err = d.Update(ctx, ExportUser(n*104729%users).ID, func(u *store.User) error { u.Roles = []string{"changed"}; return nil })
				}
				if err == nil {
					_, err = d.Delete(ctx, extra.ID)
				}
				if err != nil {
					t.Errorf("beside the walk: %v", err)
					return
				}
			}
		})
	}
	seen := make(map[string]int, users)
	q := store.Query{Limit: store.MaxLimit, Filters: active}
	for {
		page, err := d.Search(ctx, q)
		if err != nil {
			t.Fatalf("Search: %v", err)
		}
		for _, u := range page.Users {
			seen[u.ID]++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	done.Store(true)
	others.Wait()
	for n := range users {
		if id := ExportUser(n).ID; seen[id] != 1 {
			t.Fatalf("the walk saw %s %d times", id, seen[id])
		}
	}
	if page, err := d.Search(ctx, store.Query{Total: true, Limit: 1}); err != nil || page.Total != users {
		t.Fatalf("the directory has %d users afterwards, %v; want %d", page.Total, err, users)
	}
}
