package boltstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Tests that need a second process run this test binary again, with the name
// of a child in the environment.
const childEnv, pathEnv, argEnv = "BOLTSTORE_CHILD", "BOLTSTORE_PATH", "BOLTSTORE_ARG"

var children = map[string]func(path, arg string) error{
	"hold":   childHold,
	"count":  childCount,
	"create": childCreate,
	"write":  childWrite,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Getenv(pathEnv), os.Getenv(argEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A child is a second process.
type child struct {
	*exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startChild(t *testing.T, name, path, arg string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(self)}
	// Under the race detector a process would wait a second before it ends.
	c.Env = append(os.Environ(), childEnv+"="+name, pathEnv+"="+path, argEnv+"="+arg, "GORACE=atexit_sleep_ms=0")
	c.Stderr = os.Stderr
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// line returns the next line that the child printed, empty at the end.
func (c *child) line() string {
	c.lines.Scan()
	return c.lines.Text()
}

// tempPath returns a path at which there is nothing yet.
func tempPath(t testing.TB) string {
	return filepath.Join(t.TempDir(), "passcode.db")
}

func openAt(t testing.TB, path string, cfg Config) *DB {
	t.Helper()
	db, err := Open(context.Background(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openTemp opens a new file, which is checked when the test ends.
func openTemp(t testing.TB, cfg Config) *DB {
	t.Helper()
	db := openAt(t, tempPath(t), cfg)
	t.Cleanup(func() { checkDB(t, db) })
	return db
}

func checkDB(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Check(context.Background()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func closeDB(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A clock moves by hand. It begins at the full minute.
type clock struct{ passed atomic.Int64 }

var epoch = time.Date(2030, 1, 2, 3, 4, 0, 0, time.UTC)

func (c *clock) now() time.Time           { return epoch.Add(time.Duration(c.passed.Load())) }
func (c *clock) set(since time.Duration)  { c.passed.Store(int64(since)) }
func after(since time.Duration) time.Time { return epoch.Add(since) }
func swapKey(i int) string                { return fmt.Sprintf("key/%06d", i) }
func (c *clock) config() Config           { return Config{Now: c.now} }
func swapOp(key string, old, new []byte, expires time.Time) *op {
	o := &op{kind: kindRecord, key: []byte(key), old: old, expires: minuteAfter(expires)}
	if new != nil {
		o.record = append(make([]byte, headerSize), new...)
	}
	return o
}

func addOp(key string, delta int64, expires time.Time) *op {
	return &op{kind: kindCounter, key: []byte(key), delta: delta, expires: minuteAfter(expires), record: make([]byte, counterSize)}
}

// carry commits a batch that nothing joins.
func carry(db *DB, batch []*op) error {
	return db.commit(batch, func() []*op { return nil })
}

// mustSwap swaps and fails the test if it loses.
func mustSwap(t testing.TB, db *DB, key string, old, new []byte, expires time.Time) {
	t.Helper()
	current, swapped, err := db.CompareAndSwap(context.Background(), key, old, new, expires)
	if err != nil || !swapped || current != nil {
		t.Fatalf("CompareAndSwap(%s) = %q, %t, %v; want swapped", key, current, swapped, err)
	}
}

// wantValue fails the test if the value at key is another one; nil is none.
func wantValue(t testing.TB, db *DB, key string, want []byte) {
	t.Helper()
	got, err := db.Get(context.Background(), key)
	if err != nil || !equal(got, want) {
		t.Errorf("Get(%s) = %q, %v; want %q", key, got, err, want)
	}
}

// entries returns the expiry index: minutes since epoch, kind and key.
func entries(t testing.TB, db *DB) []string {
	t.Helper()
	var all []string
	err := db.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketExpiry).ForEach(func(e, _ []byte) error {
			at, kind, key := splitEntry(e)
			all = append(all, fmt.Sprintf("%d %c %s", at-minuteOf(epoch), kind, key))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
