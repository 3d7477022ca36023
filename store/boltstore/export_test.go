package boltstore

import (
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store/storetest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("100,000 users take a moment: not with -short")
	}
	const users = 100_000
	path := filepath.Join(t.TempDir(), "passcode.db")
	db, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	// At once, as no caller can, and uncounted, as in a file of an old version.
	err = db.bolt.Update(func(tx *bolt.Tx) error {
		for n := range users {
			u := storetest.ExportUser(n)
			data, err := encode(&u)
			if err != nil {
				return err
			}
			if err := keep(tx, &u, data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), path, Config{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	storetest.RunExport(t, db.Directory(), users)
}
