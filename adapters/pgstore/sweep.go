package pgstore

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// storeTables are the tables of a Store.
var storeTables = []string{"records", "counters"}

// Sweep drops every value and every counter that expired Config.Skew ago or
// earlier, and returns how many it dropped. It works in short transactions,
// between which others write, and waits for nobody: a row that somebody else is changing at this moment it
// leaves to them. Any number of processes may sweep at once. Its error is that
// of the transaction that failed, or of the context; what it dropped before
// stays dropped and counted.
func (db *DB) Sweep(ctx context.Context) (int, error) {
	const atOnce = 500
	dropped := 0
	for _, table := range storeTables {
		for {
			seen, n, err := db.sweepNext(ctx, table, atOnce)
			dropped += n
			if err != nil {
				return dropped, err
			}
			if seen < atOnce {
				break
			}
		}
	}
	return dropped, nil
}

// sweepNext is sweepSome in its turn.
func (db *DB) sweepNext(ctx context.Context, table string, limit int) (seen, dropped int, err error) {
	if err := db.enter(ctx); err != nil {
		return 0, 0, err
	}
	defer db.leave()
	if err := db.sweeping.take(ctx); err != nil {
		return 0, 0, err
	}
	defer db.sweeping.give()
	return db.sweepSome(ctx, table, limit)
}

// sweepSome looks at up to limit rows of a table that are due, and returns how
// many there were and how many it dropped.
func (db *DB) sweepSome(ctx context.Context, table string, limit int) (seen, dropped int, err error) {
	limited, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	statement := db.schema.sql(strings.ReplaceAll(sweep, "TABLE", table))
	err = db.call(limited, "sweep", func(conn *pgx.Conn) error {
		return queryMany(limited, conn, statement, []any{db.cfg.Now().Add(-db.cfg.Skew), limit}, func(rows pgx.Rows) error {
			return rows.Scan(&seen, &dropped, nil)
		})
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, 0, ctx.Err()
	case err != nil:
		return 0, 0, err
	}
	return seen, dropped, nil
}

// collect is called after a row may have been made. Every 64th time it drops
// some that have expired, more than were made since, so that a store in use
// stays small. If it fails, another will do it.
func (db *DB) collect(ctx context.Context) {
	const every, times, most = 64, 4, 2048
	if db.made.Add(1) < every || !db.sweeping.try() {
		return // or whoever sweeps now leaves it to the next
	}
	defer db.sweeping.give()
	limit := int(min(times*db.made.Swap(0), most))
	for _, table := range storeTables {
		if _, _, err := db.sweepSome(ctx, table, limit); err != nil {
			return
		}
	}
}

// timestamp returns a time as Postgres keeps it: whole microseconds, not before
// t, and within its years.
func timestamp(t time.Time) time.Time {
	const first, last = 1, 200_000 // years; Postgres knows more of both
	switch year := t.Year(); {
	case year < first:
		return time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC)
	case year > last:
		return time.Date(last, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	if micros := t.Truncate(time.Microsecond); micros.Before(t) {
		return micros.Add(time.Microsecond)
	}
	return t
}
