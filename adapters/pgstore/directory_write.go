package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/passcode-go/passcode/store"
)

// errMoved says that what a write was made for is no longer so: it is made again.
var errMoved = errors.New("pgstore: user changed meanwhile")

// A refusal ends a call with an answer that is this package's, not a failure of
// the server.
type refusal struct{ error }

// call is [DB.call] for a Directory: it leaves connections for the Store, and
// those of other slots, if there are any, for other calls. It ends with ctx or
// after a limit, and the error of a refusal is returned as it is.
func (d *Directory) call(ctx context.Context, op string, limit time.Duration, use func(context.Context, *pgx.Conn) error, others ...slots) error {
	if err := d.db.enter(ctx); err != nil {
		return err
	}
	defer d.db.leave()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, room := range append(others, d.db.users) {
		if err := room.take(limited); err != nil {
			return busy(ctx, op)
		}
		defer room.give()
	}
	var refused error
	err := d.db.call(limited, op, func(conn *pgx.Conn) error {
		err := use(limited, conn)
		if no, ok := errors.AsType[refusal](err); ok {
			refused = no.error
			return nil
		}
		return err
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	return refused
}

// busy says why a call found no room in time.
func busy(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return failure(op, newError(ErrTimeout, "", "the pool has no room for more calls of a Directory"))
}

// transaction runs do in a transaction, which is committed if do returns nil,
// and then on disk.
func transaction(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) error) error {
	options := pgx.TxOptions{BeginQuery: "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT " + durable}
	return pgx.BeginTxFunc(ctx, conn, options, do)
}

// A write makes something of a user's rows.
type write struct {
	d    *Directory
	u    *store.User // as it will be
	data string      // of u
}

// create writes a new user.
func (w *write) create(ctx context.Context, conn *pgx.Conn) error {
	return transaction(ctx, conn, func(tx pgx.Tx) error {
		// Without an error on conflict, which the server would log with the value.
		tag, err := tx.Exec(ctx, w.d.db.schema.sql(createUser), append(columns(w.u), w.data)...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return refusal{&store.TakenError{Index: store.ByID, Owner: w.u.ID}}
		}
		return w.take(ctx, tx, values(w.u))
	})
}

// replace writes the user in the place of was, whose data is before.
func (w *write) replace(ctx context.Context, conn *pgx.Conn, was *store.User, before string) error {
	update := func(e interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}) error {
		tag, err := e.Exec(ctx, w.d.db.schema.sql(updateUser), append(columns(w.u), w.data, before)...)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal{errMoved}
		}
		return err
	}
	added, changed, removed := compare(values(was), values(w.u))
	if len(added)+len(changed)+len(removed) == 0 {
		return update(conn)
	}
	return transaction(ctx, conn, func(tx pgx.Tx) error {
		if err := update(tx); err != nil {
			return err
		}
		if err := w.take(ctx, tx, added); err != nil {
			return err
		}
		var rest pgx.Batch
		if len(changed) > 0 {
			rest.Queue(w.d.db.schema.sql(changeValues), append([]any{w.u.ID}, arrays(changed)...)...)
		}
		if len(removed) > 0 {
			rest.Queue(w.d.db.schema.sql(giveUpValues), append([]any{w.u.ID}, arrays(removed)[:2]...)...)
		}
		return tx.SendBatch(ctx, &rest).Close()
	})
}

// take gives the user values that were not its own. It waits for whoever is
// about to take or to give up one of them.
//
// There are no deadlocks: who waits here holds, besides its own row of users,
// only values that come before the one that it waits for; values that are given
// up are touched when there is nothing left to wait for.
func (w *write) take(ctx context.Context, tx pgx.Tx, rows []value) error {
	if len(rows) == 0 {
		return nil
	}
	args := append([]any{w.u.ID}, arrays(rows)...)
	tag, err := tx.Exec(ctx, w.d.db.schema.sql(takeValues), args...)
	if err != nil || int(tag.RowsAffected()) == len(rows) {
		return err
	}
	var taken store.TakenError
	err = tx.QueryRow(ctx, w.d.db.schema.sql(ownerOfValues), args[:3]...).Scan(&taken.Index, &taken.Owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusal{errMoved} // it is free by now
	}
	if err != nil {
		return err
	}
	return refusal{&taken}
}
