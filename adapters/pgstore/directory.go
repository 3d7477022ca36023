package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

var _ store.Directory = (*Directory)(nil)

// A Directory is the users in the database of a [DB]. It is safe for concurrent
// use, also by many programs at once. Each of its writes is a transaction of
// its own.
//
// The row of a user in the table users has all of the user as JSON. The other
// columns and the tables phones, emails, methods and external_ids are copied from
// that, to be unique and to be searched. So write them through a Directory only;
// to read them, or to delete from users, by other means does no harm.
//
// Searches for text within names and addresses are fast with the extension
// pg_trgm, which comes with Postgres. Migrate creates it if it may, and indexes
// for it; else the same users are found by reading all. If it comes later, do
//
//	CREATE INDEX users_name ON passcode.users USING gin (name gin_trgm_ops, short_name gin_trgm_ops);
//	CREATE INDEX phones_folded ON passcode.phones USING gin (folded gin_trgm_ops);
//	CREATE INDEX emails_folded ON passcode.emails USING gin (folded gin_trgm_ops);
//
// Besides what the contract names, a Directory returns store.ErrUser for an
// indexed value longer than 2 KiB, a status longer than 256 bytes, a user who is
// more than 16 MiB as JSON, metadata that is not JSON and a time outside of the
// years 0 to 9999; store.ErrClosed; and an [*Error] for what failed at the server.
type Directory struct {
	db *DB
}

// Directory returns the users in the same schema.
func (db *DB) Directory() *Directory { return &Directory{db} }

// Create implements [store.Directory].
func (d *Directory) Create(ctx context.Context, u store.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := encode(&u)
	if err != nil {
		return err
	}
	w := write{d, &u, data}
	for {
		if err := d.call(ctx, "create", d.db.cfg.Timeout, w.create); err != errMoved {
			return err
		}
	}
}

// Lookup implements [store.Directory].
func (d *Directory) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	u, _, err := d.lookup(ctx, by, value)
	return u, err
}

// lookup returns the user who has the value, and the row's data.
func (d *Directory) lookup(ctx context.Context, by store.Index, value string) (u store.User, data string, err error) {
	err = d.call(ctx, "lookup", d.db.cfg.Timeout, func(ctx context.Context, conn *pgx.Conn) error {
		statement, known := lookups[by]
		if !known || len(value) > maxValue || !isText(value) {
			return refusal{store.ErrNotFound}
		}
		err := conn.QueryRow(ctx, d.db.schema.sql(statement), value).Scan(&data)
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal{store.ErrNotFound}
		}
		if err != nil {
			return err
		}
		return decode(data, &u)
	})
	if err != nil {
		return store.User{}, "", err
	}
	return u, data, nil
}

// Update implements [store.Directory]. change runs outside of any transaction
// and with no connection held, so that the time it takes holds up nobody. If
// the user was changed in the meantime, change runs again on the new state,
// until it came in time or ctx is done.
func (d *Directory) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	for {
		was, before, err := d.lookup(ctx, store.ByID, id)
		if err != nil {
			return store.User{}, err
		}
		changed := was.Clone()
		if err := change(&changed); err != nil {
			return store.User{}, err
		}
		u := changed.Clone() // change may hold on to what it was given
		if u.ID != id {
			return store.User{}, fmt.Errorf("%w: the id cannot change", store.ErrUser)
		}
		data, err := encode(&u)
		if err != nil {
			return store.User{}, err
		}
		if data == before {
			return u, nil // the user was so when it was read
		}
		w := write{d, &u, data}
		err = d.call(ctx, "update", d.db.cfg.Timeout, func(ctx context.Context, conn *pgx.Conn) error { return w.replace(ctx, conn, &was, before) })
		if err == nil {
			return u, nil
		}
		if err != errMoved {
			return store.User{}, err
		}
	}
}

// Delete implements [store.Directory].
func (d *Directory) Delete(ctx context.Context, id string) (store.User, error) {
	var u store.User
	err := d.call(ctx, "delete", d.db.cfg.Timeout, func(ctx context.Context, conn *pgx.Conn) error {
		if len(id) > maxValue || !isText(id) {
			return refusal{store.ErrNotFound}
		}
		return transaction(ctx, conn, func(tx pgx.Tx) error {
			var data string
			err := tx.QueryRow(ctx, d.db.schema.sql(deleteUser), id).Scan(&data)
			if errors.Is(err, pgx.ErrNoRows) {
				return refusal{store.ErrNotFound}
			}
			if err != nil {
				return err
			}
			return decode(data, &u) // or else nothing is removed
		})
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}
