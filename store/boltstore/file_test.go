package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/passcode-go/passcode/store"
)

// image returns a closed file with records, counters and users on many pages.
var image = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "boltstore")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "passcode.db")
	db, err := Open(context.Background(), path, new(clock).config())
	if err != nil {
		panic(err)
	}
	var batch []*op
	for i := range 300 {
		batch = append(batch, swapOp(swapKey(i), nil, make([]byte, 90), after(time.Hour)), addOp(swapKey(i), 1, after(time.Hour)))
	}
	batch = append(batch, swapOp("large", nil, make([]byte, store.MaxValue), after(time.Hour)))
	if err := carry(db, batch); err != nil {
		panic(err)
	}
	for i := range 3 {
		if err := db.Directory().Create(context.Background(), someone(i)); err != nil {
			panic(err)
		}
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return data
})

func someone(i int) store.User {
	return store.User{
		ID:         fmt.Sprintf("user-%03d", i),
		Status:     store.Active,
		Phones:     []store.Method{{ID: fmt.Sprintf("phone-%03d", i), Address: fmt.Sprintf("+1202555%04d", i), CreatedAt: epoch}},
		Emails:     []store.Method{{ID: fmt.Sprintf("email-%03d", i), Address: fmt.Sprintf("user%d@example.com", i), CreatedAt: epoch}},
		ExternalID: fmt.Sprintf("ext-%03d", i),
		CreatedAt:  epoch,
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	pageSize := os.Getpagesize()
	good := image()
	filled := func(data []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	edited := func(edit func(b *bolt.Tx) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			filled(good)(t, path)
			b, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Update(edit); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	wiped := func(page int) []byte {
		data := bytes.Clone(good)
		clear(data[page*pageSize : (page+1)*pageSize])
		return data
	}
	wipedAll := append(bytes.Clone(good[:2*pageSize]), make([]byte, len(good)-2*pageSize)...)
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    error
	}{
		{"empty", filled(nil), ErrFormat},
		{"a byte", filled([]byte("x")), ErrFormat},
		{"text", filled(bytes.Repeat([]byte("not a database\n"), 5000)), ErrFormat},
		{"zeros", filled(make([]byte, len(good))), ErrFormat},
		{"both meta pages gone", filled(append(make([]byte, 2*pageSize), good[2*pageSize:]...)), ErrFormat},
		{"all other pages gone", filled(wipedAll), ErrFormat},
		{"cut to one page", filled(good[:pageSize]), ErrFormat},
		{"cut to two pages", filled(good[:2*pageSize]), ErrFormat},
		{"cut to ten pages", filled(good[:10*pageSize]), ErrFormat},
		{"cut within a page", filled(good[:10*pageSize+7]), ErrFormat},
		{"another bbolt database", func(t *testing.T, path string) {
			b, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if err := b.Update(func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("sessions"))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}, ErrFormat},
		{"a newer layout", edited(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(versionKey, []byte{version + 1}) }), ErrFormat},
		{"no layout", edited(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete(versionKey) }), ErrFormat},
		{"a bucket is missing", edited(func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketCounters) }), ErrFormat},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, ErrFormat},
		{"a socket", func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { l.Close() })
		}, ErrFormat},
		{"no parent", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist},
		{"a link to nowhere", func(t *testing.T, path string) {
			if err := os.Symlink(path+".nowhere", path); err != nil {
				t.Skip(err)
			}
		}, fs.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := tempPath(t)
			tt.prepare(t, path)
			before, _ := os.ReadFile(path)
			db, err := Open(t.Context(), path, Config{})
			if err == nil {
				db.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open: %v, want %v", err, tt.want)
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, before) {
				t.Error("Open changed the file")
			}
		})
	}

	// A page that is in use cannot be lost without notice, and one that is free
	// can.
	used := 0
	for page := 2; page < len(good)/pageSize; page++ {
		path := tempPath(t)
		filled(wiped(page))(t, path)
		db, err := Open(t.Context(), path, Config{})
		switch {
		case err == nil:
			checkDB(t, db)
			db.Close()
		case errors.Is(err, ErrFormat):
			used++
		default:
			t.Errorf("without page %d: %v", page, err)
		}
	}
	if used < 20 {
		t.Errorf("only %d pages were missed", used)
	}
}

func TestOpenRefusesWhatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not in the mode")
	}
	for _, perm := range []fs.FileMode{0o640, 0o604, 0o620, 0o601, 0o777} {
		path := tempPath(t)
		closeDB(t, openAt(t, path, Config{}))
		if err := os.Chmod(path, perm); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, Config{}); !errors.Is(err, ErrPermissions) {
			t.Errorf("%04o: %v, want ErrPermissions", perm, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != perm {
			t.Errorf("%04o became %v, %v", perm, info.Mode(), err)
		}
	}
}

func TestNewFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not in the mode")
	}
	path := tempPath(t)
	openAt(t, path, Config{})
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantAlone(t, path)
}

// A new file is filled under a name that the next Open knows to be a left-over.
func TestNameOfANewFile(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	openAt(t, path, Config{stage: func(stage string) {
		beside, err := filepath.Glob(path + leftover + "*")
		if err != nil || len(beside) != 1 {
			t.Errorf("%s: %q, %v", stage, beside, err)
		}
		if _, err := os.Stat(path); stage != "linked" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file is there too early, %v", stage, err)
		}
	}})
	wantAlone(t, path)
}

// Who finds that another was faster leaves nothing behind, also when the file
// is of no use.
func TestAnotherIsFaster(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	cfg := Config{stage: func(stage string) {
		if stage == "filled" {
			if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := Open(t.Context(), path, cfg); !errors.Is(err, ErrFormat) {
		t.Errorf("Open: %v, want ErrFormat", err)
	}
	if data, err := os.ReadFile(path); string(data) != "something else" {
		t.Errorf("the other file is now %q, %v", data, err)
	}
	wantAlone(t, path)
}

// bbolt creates what it does not find, empty and in place.
func TestOnlyCreateCreates(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	if b, err := openBolt(path, false, openPrivate); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left a file: %v", err)
	}
}

// Free pages at the end are missed too: bbolt would use them without memory for
// them.
func TestCutWhereItIsFree(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	db := openAt(t, path, new(clock).config())
	large := make([]byte, store.MaxValue)
	mustSwap(t, db, "small", nil, []byte("a"), after(time.Hour))
	mustSwap(t, db, "large", nil, large, after(time.Hour))
	mustSwap(t, db, "large", large, nil, after(time.Hour))
	var size int64
	db.view(func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	closeDB(t, db)
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	closeDB(t, openAt(t, path, Config{})) // more was only in reserve
	if err := os.Truncate(path, size-int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Config{}); !errors.Is(err, ErrFormat) {
		t.Errorf("Open: %v, want ErrFormat", err)
	}
}

// wantAlone fails the test if anything is beside the file.
func wantAlone(t *testing.T, path string) {
	t.Helper()
	beside, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range beside {
		if e.Name() != filepath.Base(path) {
			t.Errorf("there is %s beside the file", e.Name())
		}
	}
}

func TestOnlyLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	keep := []string{".new-", ".new-12a", ".new-12.bak", ".new", ".bak", "x.new-12"}
	for _, suffix := range append(keep, ".new-12", ".new-3819281") {
		if err := os.WriteFile(path+suffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(path+".new-77", 0o700); err != nil {
		t.Fatal(err)
	}
	openAt(t, path, Config{})
	for _, suffix := range append(keep, ".new-77") {
		if _, err := os.Stat(path + suffix); err != nil {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	beside, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(beside) != len(keep)+2 {
		t.Errorf("%d files beside it, %v", len(beside)-1, err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	db := openAt(t, path, new(clock).config())
	for i := range 20 {
		mustSwap(t, db, swapKey(i), nil, fmt.Append(nil, i), after(time.Hour))
		if _, err := db.Add(t.Context(), swapKey(i), int64(i), after(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := db.Directory().Create(t.Context(), someone(i)); err != nil {
			t.Fatal(err)
		}
	}
	mustSwap(t, db, "empty", nil, []byte{}, after(time.Hour))
	closeDB(t, db)

	db = openAt(t, path, new(clock).config())
	for i := range 20 {
		wantValue(t, db, swapKey(i), fmt.Append(nil, i))
		if sum, err := db.Add(t.Context(), swapKey(i), 0, after(time.Hour)); sum != int64(i) || err != nil {
			t.Errorf("counter %d is %d, %v", i, sum, err)
		}
		u, err := db.Directory().Lookup(t.Context(), store.ByEmail, someone(i).Emails[0].Address)
		if err != nil || u.ID != someone(i).ID {
			t.Errorf("user %d: %v, %v", i, u.ID, err)
		}
	}
	wantValue(t, db, "empty", []byte{})
	checkDB(t, db)
}

// No option may trade the flush for speed, and the freelist stays off the disk.
func TestOptions(t *testing.T) {
	t.Parallel()
	db := openTemp(t, Config{})
	b := db.bolt
	if b.NoSync || b.NoGrowSync || !b.NoFreelistSync || b.FreelistType != bolt.FreelistMapType || b.IsReadOnly() {
		t.Errorf("NoSync %t, NoGrowSync %t, NoFreelistSync %t, freelist %s", b.NoSync, b.NoGrowSync, b.NoFreelistSync, b.FreelistType)
	}
}

func TestContextAndLockTimeout(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(done, path, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a done context: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left a file: %v", err)
	}

	first := openAt(t, path, Config{})
	start := time.Now()
	if _, err := Open(t.Context(), path, Config{LockTimeout: -1}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open: %v, want ErrLocked", err)
	}
	if _, err := Open(t.Context(), path, Config{LockTimeout: 100 * time.Millisecond}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open: %v, want ErrLocked", err)
	}
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("the second Open waited %v, want its timeout", took)
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(soon, path, Config{LockTimeout: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Open: %v, want the context's error", err)
	}

	// One that waits gets the file as soon as it is closed.
	opened := make(chan error)
	go func() {
		db, err := Open(context.Background(), path, Config{LockTimeout: time.Hour})
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	closeDB(t, first)
	if err := <-opened; err != nil {
		t.Errorf("who waited: %v", err)
	}
}
