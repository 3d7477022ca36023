package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// FuzzOpen changes a sound file in one place. Whatever comes of it, Open says
// so or the file can be used: the process lives, and nothing hangs.
func FuzzOpen(f *testing.F) {
	page := uint32(os.Getpagesize())
	f.Add(uint32(0), []byte{1})
	f.Add(page+16, []byte{0})
	f.Add(3*page, []byte{4})
	f.Add(4*page+8, []byte{1, 0, 255, 255})
	f.Add(5*page+20, bytes.Repeat([]byte{255}, 8))
	f.Fuzz(func(t *testing.T, offset uint32, patch []byte) {
		data := bytes.Clone(image())
		copy(data[int(offset)%len(data):], patch)
		path := tempPath(t)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(t.Context(), path, new(clock).config())
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("Open: %v, want ErrFormat", err)
			}
			mend(t, path)
			return
		}
		ctx, late := context.Background(), after(2*time.Hour)
		var batch []*op
		for i := range 300 {
			old, _ := db.Get(ctx, swapKey(i))
			batch = append(batch, swapOp(swapKey(i), old, []byte("value"), late), addOp(swapKey(i), 1, late))
		}
		carry(db, batch)
		db.Directory().Search(ctx, store.Query{})
		db.Sweep(ctx)
		db.Check(ctx)
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// mend puts a sound file in place of a refused one, in the same place on the
// disk, and opens it: whoever refused it must not hold on to it.
func mend(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, image(), 0o600); err != nil {
		t.Fatal(err)
	}
	// A child that another test is just starting holds, for a moment, what was
	// open here, and so the lock of a file closed since.
	db, err := Open(t.Context(), path, Config{LockTimeout: time.Minute})
	if err != nil {
		t.Fatalf("Open of the mended file: %v", err)
	}
	db.Close()
}

// wantRefused opens the file with each of the pages of one kind edited, except
// those that edit skips, and fails the test if none was refused. Some are
// accepted: pages that are no longer in use.
func wantRefused(t *testing.T, kind uint16, edit func(page []byte) bool) {
	t.Helper()
	size := os.Getpagesize()
	path := tempPath(t)
	refused := 0
	for id := 2; id < len(image())/size; id++ {
		data := bytes.Clone(image())
		page := data[id*size : (id+1)*size]
		// A large value is on pages without a header.
		if binary.NativeEndian.Uint64(page) != uint64(id) || binary.NativeEndian.Uint32(page[12:]) != 0 || binary.NativeEndian.Uint16(page[8:]) != kind || !edit(page) {
			continue
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(t.Context(), path, Config{})
		if err == nil {
			db.Close()
			continue
		}
		refused++
		if !errors.Is(err, ErrFormat) {
			t.Errorf("page %d: %v, want ErrFormat", id, err)
		}
		mend(t, path)
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// A page below itself would be walked for ever.
func TestPageBelowItself(t *testing.T) {
	t.Parallel()
	wantRefused(t, branchPage, func(page []byte) bool {
		copy(page[pageHeader+8:], page[:8])
		return true
	})
}

func TestPageInTwoPlaces(t *testing.T) {
	t.Parallel()
	wantRefused(t, leafPage, func(page []byte) bool {
		var roots [][]byte
		for i := range int(binary.NativeEndian.Uint16(page[10:])) {
			it := readItem(page[pageHeader+i*element:], leafPage)
			if it.isBucket && binary.NativeEndian.Uint64(it.value) != 0 {
				roots = append(roots, it.value[:8])
			}
		}
		if len(roots) < 2 {
			return false
		}
		copy(roots[0], roots[1])
		return true
	})
}

// A key that does not belong on its page, though it is in order there.
func TestKeyOnTheWrongPage(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(page []byte, count int){
		"first too low": func(page []byte, _ int) { readItem(page[pageHeader:], leafPage).key[0] = 1 },
		"last too high": func(page []byte, count int) { readItem(page[pageHeader+(count-1)*element:], leafPage).key[0] = 255 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, leafPage, func(page []byte) bool {
				count := int(binary.NativeEndian.Uint16(page[10:]))
				if count > 0 {
					edit(page, count)
				}
				return count > 0
			})
		})
	}
}
