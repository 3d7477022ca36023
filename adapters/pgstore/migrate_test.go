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

// Processes that find an empty database start at once.
func TestTenMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			db, err := Open(t.Context(), url, Config{Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			mustSwap(t, db, fmt.Sprint(i), nil, []byte("a"))
		})
	}
	wg.Wait()
	db := openDB(t, url, Config{})
	for i := range 10 {
		wantValue(t, db, fmt.Sprint(i), []byte("a"))
	}
	known, err := readMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	wantApplied(t, db, len(known))
}

// wantApplied fails the test unless so many migrations are on record.
func wantApplied(t *testing.T, db *DB, want int) {
	t.Helper()
	var n int
	if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT count(*) FROM passcode.migrations")).Scan(&n); err != nil || n != want {
		t.Errorf("%d migrations are on record, %v; want %d", n, err, want)
	}
}

// Each schema is a store of its own, whatever its name.
func TestSchemas(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	for i, name := range []string{"", "public", `A "b"; DROP SCHEMA passcode; --`, "passcode.", "ключ", strings.Repeat("x", 63), "select"} {
		db := openDB(t, url, Config{Schema: name, Migrate: true})
		wantValue(t, db, "key", nil)
		mustSwap(t, db, "key", nil, fmt.Append(nil, i))
		mustSwap(t, db, "key", fmt.Append(nil, i), []byte("b"))
		if err := db.swapper(deleteKind)([]*swap{{key: "key", old: []byte("b")}, {key: "other", old: []byte("b")}}, nil); err != nil {
			t.Error(err)
		}
		wantValue(t, db, "key", nil)
		mustSwap(t, db, "key", nil, fmt.Append(nil, i))
		if sum, err := db.Add(t.Context(), "key", 1, expires); sum != 1 || err != nil {
			t.Errorf("%q: %d, %v", name, sum, err)
		}
		if _, err := db.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		again := openDB(t, url, Config{Schema: name})
		wantValue(t, again, "key", fmt.Append(nil, i))
	}
}

// What somebody may have done to a database by hand.
func TestNotAsOnRecord(t *testing.T) {
	t.Parallel()
	known, err := readMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	half, _, _ := strings.Cut(known[0].sql, "CREATE TABLE counters")
	last := len(known)
	for _, test := range []struct {
		name       string
		statements []string // in the schema
		kind       error    // of Migrate
		says       string
	}{
		{"half of a migration, not on record", []string{
			"DROP SCHEMA passcode CASCADE; CREATE SCHEMA passcode; SET search_path TO passcode; " + half}, ErrDamaged, "0001_store.sql does not fit"},
		{"nothing but a record", []string{"DROP TABLE passcode.records"}, ErrDamaged, "records.key"},
		{"a column dropped", []string{"ALTER TABLE passcode.counters DROP due"}, ErrDamaged, "counters.due"},
		{"a column of another type", []string{"ALTER TABLE passcode.counters ALTER sum TYPE int"}, ErrDamaged, "counters.sum bigint"},
		{"an index dropped", []string{"DROP INDEX passcode.records_due"}, ErrDamaged, "index records_due"},
		{"a key dropped", []string{"ALTER TABLE passcode.records DROP CONSTRAINT records_pkey"}, ErrDamaged, "unique index records_pkey"},
		{"a gap in the record", []string{"DELETE FROM passcode.migrations WHERE number = 1"}, ErrDamaged, "migration 1 is not on record"},
		{"another migration", []string{"UPDATE passcode.migrations SET sum = 'x' WHERE number = 1"}, ErrDamaged, "migration 1 was another"},
		{"a newer program", []string{fmt.Sprintf("INSERT INTO passcode.migrations SELECT %d, name, sum, made, unmade FROM passcode.migrations WHERE number = 1", last+1)}, ErrNewer, fmt.Sprint(last + 1)},
		{"things of somebody else", []string{"CREATE TABLE passcode.mine (a int); CREATE INDEX ON passcode.records (expires)"}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := testDatabase(t)
			db := openDB(t, url, Config{Migrate: true})
			execAt(t, url, test.statements...)
			before := dump(t, url)
			kind := test.kind
			if kind == ErrDamaged && strings.Contains(test.says, "does not fit") {
				kind = ErrNotMigrated // of Open; only who migrates meets the obstacle
			}
			_, err := Open(t.Context(), url, Config{})
			migrated := Migrate(t.Context(), db.pool, Config{})
			if test.kind == nil {
				if err != nil || migrated != nil {
					t.Errorf("Open: %v, Migrate: %v", err, migrated)
				}
				return
			}
			wantKind(t, "Open", err, kind)
			wantKind(t, "Migrate", migrated, test.kind)
			if migrated != nil && !strings.Contains(migrated.Error(), test.says) {
				t.Errorf("%q does not say %q", migrated, test.says)
			}
			if after := dump(t, url); after != before {
				t.Errorf("Migrate changed\n%s\nto\n%s", before, after)
			}
		})
	}
}

// dump returns what is in the schemas of a database.
func dump(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var text string
	err = conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(n.nspname || '.' || c.relname || '.' || a.attname, E'\n' ORDER BY 1, c.relname, a.attname), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE n.nspname NOT LIKE 'pg%' AND n.nspname <> 'information_schema'`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A migration that fails in the middle leaves nothing behind, and what was
// before it stays.
func TestMigrationIsWhole(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	files := fstest.MapFS{
		"migrations/0001_a.sql": {Data: []byte("CREATE TABLE a (n int); CREATE INDEX a_n ON a (n);")},
		"migrations/0002_b.sql": {Data: []byte("CREATE TABLE b (n int); DROP INDEX a_n; ALTER TABLE a ADD m int; SELECT 1 / 0;")},
	}
	run := func() error {
		known, err := readMigrations(files)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		return failure("migrate", migrator{conn, "passcode", known, Config{Timeout: time.Minute}.limits()}.run(t.Context()))
	}
	err := run()
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != "22012" {
		t.Fatalf("%v, want a division by zero", err)
	}
	if got := dump(t, url); strings.Contains(got, "passcode.b.") || strings.Contains(got, "a.m") || !strings.Contains(got, "a_n") {
		t.Errorf("there is\n%s", got)
	}
	files["migrations/0002_b.sql"].Data = []byte("CREATE TABLE b (n int); DROP INDEX a_n; ALTER TABLE a ADD m int;")
	for range 2 {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	if got := dump(t, url); !strings.Contains(got, "passcode.b.") || !strings.Contains(got, "a.m") || strings.Contains(got, "a_n") {
		t.Errorf("there is\n%s", got)
	}
	execAt(t, url, "ALTER TABLE passcode.a DROP m")
	if err := run(); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}

func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]string{
		"gap":     {"0001_a.sql", "0003_b.sql"},
		"twice":   {"0001_a.sql", "0001_b.sql"},
		"from 0":  {"0000_a.sql"},
		"unnamed": {"a.sql"},
		"short":   {"1.sql"},
	} {
		dir := make(fstest.MapFS)
		for _, f := range files {
			dir["migrations/"+f] = &fstest.MapFile{}
		}
		if all, err := readMigrations(dir); err == nil {
			t.Errorf("%s: %v", name, all)
		}
	}
	sum := func(sql string) string {
		all, err := readMigrations(fstest.MapFS{"migrations/0001_a.sql": {Data: []byte(sql)}})
		if err != nil {
			t.Fatal(err)
		}
		return all[0].sum
	}
	if sum("a;\r\nb;") != sum("a;\nb;") || sum("a;") == sum("b;") {
		t.Error("checksums depend on line ends, or not on what the lines say")
	}
}

// A role that may only read and write rows can use what another has migrated,
// with Config.Migrate set, too, as the package comment says.
func TestRoleWithoutRights(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	openDB(t, url, Config{Migrate: true})
	role := newName()
	execAt(t, url, "CREATE ROLE "+role+" LOGIN PASSWORD 'x'")
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.User, cfg.ConnConfig.Password = role, "x"
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = New(t.Context(), pool, Config{})
	wantKind(t, "no rights at all", err, ErrDenied)
	execAt(t, url, "GRANT USAGE ON SCHEMA passcode TO "+role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA passcode TO "+role,
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA passcode TO "+role)
	db, err := New(t.Context(), pool, Config{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "key", nil, a)
	if err := db.swapper(updateKind)([]*swap{{key: "key", old: a, new: b, expires: expires}, {key: "x", old: a, new: b}}, nil); err != nil {
		t.Fatal(err)
	}
	mustSwap(t, db, "key", b, nil)
	if _, err := db.Add(t.Context(), "key", 1, expires); err != nil {
		t.Error(err)
	}
	if _, err := db.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	execAt(t, url, "REVOKE UPDATE ON ALL TABLES IN SCHEMA passcode FROM "+role)
	_, _, err = db.CompareAndSwap(t.Context(), "key", a, b, expires)
	wantKind(t, "an update without the right", err, ErrDenied)
	execAt(t, url, "DROP OWNED BY "+role, "DROP ROLE "+role)
}

func TestMigrateHeedsContext(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Migrate(ctx, pool, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if got := dump(t, url); got != "" {
		t.Errorf("there is\n%s", got)
	}
}
