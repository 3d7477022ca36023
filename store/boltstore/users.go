package boltstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// errMoved says that a user is no longer the one that a change was made to.
var errMoved = errors.New("boltstore: user changed meanwhile")

func (d *Directory) view(ctx context.Context, read func(*bolt.Tx) error) error {
	if err := d.db.enter(ctx); err != nil {
		return err
	}
	defer d.db.leave()
	return d.db.view(read)
}

// update runs write in a transaction and commits unless it returns an error.
func (d *Directory) update(ctx context.Context, write func(*bolt.Tx) error) error {
	if err := d.db.enter(ctx); err != nil {
		return err
	}
	defer d.db.leave()
	return d.db.update(func(tx *bolt.Tx) (bool, error) {
		// The wait for the writer may have been long.
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return true, write(tx)
	})
}

// owner returns the id of the user that has the value, nil if none has.
func owner(tx *bolt.Tx, by store.Index, value string) []byte {
	if value == "" {
		return nil
	}
	if by == store.ByID {
		if tx.Bucket(bucketUsers).Get([]byte(value)) == nil {
			return nil
		}
		return []byte(value)
	}
	name, ok := bucketIndex[by]
	if !ok {
		return nil
	}
	return tx.Bucket(name).Get([]byte(value))
}

// taken returns an error if a value of u belongs to another user, or its id to
// any user when u is new.
func taken(tx *bolt.Tx, u *store.User, isNew bool) error {
	for by, value := range u.Values {
		if by == store.ByID && !isNew {
			continue
		}
		if id := owner(tx, by, value); id != nil && (isNew || string(id) != u.ID) {
			return &store.TakenError{Index: by, Owner: string(id)}
		}
	}
	return nil
}

// keep writes the user with all index values.
func keep(tx *bolt.Tx, u *store.User, data []byte) error {
	for by, value := range u.Values {
		if by == store.ByID {
			continue
		}
		if err := tx.Bucket(bucketIndex[by]).Put([]byte(value), []byte(u.ID)); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketUsers).Put([]byte(u.ID), data)
}

// drop removes the user with all index values.
func drop(tx *bolt.Tx, u *store.User) error {
	for by, value := range u.Values {
		if by == store.ByID {
			continue
		}
		if err := tx.Bucket(bucketIndex[by]).Delete([]byte(value)); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketUsers).Delete([]byte(u.ID))
}

// encode checks the user and returns it as it is kept.
func encode(u *store.User) ([]byte, error) {
	if err := u.Check(); err != nil {
		return nil, err
	}
	for by, value := range u.Values {
		if len(value) > bolt.MaxKeySize {
			return nil, fmt.Errorf("%w: %s too long", store.ErrUser, by)
		}
	}
	data, err := json.Marshal(u.Clone())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUser, err)
	}
	return data, nil
}

func decode(data []byte, u *store.User) error {
	if data == nil {
		return fmt.Errorf("%w: an index names a user that is not there", ErrFormat)
	}
	if err := json.Unmarshal(data, u); err != nil {
		return fmt.Errorf("%w: user: %w", ErrFormat, err)
	}
	return nil
}
