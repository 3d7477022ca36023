package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/adapters/pgstore"
	"github.com/passcode-go/passcode/internal/servertest"
)

// bareConns bounds the connections of the bare loop: more than 64 do not make
// Postgres faster, and its stock configuration allows 100.
const bareConns = 64

// A barePostgres makes one UPDATE for each check: the other side of pgstore's
// ratio.
type barePostgres struct {
	pool   *pgxpool.Pool
	values bareValues
}

const bareTable = `CREATE TABLE bare (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 50)`

func openBarePostgres(ctx context.Context, url string, n int) (*barePostgres, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of -postgres cannot be read")
	}
	cfg.MaxConns = bareConns
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b := &barePostgres{pool, newBareValues(n)}
	if _, err := pool.Exec(ctx, "DROP TABLE IF EXISTS bare"); err != nil {
		return b, err
	}
	if _, err := pool.Exec(ctx, bareTable); err != nil {
		return b, err
	}
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"key", "value"}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		return []any{b.values.keys[i], b.values.value(0)}, nil
	}))
	return b, err
}

func (b *barePostgres) measure(ctx context.Context, callers, ops int) (timing, error) {
	return b.values.measure(ctx, callers, max(ops/4, min(ops, 1000)), func(key string, old, new []byte) (bool, error) {
		tag, err := b.pool.Exec(ctx, "UPDATE bare SET value = $3 WHERE key = $1 AND value = $2", key, old, new)
		return tag.RowsAffected() == 1, err
	})
}

// openPostgres starts a private server with its stock configuration, or uses
// the database of -postgres.
func openPostgres(ctx context.Context, p plan, n int, now func() time.Time) (target, error) {
	stop := func() error { return nil }
	url := p.postgres
	if url == "" {
		server, err := servertest.StartPostgres()
		if err != nil {
			return target{}, err
		}
		url, stop = server.URL(), server.Stop
	}
	bare, err := openBarePostgres(ctx, url, n)
	end := func() error {
		if bare != nil {
			bare.pool.Close()
		}
		return stop()
	}
	if err != nil {
		return target{}, errors.Join(err, end())
	}
	s, err := pgstore.Open(ctx, url, pgstore.Config{Schema: "bench", Migrate: true, Now: now})
	if err != nil {
		return target{}, errors.Join(err, end())
	}
	return target{
		name: "postgres", store: s, fillers: 256, cached: 4 * n, unitName: "UPDATE",
		unit:  func(callers, ops int) (timing, error) { return bare.measure(ctx, callers, ops) },
		most:  func(n, callers int) int { return min(n/2, 1000*min(callers, 16)) },
		close: func() error { return errors.Join(s.Close(), end()) },
	}, nil
}
