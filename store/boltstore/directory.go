package boltstore

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// bucketUsers has users by id, as JSON.
var bucketUsers = []byte("users")

// bucketIndex has, for each index but the id, the bucket from its values to ids.
var bucketIndex = map[store.Index][]byte{
	store.ByPhone:      []byte("users by phone"),
	store.ByEmail:      []byte("users by email"),
	store.ByMethod:     []byte("users by method"),
	store.ByExternalID: []byte("users by external id"),
}

var _ store.Directory = (*Directory)(nil)

// A Directory is the users in the file of a [DB]. It is safe for concurrent
// use. Each of its writes is a commit of its own.
//
// Besides what the contract names, it returns store.ErrUser for an indexed
// value longer than 32 KiB, metadata that is not JSON and a time outside of the
// years 0 to 9999.
type Directory struct {
	db *DB
}

// Create implements [store.Directory].
func (d *Directory) Create(ctx context.Context, u store.User) error {
	data, err := encode(&u)
	if err != nil {
		return err
	}
	return d.update(ctx, func(tx *bolt.Tx) error {
		if err := taken(tx, &u, true); err != nil {
			return err
		}
		if err := count(tx, 1); err != nil {
			return err
		}
		return keep(tx, &u, data)
	})
}

// Lookup implements [store.Directory].
func (d *Directory) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	var u store.User
	err := d.view(ctx, func(tx *bolt.Tx) error {
		id := owner(tx, by, value)
		if id == nil {
			return store.ErrNotFound
		}
		return decode(tx.Bucket(bucketUsers).Get(id), &u)
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

// Update implements [store.Directory]. change runs outside of any transaction,
// so that the time it takes holds up nobody.
func (d *Directory) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	for {
		var before []byte
		err := d.view(ctx, func(tx *bolt.Tx) error {
			before = clone(tx.Bucket(bucketUsers).Get([]byte(id)))
			return nil
		})
		if err != nil {
			return store.User{}, err
		}
		u, kept, err := d.tryUpdate(ctx, id, before, change)
		if err != nil {
			return store.User{}, err
		}
		if kept {
			return u, nil
		}
	}
}

// tryUpdate keeps the changed user if the one that change saw is still there.
func (d *Directory) tryUpdate(ctx context.Context, id string, before []byte, change func(*store.User) error) (u store.User, kept bool, err error) {
	if before == nil {
		return u, false, store.ErrNotFound
	}
	var was store.User
	if err := decode(before, &was); err != nil {
		return u, false, err
	}
	changed := was.Clone()
	if err := change(&changed); err != nil {
		return u, false, err
	}
	u = changed.Clone() // change may hold on to what it was given
	if u.ID != id {
		return u, false, fmt.Errorf("%w: the id cannot change", store.ErrUser)
	}
	data, err := encode(&u)
	if err != nil {
		return u, false, err
	}
	err = d.update(ctx, func(tx *bolt.Tx) error {
		if !bytes.Equal(tx.Bucket(bucketUsers).Get([]byte(id)), before) {
			return errMoved
		}
		if err := taken(tx, &u, false); err != nil {
			return err
		}
		if err := drop(tx, &was); err != nil {
			return err
		}
		return keep(tx, &u, data)
	})
	if err == errMoved {
		return u, false, nil
	}
	return u, err == nil, err
}

// Delete implements [store.Directory].
func (d *Directory) Delete(ctx context.Context, id string) (store.User, error) {
	var u store.User
	err := d.update(ctx, func(tx *bolt.Tx) error {
		data := tx.Bucket(bucketUsers).Get([]byte(id))
		if data == nil {
			return store.ErrNotFound
		}
		if err := decode(data, &u); err != nil {
			return err
		}
		if err := count(tx, -1); err != nil {
			return err
		}
		return drop(tx, &u)
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}
