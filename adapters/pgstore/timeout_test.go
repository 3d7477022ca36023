package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/servertest"
)

// throughProxy returns the URL of the shared server behind a proxy.
func throughProxy(t *testing.T) (url string, proxy *servertest.Proxy) {
	t.Helper()
	proxy = servertest.NewProxy(t, server(t).Addr())
	return strings.Replace(server(t).URL(), server(t).Addr(), proxy.Addr(), 1), proxy
}

// each makes every kind of call, all at once, and returns their errors.
func each(ctx context.Context, db *DB, value []byte) map[string]error {
	var mu sync.Mutex
	errs := make(map[string]error)
	var wg sync.WaitGroup
	call := func(name string, f func() error) {
		wg.Go(func() {
			err := f()
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	for i := range 4 {
		key := fmt.Sprint("key/", i)
		swap := func(old, new []byte) func() error {
			return func() error { _, _, err := db.CompareAndSwap(ctx, key, old, new, expires); return err }
		}
		call(fmt.Sprint("get ", i), func() error { _, err := db.Get(ctx, key); return err })
		call(fmt.Sprint("update ", i), swap(value, append(value, 'x')))
		call(fmt.Sprint("create ", i), swap(nil, value))
		call(fmt.Sprint("delete ", i), swap(append(value, 'y'), nil))
		call(fmt.Sprint("add ", i), func() error { _, err := db.Add(ctx, key, 1, expires); return err })
	}
	call("sweep", func() error { _, err := db.Sweep(ctx); return err })
	wg.Wait()
	return errs
}

// A server that takes requests and answers none holds nobody for longer than
// Timeout; those who queue when it hangs wait for those before them, once.
func TestHungServer(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	url, proxy := throughProxy(t)
	patient := openDB(t, url, Config{Schema: newName(), Migrate: true})
	mustSwap(t, patient, "key/0", nil, []byte("a"))
	db := hasty(patient, timeout)
	proxy.Swallow(true)
	begin := time.Now()
	for name, err := range each(t.Context(), db, []byte("a")) {
		wantKind(t, name, err, ErrTimeout)
	}
	if took := time.Since(begin); took > 10*timeout {
		t.Errorf("callers were held for %v", took)
	}
	proxy.Swallow(false)
	// What was on the way to be connected is given up first.
	var errs map[string]error
	for range 50 {
		errs = each(t.Context(), patient, []byte("a"))
		maps.DeleteFunc(errs, func(_ string, err error) bool { return err == nil })
		if len(errs) == 0 {
			return
		}
	}
	t.Errorf("afterwards: %v", errs)
}

// A connection that breaks after a write was sent leaves it unknown, never
// told as done or as refused.
func TestLostReply(t *testing.T) {
	t.Parallel()
	url, proxy := throughProxy(t)
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	// What is sent is what the store sends: one connection, which is not asked
	// whether it still works.
	cfg.MaxConns, cfg.ShouldPing = 1, func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	direct := testDB(t, Config{})
	db, err := New(t.Context(), pool, direct.cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, b := []byte("a"), []byte("b")
	for i := range 20 {
		key := fmt.Sprint("key/", i)
		mustSwap(t, db, key, nil, a)
		mustSwap(t, db, key, a, a) // prepares the statement
		sent := proxy.Sent()
		proxy.Swallow(true)
		var swapped bool
		var lost error
		var wg sync.WaitGroup
		wg.Go(func() { _, swapped, lost = db.CompareAndSwap(t.Context(), key, a, b, expires) })
		<-sent
		if i%2 == 0 { // it has arrived, too
			for value := a; same(value, a); {
				if value, err = direct.Get(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
		proxy.Cut()
		wg.Wait()
		wantKind(t, "a lost reply", lost, ErrUnreachable)
		if swapped {
			t.Error("and yet swapped")
		}
		proxy.Swallow(false)
		value, err := db.Get(t.Context(), key) // over a new connection
		if err != nil || !same(value, a) && !same(value, b) {
			t.Fatalf("%q, %v", value, err)
		}
		if i%2 == 0 && !same(value, b) {
			t.Errorf("what had arrived is %q", value)
		}
	}
}

// Somebody who holds a row's lock delays those who want that row, and those who
// travel with them, for Timeout at most.
func TestForeignLock(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{Timeout: 2 * time.Second})
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "locked", nil, a)
	mustSwap(t, db, "free", nil, a)
	conn, err := db.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), db.schema.sql("SELECT FROM passcode.records WHERE key = 'locked' FOR UPDATE")); err != nil {
		t.Fatal(err)
	}
	_, _, err = db.CompareAndSwap(t.Context(), "locked", a, b, expires)
	wantKind(t, "a locked row", err, ErrTimeout)
	wantValue(t, db, "locked", a)
	mustSwap(t, db, "free", a, b)
	if n, err := db.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.Release()
	// The server may learn late that nobody waits any more.
	current, swapped, err := db.CompareAndSwap(t.Context(), "locked", a, b, expires)
	if err != nil || !swapped && !same(current, b) {
		t.Errorf("%q, %t, %v", current, swapped, err)
	}
}

// A caller who leaves before its operation is on the way changes nothing; one
// who leaves afterwards hears how it went.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{Timeout: 10 * time.Second})
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "locked", nil, a)
	mustSwap(t, db, "other", nil, a)
	conn, err := db.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), db.schema.sql("SELECT FROM passcode.records WHERE key = 'locked' FOR UPDATE")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var first, second error
	var swapped bool
	var wg, queued sync.WaitGroup
	wg.Go(func() { _, swapped, first = db.CompareAndSwap(ctx, "locked", a, b, expires) })
	waitForLock(t, db)
	queued.Go(func() { _, _, second = db.CompareAndSwap(ctx, "other", a, b, expires) })
	cancel()
	queued.Wait() // although the first still waits
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if first != nil || !swapped {
		t.Errorf("the first: swapped %t, %v", swapped, first)
	}
	if !errors.Is(second, context.Canceled) {
		t.Errorf("the second: %v", second)
	}
	wantValue(t, db, "locked", b)
	wantValue(t, db, "other", a)
}

// waitForLock returns once a statement of the package waits for a row's lock.
func waitForLock(t *testing.T, db *DB) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), db.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for waiting := 0; waiting == 0; {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1",
			"UPDATE "+db.schema.quoted()+"%").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
}
