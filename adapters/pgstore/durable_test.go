package pgstore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/servertest"
)

// Whatever synchronous_commit is by default, each kind of write commits at
// least with "on". A trigger that runs at the commit writes down what it is then.
func TestSynchronousCommit(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			url := testDatabase(t)
			db := openDB(t, url, Config{Migrate: true})
			exec(t, db, "ALTER DATABASE "+databaseOf(t, url)+" SET synchronous_commit = "+setting,
				"CREATE TABLE passcode.noted (what text, setting text)",
				`CREATE FUNCTION passcode.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO passcode.noted VALUES (TG_TABLE_NAME || ' ' || lower(TG_OP), current_setting('synchronous_commit'));
				RETURN NULL; END $$`)
			for _, table := range storeTables {
				exec(t, db, `CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON passcode.`+table+`
					DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION passcode.note()`)
			}
			db.Close()

			db = openDB(t, url, Config{Now: func() time.Time { return expires.Add(time.Hour) }})
			was := ""
			if err := db.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&was); err != nil || was != setting {
				t.Fatalf("the default is %q, %v", was, err)
			}
			wanted := 0
			check := func(what string, rows int) {
				t.Helper()
				wanted += rows
				noted, err := db.pool.Query(t.Context(), db.schema.sql("SELECT what || ': ' || setting FROM passcode.noted"))
				if err != nil {
					t.Fatal(err)
				}
				lines, err := pgx.CollectRows(noted, pgx.RowTo[string])
				if err != nil || len(lines) != wanted {
					t.Fatalf("%s: %q, %v", what, lines, err)
				}
				for _, line := range lines[wanted-rows:] {
					if line != what+": "+want {
						t.Errorf("%s, want %s", line, want)
					}
				}
			}
			a, b := []byte("a"), []byte("b")
			mustSwap(t, db, "1", nil, a)
			check("records insert", 1)
			mustSwap(t, db, "1", a, b)
			check("records update", 1)
			mustSwap(t, db, "1", b, nil)
			check("records delete", 1)
			for range 2 {
				if _, err := db.Add(t.Context(), "1", 1, expires); err != nil {
					t.Fatal(err)
				}
			}
			exec(t, db, "UPDATE passcode.noted SET what = 'counters insert' WHERE what = 'counters update'")
			check("counters insert", 2)

			two := func(old, new []byte) []*swap {
				return []*swap{{key: "2", old: old, new: new, expires: expires}, {key: "3", old: old, new: new, expires: expires}}
			}
			db.swapper(createKind)(two(nil, a), nil)
			check("records insert", 2)
			db.swapper(updateKind)(two(a, b), nil)
			check("records update", 2)
			db.swapper(deleteKind)(two(b, nil), nil)
			check("records delete", 2)
			db.adder()([]*add{{key: "2", expires: expires}, {key: "3", expires: expires}}, nil)
			check("counters insert", 2)
			if n, err := db.Sweep(t.Context()); n != 3 || err != nil {
				t.Errorf("Sweep: %d, %v", n, err)
			}
			check("counters delete", 3)
		})
	}
}

// On a server that acknowledges commits before they are on the disk, what this
// package acknowledged is there after a crash.
func TestAcknowledgedSurvivesACrash(t *testing.T) {
	t.Parallel()
	server := servertest.Postgres(t, "synchronous_commit=off", "wal_writer_delay=10s", "autovacuum=off")
	db := openDB(t, server.URL(), Config{Migrate: true})
	a, b := []byte("a"), []byte("b")
	exec(t, db, "CREATE TABLE passcode.lost (n int)")
	for attempt := range 5 {
		exec(t, db, "CHECKPOINT")
		key := func(i int) string { return fmt.Sprintf("%d/%d", attempt, i) }
		for i := range 3 {
			mustSwap(t, db, key(i), nil, a)
		}
		mustSwap(t, db, key(0), a, b)
		mustSwap(t, db, key(1), a, nil)
		if _, err := db.Add(t.Context(), key(0), 7, expires); err != nil {
			t.Fatal(err)
		}
		exec(t, db, "INSERT INTO passcode.lost VALUES (1)") // of somebody who does not care
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		db = openDB(t, server.URL(), Config{})
		wantValue(t, db, key(0), b)
		wantValue(t, db, key(1), nil)
		wantValue(t, db, key(2), a)
		if sum, err := db.Add(context.Background(), key(0), 0, expires); sum != 7 || err != nil {
			t.Errorf("the counter is %d, %v", sum, err)
		}
		var kept int
		if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT count(*) FROM passcode.lost")).Scan(&kept); err != nil {
			t.Fatal(err)
		}
		if kept <= attempt {
			return
		}
	}
	t.Error("no crash lost anything, so this test proves nothing")
}
