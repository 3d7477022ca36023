package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that fills up: the write that did not fit is refused by name, what is
// there stays, and there is life after room was made. It needs the right to
// mount; where that is missing, TestKinds shows at least how the server's error
// is read.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	dir, err := os.MkdirTemp("", "passcode-full")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	info, err := os.Stat(filepath.Join(server(t).Dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t) // as whom the server runs
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=4m,mode=700,uid=%d,gid=%d", owner.Uid, owner.Gid)); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	db := openDB(t, url, Config{Migrate: true})
	space := databaseOf(t, url) + "_space"
	execAt(t, url, "CREATE TABLESPACE "+space+" LOCATION '"+dir+"'")
	exec(t, db, "ALTER TABLE passcode.records SET TABLESPACE "+space)
	defer execAt(t, url, "DROP SCHEMA passcode CASCADE", "DROP TABLESPACE "+space)

	value := bytes.Repeat([]byte("x"), 60_000)
	key := func(i int) string { return fmt.Sprint("key/", i) }
	n := 0
	for ; n < 200; n++ {
		if _, _, err = db.CompareAndSwap(t.Context(), key(n), nil, value, expires); err != nil {
			break
		}
	}
	wantKind(t, "a value too much", err, ErrDiskFull)
	wantValue(t, db, key(n), nil)
	many := make([]*swap, 20)
	for i := range many {
		many[i] = &swap{key: key(n + i), new: value, expires: expires}
	}
	if err := db.swapper(createKind)(many, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range many {
		if s.swapped || !errors.Is(s.err, ErrDiskFull) {
			t.Errorf("%s: swapped %t, %v", s.key, s.swapped, s.err)
		}
	}
	for i := range n {
		wantValue(t, db, key(i), value)
		mustSwap(t, db, key(i), value, nil) // needs no room
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	mustSwap(t, db, key(n), nil, value)
}
