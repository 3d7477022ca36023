package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// onConn calls use with a connection of the pool. Its errors are made by
// failure.
func onConn(ctx context.Context, pool *pgxpool.Pool, op string, use func(*pgx.Conn) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		if s := pool.Stat(); errors.Is(err, context.DeadlineExceeded) && s.AcquiredConns() == s.MaxConns() {
			err = newError(ErrTimeout, "", "all connections of the pool are in use")
		}
		return failure(op, err)
	}
	defer conn.Release()
	err = failure(op, use(conn.Conn()))
	if errors.Is(err, ErrReadOnly) {
		conn.Conn().Close(ctx) // the next one may lead to the server that took over
	}
	return err
}

// call is onConn for what is a transaction of its own: if the server has undone
// it for the sake of others, it is made again.
func (db *DB) call(ctx context.Context, op string, use func(*pgx.Conn) error) error {
	for {
		err := onConn(ctx, db.pool, op, use)
		if e, ok := errors.AsType[*Error](err); !ok || !e.undone() || ctx.Err() != nil {
			return err
		}
	}
}

// limited returns a context for operations that are on the way. Those whom they
// belong to cannot end it, because others wait with them.
func (db *DB) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), db.cfg.Timeout)
}

// queryMany runs a statement for many, after the prelude, in one transaction,
// and calls each with every row it returns. Only if queryMany returns nil is
// what it reported true.
func queryMany(ctx context.Context, conn *pgx.Conn, statement string, args []any, each func(pgx.Rows) error) error {
	b := new(pgx.Batch)
	b.Queue(prelude)
	b.Queue(statement, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := each(rows); err != nil {
				return err
			}
		}
		return nil
	})
	return conn.SendBatch(ctx, b).Close() // returns the error of the commit, too
}
