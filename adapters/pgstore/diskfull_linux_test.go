package pgstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/passcode-go/passcode/internal/servertest"
)

// A disk that is full: the write that did not fit is refused by name, nothing of
// it is there, what is there stays, what needs no room is done, and there is life
// after room was made.
//
// The disk is full for long values only. They have a file of their own, and in
// its place stands /dev/full, to which no write succeeds. That needs neither the
// right to mount nor that to set quotas.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	server(t)
	s := servertest.Postgres(t) // its own, which loses no more than this test if that goes wrong
	db := openDB(t, s.URL(), Config{Migrate: true})
	a, b, long := []byte("a"), []byte("b"), bytes.Repeat([]byte("x"), 60_000)
	mustSwap(t, db, "there", nil, a)
	var path string
	if err := db.pool.QueryRow(t.Context(), `SELECT pg_relation_filepath(reltoastrelid) FROM pg_class
		WHERE oid = 'passcode.records'::regclass`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(s.Dir, "data", path)
	exec(t, db, "CHECKPOINT") // what is not synced would be, by its name
	replace := func(change func() error) {
		t.Helper()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		db.pool.Reset() // the sessions that have the other file open end
	}
	replace(func() error {
		return errors.Join(os.Rename(path, path+".aside"), os.Symlink("/dev/full", path))
	})

	_, swapped, err := db.CompareAndSwap(t.Context(), "long", nil, long, expires)
	wantKind(t, "a creation", err, ErrDiskFull)
	if swapped {
		t.Error("and yet swapped")
	}
	_, _, err = db.CompareAndSwap(t.Context(), "there", a, long, expires)
	wantKind(t, "an update", err, ErrDiskFull)
	many := []*swap{{key: "many/1", new: a, expires: expires}, {key: "many/2", new: long, expires: expires}, {key: "many/3", new: b, expires: expires}}
	if err := db.swapper(createKind)(many, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range many {
		if s.swapped || !errors.Is(s.err, ErrDiskFull) {
			t.Errorf("%s: swapped %t, %v", s.key, s.swapped, s.err)
		}
		wantValue(t, db, s.key, nil)
	}
	wantValue(t, db, "long", nil)
	wantValue(t, db, "there", a)
	mustSwap(t, db, "there", a, b)
	mustSwap(t, db, "there", b, nil)

	replace(func() error { return os.Rename(path+".aside", path) })
	mustSwap(t, db, "long", nil, long)
	wantValue(t, db, "long", long)
}
