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

// sleepy are migrations that take a while, after they have locked a table.
var sleepy = fstest.MapFS{
	"migrations/0001_a.sql": {Data: []byte("CREATE TABLE a (n int)")},
	"migrations/0002_b.sql": {Data: []byte("ALTER TABLE a ADD m int; SELECT pg_sleep(1.5)")},
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
	limits := migrationLimits{answer: 300 * time.Millisecond, idle: 300 * time.Millisecond}
	var wg sync.WaitGroup
	for range 3 {
		m := migratorAt(t, url, limits, sleepy)
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
	limits := migrationLimits{answer: time.Second, idle: 300 * time.Millisecond}
	first, second := migratorAt(t, url, limits, sleepy), migratorAt(t, url, limits, sleepy)
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
	m := migratorAt(t, url, migrationLimits{answer: 100 * time.Millisecond, idle: 200 * time.Millisecond}, sleepy)
	for _, name := range []string{"", "passcode.", strings.Repeat("x", 63), "0", "1", "2", "3"} { // locks with either sign
		m.schema = schema(name)
		if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", m.schema.lock()); err != nil {
			t.Fatal(err)
		}
		err := m.try(t.Context())
		wantKind(t, name, err, ErrTimeout)
		if err != nil && !strings.Contains(err.Error(), "process "+pid+" has the lock") {
			t.Errorf("%q does not say who has the lock", err)
		}
	}
	m.schema = "passcode"
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", m.schema.lock()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		if _, err := holder.Exec(ctx, "SELECT pg_sleep(1.5)"); err != nil {
			t.Error(err)
		}
		if _, err := holder.Exec(ctx, "SELECT pg_advisory_unlock_all()"); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
	})
	if err := m.try(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	wg.Wait()
}

// A table that others use is waited for as long as Timeout says, since meanwhile
// everybody else waits as well. Nothing is left of the attempt.
func TestMigrationMeetsALock(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	m := migratorAt(t, url, migrationLimits{answer: 200 * time.Millisecond, idle: time.Minute}, sleepy)
	whole := m.known
	m.known = whole[:1]
	if err := m.try(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.known = whole
	reader := migratorAt(t, url, m.limits, sleepy).conn
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
