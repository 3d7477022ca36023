package pgstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Nodes that do all kinds of things to the same few rows, in batches and
// alone, never lock each other out: the server counts no deadlock. Retries
// would hide them from the callers.
func TestNodesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const nodes, callers, rounds, keys = 3, 24, 60, 12
	url := testDatabase(t)
	name := databaseOf(t, url)
	// Any lock that is waited for is looked into.
	execAt(t, url, "ALTER DATABASE "+name+" SET deadlock_timeout = '5ms'")
	var wg sync.WaitGroup
	var all []*DB
	for node := range nodes {
		// In one of them "now" is later, so that sweeping has something to drop.
		now := func() time.Time { return time.Now().Add(time.Duration(node) * time.Hour) }
		db := openDB(t, url, Config{Migrate: true, Now: now, Timeout: 30 * time.Second})
		all = append(all, db)
		values := [][]byte{[]byte("a"), []byte("b"), nil}
		for caller := range callers {
			wg.Go(func() {
				for range rounds {
					key := fmt.Sprint(rand.N(keys))
					until := time.Now().Add(rand.N(4 * time.Hour))
					var err error
					switch n := rand.N(8); {
					case n < 6:
						old, new := values[rand.N(3)], values[rand.N(3)]
						_, _, err = db.CompareAndSwap(t.Context(), key, old, new, until)
					case n == 6 || caller > 0:
						_, err = db.Add(t.Context(), key, 1, until)
					default:
						_, err = db.Sweep(t.Context())
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	for _, db := range all {
		db.Close() // what a connection counted is counted once it has ended
	}
	conn, err := pgx.Connect(t.Context(), server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var left, deadlocks int
	for left = 1; left > 0; {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'", name).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name).Scan(&deadlocks); err != nil || deadlocks != 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
}

// The statements for many reach their rows by the primary key and in its order,
// whatever the table holds and however little the server knows of it.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	var keys []string
	for i := range 300 {
		keys = append(keys, fmt.Sprint("key/", i))
	}
	slices.Sort(keys)
	values, times := make([][]byte, len(keys)), make([]time.Time, len(keys))
	for i := range keys {
		values[i], times[i] = []byte("a"), expires
	}
	plan := func(statement string, args ...any) string {
		b := new(pgx.Batch)
		b.Queue(prelude)
		var lines []string
		b.Queue("EXPLAIN "+db.schema.sql(statement), args...).Query(func(rows pgx.Rows) (err error) {
			lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
		if err := db.pool.SendBatch(t.Context(), b).Close(); err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	for _, rows := range []int{0, 1, 3, 100, 20_000} {
		exec(t, db, "TRUNCATE passcode.records",
			fmt.Sprintf("INSERT INTO passcode.records SELECT 'key/' || i, 'a', now(), now() FROM generate_series(1, %d) i", rows))
		for _, analyzed := range []bool{false, true} {
			if analyzed {
				exec(t, db, "VACUUM ANALYZE passcode.records")
			}
			for name, p := range map[string]string{
				"update": plan(updateMany, keys, values, values, times),
				"delete": plan(deleteMany, keys, values),
				"get":    plan(getMany, keys),
			} {
				for _, bad := range []string{"Seq Scan", "Bitmap", "Hash", "Merge", "Sort", "records_due"} {
					if strings.Contains(p, bad) {
						t.Errorf("%s of %d rows, analyzed %t: %s in\n%s", name, rows, analyzed, bad, p)
					}
				}
				if !strings.Contains(p, "Index Scan using records_pkey") {
					t.Errorf("%s of %d rows, analyzed %t: no primary key in\n%s", name, rows, analyzed, p)
				}
			}
		}
	}
}

// A transaction that the server undid for the sake of others is made again,
// and only such a one.
func TestUndoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	tries := 0
	fail := func(code string) error {
		tries = 0
		return db.call(t.Context(), "swap", func(conn *pgx.Conn) error {
			if tries++; tries < 3 {
				_, err := conn.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '"+code+"'; END $$")
				return err
			}
			return nil
		})
	}
	for _, code := range []string{"40001", "40P01"} {
		if err := fail(code); err != nil || tries != 3 {
			t.Errorf("%s: %d tries, %v", code, tries, err)
		}
	}
	for _, code := range []string{"40003", "40000", "53100", "P0001"} {
		var e *Error
		if err := fail(code); !errors.As(err, &e) || e.Code != code || tries != 1 {
			t.Errorf("%s: %d tries, %v", code, tries, err)
		}
	}
}
