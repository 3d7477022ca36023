package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/passcode-go/passcode/internal/durable"
)

// keysPath returns where the keys of a database are.
func keysPath(db string) string { return strings.TrimSuffix(db, filepath.Ext(db)) + ".keys" }

// openKeys reads the keys of a database file, and makes them first if neither
// keys nor database are there.
func openKeys(db, path string) (keysFile, error) {
	if path == db {
		return keysFile{}, fmt.Errorf("the database cannot be called %s: that is the name of its keys", db)
	}
	if _, err := os.Stat(filepath.Dir(db)); err != nil {
		return keysFile{}, fmt.Errorf("the database's directory: %w", err)
	}
	// The database is looked for before the keys: if another process is making
	// both, keys first, then whoever sees the database sees the keys too.
	info, err := os.Stat(db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return keysFile{}, err
	case !info.Mode().IsRegular():
		return keysFile{}, fmt.Errorf("%s is not a file", db)
	}
	fresh := err != nil

	keys, err := readKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if !fresh {
		return keysFile{}, fmt.Errorf("%s is there but its keys, %s, are not: put them back, or move the database away to start anew", db, path)
	}
	return makeKeys(path)
}

// makeKeys makes a keys file, and returns what is in it: another process's
// keys, if that was faster.
func makeKeys(path string) (keysFile, error) {
	made, err := newKeys(time.Now())
	if err == nil {
		err = createKeys(path, made)
	}
	if err != nil {
		return keysFile{}, fmt.Errorf("make keys: %w", err)
	}
	return readKeys(path)
}

// createKeys makes the file appear at path, complete and on the disk, unless
// there is one. It is linked rather than renamed, since a link never replaces
// a file.
func createKeys(path string, keys keysFile) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // with permissions 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := writeKeys(f, keys); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// completeKeys adds to the keys file of an earlier release what it lacks, and
// returns what is in the file then. Only the process that has the database
// open may call it: two at once would each go on with keys of its own.
func completeKeys(path string, now time.Time) (keysFile, error) {
	keys, err := readKeys(path) // again: another process may have had the database since
	if err != nil || keys.Version == keysVersion {
		return keys, err
	}
	if err := keys.complete(now); err != nil {
		return keysFile{}, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // a link stays one
		return keysFile{}, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err == nil {
		err = replaceKeys(path, f, keys)
	}
	if err != nil {
		return keysFile{}, fmt.Errorf("complete the keys: %w", err)
	}
	return keys, nil
}

// replaceKeys puts the keys into f and f in the place of the file at path,
// whose owner and permissions stay: whatever happens, one of the two is there,
// whole. F is a new file in the same directory, and is closed.
func replaceKeys(path string, f *os.File, keys keysFile) error {
	info, err := os.Stat(path)
	if err == nil {
		err = cmp.Or(keepOwner(f, info), f.Chmod(info.Mode().Perm()))
	}
	if err == nil {
		err = writeKeys(f, keys)
	} else {
		f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// writeKeys writes the keys to a new file, has them on the disk, and closes
// it in any case.
func writeKeys(f *os.File, keys keysFile) error {
	content, err := json.MarshalIndent(keys, "", "  ")
	if err == nil {
		_, err = f.Write(append(content, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

// readKeys reads and checks a keys file. Its error wraps fs.ErrNotExist if
// there is none, and never repeats what is in it.
func readKeys(path string) (keysFile, error) {
	content, err := readPrivate(path)
	if err != nil {
		return keysFile{}, err
	}
	var keys keysFile
	if err := keys.decode(content); err != nil {
		return keysFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// readPrivate reads a small file that nobody but its owner can read or write.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened, which for a pipe might take for ever
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if perm := info.Mode().Perm(); runtime.GOOS != "windows" && perm&0o077 != 0 {
		return fmt.Errorf("%s is open to others: its permissions are %04o instead of 0600", path, perm)
	}
	return nil
}
