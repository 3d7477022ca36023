package accounts_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// TestExport walks through 100,000 users while others are created, changed and
// deleted. Who is there throughout is seen once, whatever happens around.
func TestExport(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 users")
	}
	t.Parallel()
	const users, limit = 100_000, store.MaxLimit
	b := newBench(t)
	b.Accounts = newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: b.directory.Directory, Now: b.kit.Clock.Now})
	var stays, goes []string
	for i := range users {
		id := accounts.UserID.New(false)
		err := b.directory.Directory.Create(t.Context(), store.User{
			ID: id, Status: store.Active, CreatedAt: b.kit.Clock.Now(),
			Emails: []store.Method{{ID: accounts.EmailID.New(false), Address: fmt.Sprintf("user%d@example.com", i), Verified: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			goes = append(goes, id)
		} else {
			stays = append(stays, id)
		}
	}

	done := make(chan struct{})
	var changes atomic.Int64
	var group sync.WaitGroup
	work := func(do func(i int) error) {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := do(i); err != nil {
					t.Error(err)
					return
				}
				changes.Add(1)
			}
		})
	}
	work(func(i int) error {
		_, err := b.Create(t.Context(), accounts.NewUser{Email: fmt.Sprintf("new%d@example.com", i)})
		return err
	})
	work(func(i int) error {
		_, err := b.Update(t.Context(), stays[i*7919%len(stays)], accounts.Change{Trusted: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))})
		return err
	})
	work(func(i int) error {
		if i == len(goes) {
			<-done
			return nil
		}
		_, err := b.Delete(t.Context(), goes[i])
		return err
	})

	seen := make(map[string]int, users)
	last, pages := "", 0
	for q := (store.Query{Limit: limit}); ; pages++ {
		page, err := b.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Users {
			id := page.Users[i].ID
			if id <= last {
				t.Fatalf("%s after %s", id, last)
			}
			last = id
			seen[id]++
		}
		if len(page.Users) > limit || len(page.Users) < limit && page.Next != "" {
			t.Fatalf("page %d has %d users", pages, len(page.Users))
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	close(done)
	group.Wait()
	for _, id := range stays {
		if seen[id] != 1 {
			t.Fatalf("%s was seen %d times", id, seen[id])
		}
	}
	if changes.Load() == 0 {
		t.Error("nothing happened meanwhile")
	}
	t.Logf("%d pages, %d users seen, %d changes meanwhile", pages+1, len(seen), changes.Load())
}
