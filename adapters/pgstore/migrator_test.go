package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migratorAt returns a migrator with a connection of its own.
func migratorAt(t *testing.T, url string, limits migrationLimits, files fstest.MapFS) migrator {
	t.Helper()
	known, err := readMigrations(files)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return migrator{conn, "passcode", known, limits}
}

func (m migrator) try(ctx context.Context) error { return failure("migrate", m.run(ctx)) }

// sleepy returns migrations of which the second takes so many seconds.
func sleepy(seconds int) fstest.MapFS {
	return fstest.MapFS{
		"migrations/0001_a.sql": {Data: []byte("CREATE TABLE a (n int)")},
		"migrations/0002_b.sql": {Data: fmt.Appendf(nil, "ALTER TABLE a ADD m int; SELECT pg_sleep(%d)", seconds)},
	}
}

// A server that lets us in and then says nothing more keeps no program from its
// error.
func TestServerHangsAfterLogin(t *testing.T) {
	t.Parallel()
	hung := fmt.Sprintf("postgres://canary-user:canary-p@%s/canary?sslmode=disable", fakeServer(t, "17.0"))
	var opening sync.WaitGroup
	defer opening.Wait()
	for _, migrate := range []bool{false, true} {
		opening.Go(func() { // which the driver needs 15 s to end
			_, err := Open(t.Context(), hung, Config{Migrate: migrate, Timeout: 200 * time.Millisecond})
			wantKind(t, "Open", err, ErrTimeout)
		})
	}
	url, proxy := throughProxy(t)
	pool, err := pgxpool.New(t.Context(), url+"&connect_timeout=2")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy.Swallow(true)
	wantKind(t, "Migrate", Migrate(t.Context(), pool, Config{Schema: newName(), Timeout: 200 * time.Millisecond}), ErrTimeout)
	proxy.Swallow(false)
	for range pool.Config().MaxConns {
		if conn, err := pool.Acquire(t.Context()); err == nil {
			defer conn.Release()
		}
	}
	wantKind(t, "Migrate without a connection", Migrate(t.Context(), pool, Config{Timeout: 50 * time.Millisecond}), ErrTimeout)
}

// A migration takes as long as it takes, whatever Timeout is, and others wait
// for it.
func TestLongMigration(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	limits := migrationLimits{answer: 2 * time.Second, idle: 2 * time.Second}
	var wg sync.WaitGroup
	for range 3 {
		m := migratorAt(t, url, limits, sleepy(5))
		wg.Go(func() {
			if err := m.try(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := dump(t, url); !strings.Contains(got, "passcode.a.m") {
		t.Errorf("there is\n%s", got)
	}
}

// Who is cut off while it has the lock loses it: the server ends its session.
func TestCutOffWithTheLock(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	limits := migrationLimits{answer: 3 * time.Second, idle: time.Second}
	first := migratorAt(t, url, limits, sleepy(0))
	limits.idle = time.Minute
	second := migratorAt(t, url, limits, sleepy(0))
	err := first.locked(t.Context(), func() error { return second.try(t.Context()) })
	wantKind(t, "who was cut off", failure("migrate", err), ErrUnreachable)
	if got := dump(t, url); !strings.Contains(got, "passcode.a.m") {
		t.Errorf("there is\n%s", got)
	}
}

// Another program's session that has the lock and does nothing is not waited
// for; one that works is.
func TestHolderOfTheLock(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	holder, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	pid := fmt.Sprint(holder.PgConn().PID())
	m := migratorAt(t, url, migrationLimits{answer: 2 * time.Second, idle: time.Second}, sleepy(0))
	signs := make(map[bool]int)
	for n := 0; len(signs) < 2; n++ {
		m.schema = schema(fmt.Sprint(n))
		if signs[m.schema.lock() < 0]++; signs[m.schema.lock() < 0] > 1 {
			continue
		}
		if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", m.schema.lock()); err != nil {
			t.Fatal(err)
		}
		err := m.try(t.Context())
		wantKind(t, string(m.schema), err, ErrTimeout)
		if err != nil && !strings.Contains(err.Error(), "process "+pid+" has the lock") {
			t.Errorf("%q does not say who has the lock", err)
		}
	}
	m.schema, m.limits.idle = "passcode", 2*time.Second
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", m.schema.lock()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := holder.Exec(t.Context(), "SELECT pg_sleep(5); SELECT pg_advisory_unlock_all()"); err != nil {
			t.Error(err)
		}
	})
	if err := m.try(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// A table that others use is waited for as long as Timeout says, since meanwhile
// everybody else waits as well. Nothing is left of the attempt.
func TestMigrationMeetsALock(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	m := migratorAt(t, url, migrationLimits{answer: 2 * time.Second, idle: time.Minute}, sleepy(0))
	whole := m.known
	m.known = whole[:1]
	if err := m.try(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.known = whole
	reader := migratorAt(t, url, m.limits, sleepy(0)).conn
	tx, err := reader.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM passcode.a"); err != nil {
		t.Fatal(err)
	}
	err = m.try(t.Context())
	wantKind(t, "a table in use", err, ErrTimeout)
	if e, ok := errors.AsType[*Error](err); ok && e.Code != "55P03" {
		t.Errorf("%v, want the server's own timeout", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, url); strings.Contains(got, "passcode.a.m") {
		t.Errorf("there is\n%s", got)
	}
	if err := m.try(t.Context()); err != nil {
		t.Error(err)
	}
}
