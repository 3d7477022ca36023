package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/passcode-go/passcode/internal/durable"
)

var (
	// ErrLocked is returned by Open when another process, or another DB of this
	// one, has the file open.
	ErrLocked = errors.New("boltstore: file is in use")

	// ErrFormat is returned by Open for what is not a file of this package, is
	// empty, cut off or damaged, or was written by a newer version of it. A
	// method that meets a damaged record returns it too.
	ErrFormat = errors.New("boltstore: not a usable file")

	// ErrPermissions is returned by Open for a file that its group or others can
	// read or write. Open does not tighten it: whoever could read it may have.
	// Not on Windows, where permissions are not in the mode.
	ErrPermissions = errors.New("boltstore: file is open to others")
)

// Version of the layout, kept in the file. A program refuses a higher one.
const version = 1

var versionKey = []byte("version")

const mode = 0o600

// Open opens the file at path, and creates it if there is none. The directory
// must exist. If ctx is done before the file is open, Open returns its error.
//
// Open reads the whole file once to see that it is sound, since a damaged page
// could otherwise take down the process later.
func Open(ctx context.Context, path string, cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	const retry = 20 * time.Millisecond
	ticker := time.NewTicker(retry)
	defer ticker.Stop()
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := openOnce(path, cfg)
		if err == nil {
			return newDB(b, cfg), nil
		}
		if !errors.Is(err, ErrLocked) || time.Since(start) >= cfg.LockTimeout {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func openOnce(path string, cfg Config) (*bolt.DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(path, cfg.stage); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: not a regular file", ErrFormat)
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	b, err := openBolt(path, false, openPrivate)
	if err != nil {
		return nil, err
	}
	// The name is on the disk before anything is acknowledged under it, also if
	// whoever created the file did not come this far.
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		b.Close()
		return nil, err
	}
	if err := recount(b); err != nil {
		b.Close()
		return nil, err
	}
	removeLeftovers(path)
	return b, nil
}

// create makes the file appear at path, complete, or finds that another process
// has done so.
//
// It is filled under a name of its own and then linked: a link never replaces a
// file, so of any number of processes that start at once one gives the file its
// name, and all go on with that one.
func create(path string, stage func(string)) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+leftover+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	stage("empty")
	b, err := openBolt(f.Name(), false, func(string, int, os.FileMode) (*os.File, error) { return f, nil })
	if err != nil {
		f.Close()
		return err
	}
	stage("opened")
	err = b.Update(func(tx *bolt.Tx) error {
		for _, name := range allBuckets() {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(versionKey, []byte{version})
	})
	if err == nil {
		err = f.Sync()
	}
	if err2 := b.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	stage("filled")
	err = os.Link(f.Name(), path)
	// The second means that who gave the file its name has removed ours as a
	// left-over since.
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	stage("linked")
	return err
}

// leftover is in the names of files that are not yet complete, between the name
// of the file to be and a number.
const leftover = ".new-"

// removeLeftovers removes what a crash has left of creating path. The caller
// has path open: nobody can still need another file for it.
func removeLeftovers(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+leftover)
		if ok && e.Type().IsRegular() && number != "" && strings.Trim(number, "0123456789") == "" {
			os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

type opener func(name string, flag int, perm os.FileMode) (*os.File, error)

// options are what every file is opened with. NoSync stays off. A freelist on
// the disk would be rewritten by every commit, a quarter of a megabyte of it
// after a million records have expired; without it Open finds the free pages.
func options(readOnly bool, open opener) *bolt.Options {
	return &bolt.Options{
		Timeout:        time.Nanosecond, // one attempt
		ReadOnly:       readOnly,
		OpenFile:       open,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		NoStatistics:   true,
	}
}

// openBolt is bolt.Open with our errors, and without its panics.
func openBolt(path string, readOnly bool, open opener) (b *bolt.DB, err error) {
	var f *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			f.Close() // and with it the lock
			b, err = nil, fmt.Errorf("%w: %v", ErrFormat, r)
		}
	}()
	b, err = bolt.Open(path, mode, options(readOnly, func(name string, flag int, perm os.FileMode) (*os.File, error) {
		var err error
		f, err = open(name, flag, perm)
		return f, err
	}))
	var errno syscall.Errno
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.As(err, &errno), errors.Is(err, ErrFormat), errors.Is(err, ErrPermissions):
		return nil, err
	default: // bbolt's own, of which not all have a name
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
}

// openPrivate opens an existing file if nobody but its owner can. It never
// creates one: bbolt would, empty and in place.
func openPrivate(name string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, flag&^os.O_CREATE, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("%w: mode %04o, want %04o", ErrPermissions, info.Mode().Perm(), mode)
	case info.Size() == 0:
		// Not taken for a new one: it may be all that is left of an old one.
		err = fmt.Errorf("%w: empty", ErrFormat)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
