package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/servertest"
)

// All tests share one server. A test gets a schema of its own from testDB, or a
// database of its own from testDatabase; one that breaks the server starts its
// own with servertest.Postgres.
var shared struct {
	server *servertest.Server
	err    error // why there is none
	pool   *pgxpool.Pool
	names  atomic.Int64
}

func TestMain(m *testing.M) {
	shared.server, shared.err = servertest.StartPostgres("max_connections=200")
	if shared.err != nil && !errors.Is(shared.err, servertest.ErrMissing) {
		fmt.Fprintln(os.Stderr, shared.err)
		os.Exit(1)
	}
	if shared.err == nil {
		pool, err := pgxpool.New(context.Background(), shared.server.URL())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		shared.pool = pool
	}
	code := m.Run()
	if shared.err == nil {
		shared.pool.Close()
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// server returns the shared server, or skips the test where there is none.
func server(t testing.TB) *servertest.Server {
	t.Helper()
	servertest.SkipIfMissing(t, shared.err)
	return shared.server
}

// newName returns a name that no other schema or database has.
func newName() string { return fmt.Sprintf("test_%d", shared.names.Add(1)) }

// testDB opens a new schema of the shared server, migrated, which is dropped
// when the test ends. It sets cfg.Schema and cfg.Migrate.
func testDB(t testing.TB, cfg Config) *DB {
	t.Helper()
	cfg.Schema, cfg.Migrate = newName(), true
	return openDB(t, server(t).URL(), cfg)
}

// openDB opens a database and drops the schema when the test ends.
func openDB(t testing.TB, url string, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		execConfig(t, db.pool.Config().ConnConfig, "DROP SCHEMA IF EXISTS "+db.schema.quoted()+" CASCADE")
	})
	return db
}

// testDatabase makes a new, empty database on the shared server, which is
// dropped when the test ends, and returns its URL. It takes longer than a
// schema.
func testDatabase(t testing.TB) string { t.Helper(); return testDatabaseWith(t, "") }

// testDatabaseWith is testDatabase with options of CREATE DATABASE.
func testDatabaseWith(t testing.TB, options string) string {
	t.Helper()
	u, err := url.Parse(server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	name := newName()
	execAt(t, server(t).URL(), "CREATE DATABASE "+name+" "+options)
	t.Cleanup(func() { execAt(t, server(t).URL(), "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// databaseOf returns the name of the database in a URL.
func databaseOf(t testing.TB, url string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Database
}

// execAt runs statements over a connection of their own.
func execAt(t testing.TB, url string, statements ...string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	execConfig(t, cfg, statements...)
}

func execConfig(t testing.TB, cfg *pgx.ConnConfig, statements ...string) {
	t.Helper()
	ctx := context.Background()
	cfg = cfg.Copy()
	cfg.ConnectTimeout, cfg.ValidateConnect = 0, nil
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// hasty returns a DB like another, that was opened with time enough, and has
// another Timeout.
func hasty(db *DB, timeout time.Duration) *DB {
	cfg := db.cfg
	cfg.Timeout = timeout
	return newDB(db.pool, cfg)
}

// reopen opens another DB on what db has.
func reopen(t testing.TB, db *DB, cfg Config) (*DB, error) {
	t.Helper()
	cfg.Schema = db.cfg.Schema
	again, err := Open(t.Context(), db.pool.Config().ConnString(), cfg)
	if err == nil {
		t.Cleanup(func() { again.Close() })
	}
	return again, err
}

// exec runs statements, written for the schema "passcode", in that of db.
func exec(t testing.TB, db *DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.pool.Exec(context.Background(), db.schema.sql(statement)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
