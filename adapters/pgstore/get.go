package pgstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

// A get is one read.
type get struct {
	key   string
	value []byte
}

// Get implements [store.Store].
func (db *DB) Get(ctx context.Context, key string) ([]byte, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	if err := db.enter(ctx); err != nil {
		return nil, err
	}
	defer db.leave()
	turn, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	return db.get(ctx, turn, "get", key)
}

func (db *DB) get(ctx, turn context.Context, op, key string) ([]byte, error) {
	g := get{key: key}
	if err := queue(ctx, turn, op, db.gets, &g); err != nil {
		return nil, err
	}
	return g.value, nil
}

// getter returns what carries a batch of reads.
func (db *DB) getter() func(batch []*get, more func() []*get) error {
	one, many := db.schema.sql(getOne), db.schema.sql(getMany)
	return func(batch []*get, _ func() []*get) error {
		ctx, cancel := db.limited()
		defer cancel()
		return db.call(ctx, "get", func(conn *pgx.Conn) error {
			if len(batch) == 1 {
				err := conn.QueryRow(ctx, one, batch[0].key).Scan(&batch[0].value)
				if errors.Is(err, pgx.ErrNoRows) {
					return nil
				}
				return err
			}
			return fetch(ctx, conn, many, batch)
		})
	}
}

// fetch makes a batch of reads in one.
func fetch(ctx context.Context, conn *pgx.Conn, statement string, batch []*get) error {
	byKey := func(g *get, key string) int { return cmp.Compare(g.key, key) }
	slices.SortFunc(batch, func(a, b *get) int { return byKey(a, b.key) })
	for _, g := range batch {
		g.value = nil // left by an attempt that was undone
	}
	keys := slices.Compact(column(batch, func(g *get) string { return g.key }))
	return queryMany(ctx, conn, statement, []any{keys}, func(rows pgx.Rows) error {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(batch, key, byKey)
		for ; i < len(batch) && batch[i].key == key; i++ {
			batch[i].value = append([]byte{}, value...)
		}
		return nil
	})
}
