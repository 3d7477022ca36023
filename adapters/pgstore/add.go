package pgstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

// An add is one addition.
type add struct {
	key     string
	delta   int64
	expires time.Time
	sum     int64
}

// Add implements [store.Store].
func (db *DB) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if err := db.enter(ctx); err != nil {
		return 0, err
	}
	defer db.leave()
	turn, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	a := add{key: key, delta: delta, expires: timestamp(expires)}
	if err := queue(ctx, turn, "add", db.adds, &a); err != nil {
		return 0, err
	}
	db.collect(turn)
	return a.sum, nil
}

// adder returns what carries a batch of additions. Those to one counter are
// one addition to the server.
func (db *DB) adder() func(batch []*add, more func() []*add) error {
	one, many := db.schema.sql(addOne), db.schema.sql(addMany)
	return func(batch []*add, _ func() []*add) error {
		ctx, cancel := db.limited()
		defer cancel()
		slices.SortStableFunc(batch, func(a, b *add) int { return cmp.Compare(a.key, b.key) })
		counters := total(batch)
		err := db.call(ctx, "add", func(conn *pgx.Conn) error {
			if len(counters) == 1 {
				c := counters[0]
				return conn.QueryRow(ctx, one, c.key, c.delta, c.expires).Scan(&c.sum, nil)
			}
			return addAll(ctx, conn, many, counters)
		})
		if err != nil {
			return err
		}
		share(batch, counters)
		return nil
	}
}

// addAll adds to different counters, sorted by key.
func addAll(ctx context.Context, conn *pgx.Conn, statement string, counters []*add) error {
	args := []any{
		column(counters, func(a *add) string { return a.key }),
		column(counters, func(a *add) int64 { return a.delta }),
		column(counters, func(a *add) time.Time { return a.expires }),
	}
	return queryMany(ctx, conn, statement, args, func(rows pgx.Rows) error {
		var key string
		var sum int64
		if err := rows.Scan(&key, &sum); err != nil {
			return err
		}
		i, found := slices.BinarySearchFunc(counters, key, func(a *add, key string) int { return cmp.Compare(a.key, key) })
		if found {
			counters[i].sum = sum
		}
		return nil
	})
}

// total returns one addition for each counter of a sorted batch. Deltas wrap
// around as sums do. Of their times the last counts.
func total(batch []*add) []*add {
	var counters []*add
	for _, a := range batch {
		last := len(counters) - 1
		if last < 0 || counters[last].key != a.key {
			counters = append(counters, &add{key: a.key, delta: a.delta, expires: a.expires})
			continue
		}
		counters[last].delta += a.delta
		counters[last].expires = a.expires
	}
	return counters
}

// share tells each addition of a batch the sum after it, as if they had been
// made one after the other.
func share(batch, counters []*add) {
	i := -1
	var sum int64
	for _, a := range batch {
		if i < 0 || counters[i].key != a.key {
			i++
			sum = counters[i].sum - counters[i].delta
		}
		sum += a.delta
		a.sum = sum
	}
}
