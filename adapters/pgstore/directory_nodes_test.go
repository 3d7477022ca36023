package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

// nodes opens a new database several times, as several processes do.
func nodes(t *testing.T, n int) []*DB {
	t.Helper()
	url := testDatabase(t)
	// Any lock that is waited for is looked into.
	execAt(t, url, "ALTER DATABASE "+databaseOf(t, url)+" SET deadlock_timeout = '5ms'")
	all := make([]*DB, n)
	for i := range all {
		all[i] = openDB(t, url, Config{Migrate: true, Timeout: 30 * time.Second})
	}
	return all
}

// wantNoDeadlocks closes the databases, because what a connection counted is
// counted once it has ended.
func wantNoDeadlocks(t *testing.T, all []*DB) {
	t.Helper()
	name := all[0].pool.Config().ConnConfig.Database
	for _, db := range all {
		db.Close()
	}
	conn, err := pgx.Connect(t.Context(), server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var deadlocks int
	for left := 1; left > 0 && err == nil; {
		err = conn.QueryRow(t.Context(), `SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend')
			FROM pg_stat_database WHERE datname = $1`, name).Scan(&deadlocks, &left)
	}
	if err != nil || deadlocks != 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
}

// Users who take, give up and exchange the same few values from three nodes get
// in each other's way all the time, and never in a circle; and the tables hold
// what the users say.
func TestUsersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const users, things, rounds = 24, 6, 60
	all := nodes(t, 3)
	id := func(i int) string { return fmt.Sprintf("user%d", i) }
	// some returns some of the values, in no order.
	some := func(kind string) (list []string) {
		for _, n := range rand.Perm(things)[:rand.N(things)] {
			list = append(list, fmt.Sprintf("%s%d", kind, n))
		}
		return list
	}
	arrange := func(u *store.User) {
		owns := len(u.Phones)+len(u.Emails) > 0
		u.Phones, u.Emails, u.TOTPs, u.ExternalID = nil, nil, nil, ""
		if owns && rand.N(3) > 0 {
			return // for others to take
		}
		ids := some("id")
		for i, address := range append(some("phone"), some("email")...) {
			if i == len(ids) {
				break
			}
			m := store.Method{ID: ids[i], Address: address, Verified: rand.N(2) == 0}
			if i%2 == 0 {
				u.Phones = append(u.Phones, m)
			} else {
				u.Emails = append(u.Emails, m)
			}
		}
		if rand.N(2) == 0 {
			u.ExternalID = fmt.Sprintf("external%d", rand.N(things))
		}
	}
	for i := range users {
		if err := all[0].Directory().Create(t.Context(), store.User{ID: id(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	var done, taken atomic.Int64
	for _, db := range all {
		d := db.Directory()
		for range 8 {
			wg.Go(func() {
				for range rounds {
					u := store.User{ID: id(rand.N(users))}
					var err error
					switch rand.N(10) {
					case 0, 1:
						arrange(&u)
						err = d.Create(t.Context(), u)
					case 2:
						_, err = d.Delete(t.Context(), u.ID)
					default:
						_, err = d.Update(t.Context(), u.ID, func(u *store.User) error { arrange(u); return nil })
					}
					switch {
					case err == nil:
						done.Add(1)
					case errors.Is(err, store.ErrTaken):
						taken.Add(1)
					case !errors.Is(err, store.ErrNotFound):
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	audit(t, all[0])
	if t.Logf("%d done, %d taken", done.Load(), taken.Load()); done.Load() == 0 || taken.Load() == 0 {
		t.Error("they did not meet")
	}
	wantNoDeadlocks(t, all)
}

// Of many nodes that ask for one value one gets it, and the rest are told who.
func TestOneNodeWins(t *testing.T) {
	t.Parallel()
	all := nodes(t, 4)
	for round := range 10 {
		var wg sync.WaitGroup
		var winner atomic.Pointer[string]
		var losers sync.Map
		for i := range 24 {
			wg.Go(func() {
				u := someone(fmt.Sprintf("racer%d-%d", round, i))
				u.Emails[0].Address = fmt.Sprintf("shared-%d@example.com", round)
				err := all[i%len(all)].Directory().Create(t.Context(), u)
				taken, ok := errors.AsType[*store.TakenError](err)
				switch {
				case err == nil && !winner.CompareAndSwap(nil, &u.ID):
					t.Errorf("%s and %s have the same address", *winner.Load(), u.ID)
				case ok && taken.Index == store.ByEmail:
					losers.Store(taken.Owner, true)
				case err != nil:
					t.Errorf("Create: %v", err)
				}
			})
		}
		wg.Wait()
		losers.Range(func(owner, _ any) bool {
			if winner.Load() == nil || owner != *winner.Load() {
				t.Errorf("a loser was told that %q has the address", owner)
			}
			return true
		})
	}
	audit(t, all[0])
	wantNoDeadlocks(t, all)
}

// A change that many nodes make to one user is made as often as they say.
func TestNodesCountInOneUser(t *testing.T) {
	t.Parallel()
	const callers, each = 12, 5
	all := nodes(t, 3)
	if err := all[0].Directory().Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				_, err := all[i%len(all)].Directory().Update(t.Context(), "someone", func(u *store.User) error {
					u.Lock.Failures++
					u.Phones[0].Verified = u.Lock.Failures%2 == 0 // goes to another table as well
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if u, err := all[0].Directory().Lookup(t.Context(), store.ByID, "someone"); err != nil || u.Lock.Failures != callers*each {
		t.Errorf("%d changes are counted as %d, %v", callers*each, u.Lock.Failures, err)
	}
	audit(t, all[0])
}

// Users are counted right whatever becomes of the transactions that add and
// remove them, and nobody waits for who does.
func TestUsersAreCounted(t *testing.T) {
	t.Parallel()
	db := openDB(t, testDatabase(t), Config{Migrate: true})
	d := db.Directory()
	ctx := t.Context()
	for i := range 5 {
		if err := d.Create(ctx, someone(fmt.Sprint("user", i))); err != nil {
			t.Fatal(err)
		}
	}
	// Somebody is slow: the rest goes on.
	slow, err := db.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec(ctx, db.schema.sql("DELETE FROM passcode.users WHERE id IN ('user0', 'user1')")); err != nil {
		t.Fatal(err)
	}
	within, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	if err := d.Create(within, someone("beside")); err != nil {
		t.Errorf("Create beside a slow transaction: %v", err)
	}
	total := func(want int) {
		t.Helper()
		if page, err := d.Search(ctx, store.Query{Total: true}); err != nil || page.Total != want || len(page.Users) != want {
			t.Errorf("the total is %d, with %d users, %v; want %d", page.Total, len(page.Users), err, want)
		}
	}
	total(6)
	if err := slow.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	total(6)
	exec(t, db, "DELETE FROM passcode.users WHERE id IN ('user0', 'user1')")
	total(4)
	audit(t, db)
	exec(t, db, "TRUNCATE passcode.users CASCADE")
	total(0)
	audit(t, db)
}
