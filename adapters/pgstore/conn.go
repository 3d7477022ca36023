package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/group"
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

// queue has g carry an operation of a caller, who waits for its turn no longer
// than turn, which is made from ctx, lasts.
func queue[O any](ctx, turn context.Context, op string, g *group.Group[O], o *O) error {
	err := g.Do(turn, o)
	switch {
	case err == nil || err != turn.Err():
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return failure(op, newError(ErrTimeout, "", "too many others came first"))
}

// limited returns a context for operations that are on the way. Those whom they
// belong to cannot end it, because others wait with them.
func (db *DB) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), db.cfg.Timeout)
}

// slots bound how many do something at once.
type slots chan struct{}

// take waits until there is room, which give makes again.
func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take for those who do not wait.
func (s slots) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) give() { <-s }

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
