package boltstore

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// Check reads the whole file and returns an error that wraps ErrFormat and says
// what is wrong with it: pages that bbolt cannot account for, a record that no
// entry of the expiry index would ever collect, a user and an index that
// disagree. Nothing is written while it runs, and it cannot be interrupted once
// it has begun.
func (db *DB) Check(ctx context.Context) error {
	if err := db.enter(ctx); err != nil {
		return err
	}
	defer db.leave()
	return db.update(func(tx *bolt.Tx) (bool, error) {
		var faults []error
		for err := range tx.Check() {
			faults = append(faults, fmt.Errorf("%w: %w", ErrFormat, err))
		}
		faults = append(faults, checkFiled(tx)...)
		faults = append(faults, checkUsers(tx)...)
		return false, errors.Join(faults...)
	})
}

// checkFiled returns an error for each record that is not in the expiry index.
func checkFiled(tx *bolt.Tx) (faults []error) {
	t := open(tx)
	for _, kind := range []byte{kindRecord, kindCounter} {
		c := t.bucket(kind).Cursor()
		for key, record := c.First(); key != nil; key, record = c.Next() {
			if len(record) < headerSize {
				faults = append(faults, fmt.Errorf("%w: %c %s: %d bytes", ErrFormat, kind, key, len(record)))
				continue
			}
			if _, filed := header(record); t.expiry.Get(entry(filed, kind, key)) == nil {
				faults = append(faults, fmt.Errorf("%w: %c %s: not in the expiry index", ErrFormat, kind, key))
			}
		}
	}
	return faults
}

// checkUsers returns an error for each user that is not in the indexes and for
// each index that holds more than the users' values. It names no addresses.
func checkUsers(tx *bolt.Tx) (faults []error) {
	values := make(map[store.Index]int)
	users := 0
	c := tx.Bucket(bucketUsers).Cursor()
	for id, data := c.First(); id != nil; id, data = c.Next() {
		users++
		var u store.User
		if err := decode(data, &u); err != nil {
			faults = append(faults, err)
			continue
		}
		for by, value := range u.Values {
			values[by]++
			if string(owner(tx, by, value)) != string(id) {
				faults = append(faults, fmt.Errorf("%w: user %s: not in index %s", ErrFormat, id, by))
			}
		}
	}
	if n := tx.Bucket(bucketUsers).Sequence(); n != uint64(users) {
		faults = append(faults, fmt.Errorf("%w: %d users are counted, want %d", ErrFormat, n, users))
	}
	for by, name := range bucketIndex {
		n := 0
		c := tx.Bucket(name).Cursor()
		for value, _ := c.First(); value != nil; value, _ = c.Next() {
			n++
		}
		if n != values[by] {
			faults = append(faults, fmt.Errorf("%w: index %s: %d entries, want %d", ErrFormat, by, n, values[by]))
		}
	}
	return faults
}
