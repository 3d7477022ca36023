package pgstore

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/servertest"
)

// A server that may forget what it confirmed is refused, by Migrate too, before
// anything is made on it, unless told otherwise by name.
func TestVolatile(t *testing.T) {
	t.Parallel()
	server(t)
	for _, setting := range []string{"fsync", "full_page_writes"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			s := servertest.Postgres(t, setting+"=off")
			pool, err := pgxpool.New(t.Context(), s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			for _, migrate := range []bool{false, true} {
				_, err := Open(t.Context(), s.URL(), Config{Migrate: migrate})
				wantVolatile(t, "Open", err, setting+" is off")
				_, err = New(t.Context(), pool, Config{Migrate: migrate})
				wantVolatile(t, "New", err, setting+" is off")
			}
			wantVolatile(t, "Migrate", Migrate(t.Context(), pool, Config{}), setting+" is off")
			if got := dump(t, s.URL()); got != "" {
				t.Errorf("there is\n%s", got)
			}
			db := openDB(t, s.URL(), Config{Migrate: true, UnsafeVolatile: true})
			mustSwap(t, db, "key", nil, []byte("a"))
		})
	}
}

func wantVolatile(t *testing.T, what string, err error, says string) {
	t.Helper()
	wantKind(t, what, err, ErrVolatile)
	if err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
}

// A crash empties unlogged tables. All tables are looked at, and no others.
func TestUnloggedTables(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	if _, err := reopen(t, db, Config{}); err != nil {
		t.Fatal(err)
	}
	rows, err := db.pool.Query(t.Context(), `SELECT relname FROM pg_class c WHERE relnamespace = $1::regnamespace
		AND relkind = 'r' AND relname <> 'migrations'`, db.schema.quoted())
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(all) != len(allTables) {
		t.Fatalf("%q, %v", all, err)
	}
	exec(t, db, "CREATE UNLOGGED TABLE passcode.other ()", "ALTER TABLE passcode.user_values DROP CONSTRAINT user_values_user_id_fkey")
	for _, table := range all {
		if _, err := reopen(t, db, Config{}); err != nil {
			t.Fatal(err)
		}
		exec(t, db, "ALTER TABLE passcode."+table+" SET UNLOGGED")
		_, err := reopen(t, db, Config{})
		wantVolatile(t, table, err, "the table "+table+" is unlogged")
		if _, err := reopen(t, db, Config{UnsafeVolatile: true}); err != nil {
			t.Error(err)
		}
		exec(t, db, "ALTER TABLE passcode."+table+" SET LOGGED")
	}
}

// What users are called does not fit into every database.
func TestEncoding(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "EUC_JP"} {
		url := testDatabaseWith(t, "ENCODING "+encoding+" LOCALE 'C' TEMPLATE template0")
		_, err := Open(t.Context(), url, Config{Migrate: true})
		wantKind(t, encoding, err, ErrEncoding)
		if err != nil && !strings.Contains(err.Error(), encoding) {
			t.Errorf("%q does not say %s", err, encoding)
		}
		if got := dump(t, url); got != "" {
			t.Errorf("there is\n%s", got)
		}
	}
}
