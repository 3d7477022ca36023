package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
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

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/internal/durable"
)

// keysVersion is the version of the keys file that this program writes, and
// the only one that it reads.
const keysVersion = 1

// A keysFile is the content of the keys file.
type keysFile struct {
	Version   int       `json:"version"`
	Index     []byte    `json:"index_key"`
	Ring      []ringKey `json:"ring"` // the newest first
	ProjectID string    `json:"project_id"`
	Secret    string    `json:"secret"`
}

type ringKey struct {
	ID      uint32    `json:"id"`
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"`
}

// keysPath returns where the keys of a database are.
func keysPath(db string) string { return strings.TrimSuffix(db, filepath.Ext(db)) + ".keys" }

// openKeys reads the keys of a database, and makes them first if neither keys
// nor database are there.
func openKeys(db string) (keysFile, error) {
	path := keysPath(db)
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
	if err := createKeys(path, newKeys(time.Now())); err != nil {
		return keysFile{}, fmt.Errorf("make keys: %w", err)
	}
	return readKeys(path) // another process's, if that was faster
}

func newKeys(now time.Time) keysFile {
	return keysFile{
		Version:   keysVersion,
		Index:     random(),
		Ring:      []ringKey{{ID: 1, Created: now.UTC().Truncate(time.Second), Key: random()}},
		ProjectID: accounts.ProjectID.New(false),
		Secret:    "secret-test-" + base64.RawURLEncoding.EncodeToString(random()),
	}
}

func random() []byte {
	b := make([]byte, engine.MinSecret)
	rand.Read(b)
	return b
}

// createKeys makes the file appear at path, complete and on the disk, unless
// there is one. It is linked rather than renamed, since a link never replaces
// a file.
func createKeys(path string, keys keysFile) error {
	content, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // with permissions 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(content, '\n'))
	err = cmp.Or(err, f.Sync())
	if err = cmp.Or(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
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

func (k *keysFile) decode(content []byte) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(content, &head) != nil {
		return errors.New("not a keys file, or damaged")
	}
	if head.Version != keysVersion {
		return fmt.Errorf("a keys file of version %d: this program reads version %d", head.Version, keysVersion)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil {
		return errors.New("a keys file with a field that is unknown or malformed")
	}
	if len(k.Index) < engine.MinSecret {
		return fmt.Errorf("index_key has %d bytes, fewer than %d", len(k.Index), engine.MinSecret)
	}
	if len(k.Ring) == 0 {
		return errors.New("ring is empty")
	}
	seen := make(map[uint32]bool)
	for _, key := range k.Ring {
		switch {
		case len(key.Key) < engine.MinSecret:
			return fmt.Errorf("key %d of the ring has %d bytes, fewer than %d", key.ID, len(key.Key), engine.MinSecret)
		case seen[key.ID]:
			return fmt.Errorf("key %d stands twice in the ring", key.ID)
		case bytes.Equal(key.Key, k.Index):
			return fmt.Errorf("key %d of the ring is the index key", key.ID)
		}
		seen[key.ID] = true
	}
	return k.credentials().check()
}

func (k *keysFile) credentials() credentials { return credentials{k.ProjectID, k.Secret} }

// engine returns the keys as the engine takes them.
func (k *keysFile) engine() engine.Keys {
	keys := engine.Keys{Index: engine.Key{Secret: k.Index}}
	for _, key := range k.Ring {
		keys.Ring = append(keys.Ring, engine.Key{ID: key.ID, Secret: key.Key})
	}
	return keys
}
