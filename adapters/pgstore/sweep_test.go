package pgstore

import (
	"cmp"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/quick"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/servertest"
)

// skew is Config.Skew where it is not set.
const skew = 5 * time.Minute

// ahead returns a clock that is as much ahead of another as clocks may be. By
// such a one nothing may be dropped too early.
func ahead(now func() time.Time) func() time.Time {
	return func() time.Time { return now().Add(skew) }
}

// A clock moves by hand. It is ahead of that by which expiries are set.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time          { return expires.Add(skew + time.Duration(c.passed.Load())) }
func (c *clock) set(since time.Duration) { c.passed.Store(int64(since)) }

// at returns a time by the clock.
func at(since time.Duration) time.Time { return expires.Add(since) }

// rows returns how many rows the tables of a Store have.
func rows(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT (SELECT count(*) FROM passcode.records) + (SELECT count(*) FROM passcode.counters)")).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wantSwept sweeps and fails the test unless so many rows were dropped.
func wantSwept(t *testing.T, db *DB, want int) {
	t.Helper()
	if n, err := db.Sweep(t.Context()); n != want || err != nil {
		t.Errorf("Sweep: %d, %v; want %d", n, err, want)
	}
}

// fill makes values and counters that expire at a time, by plain SQL.
func fill(t *testing.T, db *DB, n int, until time.Time) {
	t.Helper()
	for _, s := range []string{
		"INSERT INTO passcode.records SELECT 'fill/' || i, 'a', $2, $2 FROM generate_series(1, $1) i",
		"INSERT INTO passcode.counters SELECT 'fill/' || i, 1, $2, $2 FROM generate_series(1, $1) i",
	} {
		if _, err := db.pool.Exec(t.Context(), db.schema.sql(s), n, until); err != nil {
			t.Fatal(err)
		}
	}
}

// A program whose clock is ahead by less than Config.Skew drops nothing that
// others need, neither by Sweep nor beside its writes; Skew can be set.
func TestSkew(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {Skew: time.Hour}, {Skew: time.Microsecond}} {
		want := cmp.Or(cfg.Skew, skew)
		var ahead atomic.Int64
		cfg.Now = func() time.Time { return expires.Add(time.Duration(ahead.Load())) }
		db := testDB(t, cfg)
		fill(t, db, 300, expires)
		ahead.Store(int64(want - time.Microsecond))
		wantSwept(t, db, 0)
		for i := range 100 { // as many as collect twice
			mustSwapUntil(t, db, fmt.Sprint("new/", i), expires.Add(48*time.Hour))
			if _, err := db.Add(t.Context(), fmt.Sprint("new/", i), 1, expires.Add(48*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if n := rows(t, db); n != 800 {
			t.Errorf("%v: %d rows, want 800", want, n)
		}
		ahead.Store(int64(want))
		wantSwept(t, db, 600)
	}
}

func TestSweepInBatches(t *testing.T) {
	t.Parallel()
	clock := new(clock)
	db := testDB(t, Config{Now: clock.now})
	fill(t, db, 1700, at(time.Minute))
	mustSwap(t, db, "live", nil, []byte("a"))
	exec(t, db, "UPDATE passcode.records SET expires = expires + interval '1 day' WHERE key = 'live' OR key LIKE 'fill/1__'")
	clock.set(time.Minute - time.Microsecond)
	wantSwept(t, db, 0)
	clock.set(time.Minute)
	wantSwept(t, db, 1600+1700)
	if n := rows(t, db); n != 101 {
		t.Errorf("%d rows are left, want 101", n)
	}
	// Those that were looked at are not looked at again before their time.
	var due int
	if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT count(*) FROM passcode.records WHERE due <= $1"), at(time.Minute)).Scan(&due); err != nil || due != 0 {
		t.Errorf("%d rows are due, %v", due, err)
	}
	clock.set(25 * time.Hour)
	wantSwept(t, db, 101)
}

// A record's time may come earlier than it was to; then it goes an hour later
// at most.
func TestEarlierExpiry(t *testing.T) {
	t.Parallel()
	clock := new(clock)
	db := testDB(t, Config{Now: clock.now})
	a := []byte("a")
	set := func(key string, until time.Duration) {
		t.Helper()
		value, err := db.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, swapped, err := db.CompareAndSwap(t.Context(), key, value, a, at(until)); !swapped || err != nil {
			t.Fatal(err)
		}
		if _, err := db.Add(t.Context(), key, 1, at(until)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"much", "little", "later"} {
		set(key, 10*time.Hour)
	}
	set("much", time.Hour)
	set("little", 9*time.Hour+30*time.Minute)
	set("later", 20*time.Hour)
	clock.set(time.Hour)
	wantSwept(t, db, 2)
	clock.set(10 * time.Hour)
	wantSwept(t, db, 2)
	clock.set(20*time.Hour - 1)
	wantSwept(t, db, 0)
	clock.set(20 * time.Hour)
	wantSwept(t, db, 2)
}

// Sweep waits for nobody, and a dead row that somebody is renewing stays.
func TestSweepSkipsWhatIsLocked(t *testing.T) {
	t.Parallel()
	clock := new(clock)
	db := testDB(t, Config{Now: clock.now, Timeout: 20 * time.Second})
	fill(t, db, 3, at(time.Minute))
	clock.set(time.Hour)
	err := pgx.BeginFunc(t.Context(), db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), db.schema.sql("UPDATE passcode.records SET value = 'b', expires = $1 WHERE key = 'fill/2'"), at(2*time.Hour)); err != nil {
			return err
		}
		wantSwept(t, db, 2+3)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantSwept(t, db, 0)
	wantValue(t, db, "fill/2", []byte("b"))
}

// A store in use stays small without Sweep.
func TestWritesCollect(t *testing.T) {
	t.Parallel()
	clock := new(clock)
	db := testDB(t, Config{Now: clock.now})
	fill(t, db, 1000, at(time.Minute))
	clock.set(time.Hour)
	for i := range 300 {
		mustSwapUntil(t, db, fmt.Sprint("new/", i), at(2*time.Hour))
		if _, err := db.Add(t.Context(), fmt.Sprint("new/", i), 1, at(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if n := rows(t, db); n != 600 {
		t.Errorf("%d rows, want the 600 live ones alone", n)
	}
}

func mustSwapUntil(t *testing.T, db *DB, key string, until time.Time) {
	t.Helper()
	if _, swapped, err := db.CompareAndSwap(t.Context(), key, nil, []byte("a"), until); !swapped || err != nil {
		t.Fatal(err)
	}
}

// A record that is swapped again and again, living longer each time, touches no
// index: that is what the two times and the fill factor are for.
func TestUpdatesStayOnTheirPage(t *testing.T) {
	t.Parallel()
	server(t)
	// On a server of its own: a transaction of another test, in whatever database,
	// or of autovacuum, would keep old rows from making room for new ones.
	own := servertest.Postgres(t, "autovacuum=off")
	db := openDB(t, own.URL(), Config{Migrate: true})
	const keys, rounds = 50, 20
	value := func(round int) []byte { return fmt.Appendf(nil, "%0100d", round) }
	for round := range rounds {
		var batch []*swap
		var counters []*add
		for i := range keys {
			until := at(time.Duration(round) * time.Minute)
			batch = append(batch, &swap{key: fmt.Sprint(i), old: value(round - 1), new: value(round), expires: until})
			counters = append(counters, &add{key: fmt.Sprint(i), delta: 1, expires: until})
		}
		kind := updateKind
		if round == 0 {
			kind = createKind
		}
		if err := db.swapper(kind)(batch, nil); err != nil || !batch[0].swapped {
			t.Fatal(err)
		}
		if err := db.adder()(counters, nil); err != nil {
			t.Fatal(err)
		}
	}
	url := db.pool.Config().ConnString()
	name := string(db.schema)
	db.Close() // what a connection counted is counted once it has ended
	for range 100 {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var updates, hot int
		err = conn.QueryRow(t.Context(), "SELECT sum(n_tup_upd), sum(n_tup_hot_upd) FROM pg_stat_user_tables WHERE schemaname = $1 AND relname IN ('records', 'counters')", name).Scan(&updates, &hot)
		conn.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if updates < 2*keys*(rounds-1) {
			continue // not counted yet
		}
		if hot < updates*9/10 {
			t.Errorf("%d of %d updates stayed on their page", hot, updates)
		}
		return
	}
	t.Error("the server does not count updates")
}

// What is kept is not before what was asked for, in the years that Postgres
// knows.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	for i, when := range []time.Time{
		{}, time.Unix(0, 1), time.Unix(0, 999), time.Unix(1, 999_999_999), time.Unix(math.MaxInt64>>8, 1), time.Unix(math.MinInt64>>8, 1),
		time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", 14*3600)),
	} {
		key := fmt.Sprint(i)
		mustSwapUntil(t, db, key, when)
		if _, err := db.Add(t.Context(), key, 1, when); err != nil {
			t.Errorf("%v: %v", when, err)
		}
		var kept time.Time
		if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT expires FROM passcode.records WHERE key = $1"), key).Scan(&kept); err != nil {
			t.Fatal(err)
		}
		if when.Year() <= 200_000 && kept.Before(when) {
			t.Errorf("%v is kept as %v", when, kept)
		}
	}
	err := quick.Check(func(sec int64, nsec uint32) bool {
		when := time.Unix(sec>>8, int64(nsec))
		kept := timestamp(when)
		inside := when.Year() >= 1 && when.Year() <= 200_000
		return kept.Nanosecond()%1000 == 0 && (!inside || !kept.Before(when) && kept.Sub(when) < time.Microsecond)
	}, nil)
	if err != nil {
		t.Error(err)
	}
}
