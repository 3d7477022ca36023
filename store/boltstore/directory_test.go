package boltstore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// change runs in no transaction: it may take its time, use the store, and loses
// to a change that was faster.
func TestChangeRunsOutsideOfTransactions(t *testing.T) {
	t.Parallel()
	db := openTemp(t, new(clock).config())
	d := db.Directory()
	if err := d.Create(t.Context(), someone(1)); err != nil {
		t.Fatal(err)
	}
	runs := 0
	u, err := d.Update(t.Context(), someone(1).ID, func(u *store.User) error {
		if _, err := db.Add(t.Context(), "changes", 1, after(time.Hour)); err != nil {
			return err
		}
		if runs++; runs == 1 {
			_, err := d.Update(t.Context(), u.ID, func(u *store.User) error {
				u.Roles = append(u.Roles, "faster")
				return nil
			})
			if err != nil {
				return err
			}
		}
		u.Roles = append(u.Roles, "slower")
		return nil
	})
	if err != nil || runs != 2 || strings.Join(u.Roles, " ") != "faster slower" {
		t.Errorf("roles %q after %d runs, %v", u.Roles, runs, err)
	}
	// One that deletes the user.
	_, err = d.Update(t.Context(), someone(1).ID, func(u *store.User) error {
		_, err := d.Delete(t.Context(), u.ID)
		return err
	})
	if err != store.ErrNotFound {
		t.Errorf("Update of a user deleted meanwhile: %v", err)
	}
}

// A context that ends while its caller waits for the writer counts.
func TestContextWhileWaiting(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan bool), make(chan bool)
	var commits atomic.Int32
	db := openTemp(t, Config{commit: func(tx *bolt.Tx) error {
		if commits.Add(1) == 1 {
			close(entered)
			<-leave
		}
		return tx.Commit()
	}})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Directory().Create(context.Background(), someone(1)); err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if err := db.Directory().Create(ctx, someone(2)); err != context.Canceled {
			t.Errorf("Create: %v, want the context's error", err)
		}
	})
	giveWay() // for it to wait
	cancel()
	close(leave)
	wg.Wait()
	if _, err := db.Directory().Lookup(t.Context(), store.ByID, someone(2).ID); err != store.ErrNotFound {
		t.Errorf("Lookup: %v", err)
	}
}

func TestUsersThatCannotBeKept(t *testing.T) {
	t.Parallel()
	db := openTemp(t, Config{})
	d := db.Directory()
	long := strings.Repeat("x", 1<<15+1)
	for name, change := range map[string]func(*store.User){
		"long id":           func(u *store.User) { u.ID = long },
		"long address":      func(u *store.User) { u.Phones[0].Address = long },
		"long external id":  func(u *store.User) { u.ExternalID = long },
		"metadata not JSON": func(u *store.User) { u.Trusted = json.RawMessage("{") },
		"a year too late":   func(u *store.User) { u.CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		u := someone(1)
		change(&u)
		if err := d.Create(t.Context(), u); !errors.Is(err, store.ErrUser) {
			t.Errorf("%s: %v, want ErrUser", name, err)
		}
	}
	if p, err := d.Search(t.Context(), store.Query{}); len(p.Users) != 0 || err != nil {
		t.Errorf("%d users, %v", len(p.Users), err)
	}
	if _, err := d.Lookup(t.Context(), store.ByPhone, long); err != store.ErrNotFound {
		t.Errorf("Lookup of a long value: %v", err)
	}
}
