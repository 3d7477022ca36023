package boltstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// Workers of the child that is killed. Each has a record and a counter of its
// own, all share one counter, and some create users.
const crashWorkers = 12

func ownKey(worker int) string { return fmt.Sprintf("worker/%02d", worker) }

// childWrite writes without end and prints a line for each write that was
// acknowledged: the kind, the worker, and the number that it wrote.
func childWrite(path, _ string) error {
	db, err := Open(context.Background(), path, Config{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	ctx := context.Background()
	errs := make(chan error)
	for w := range crashWorkers {
		go func() { errs <- writeOn(ctx, db, w) }()
	}
	return <-errs
}

func writeOn(ctx context.Context, db *DB, w int) error {
	key, late := ownKey(w), time.Now().Add(24*time.Hour)
	for {
		old, err := db.Get(ctx, key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(old))
		new := fmt.Append(nil, n+1)
		if _, swapped, err := db.CompareAndSwap(ctx, key, old, new, late); err != nil || !swapped {
			return fmt.Errorf("swapped %t: %w", swapped, err)
		}
		fmt.Println("swap", w, n+1)
		for _, counter := range []string{key, "shared"} {
			sum, err := db.Add(ctx, counter, 1, late)
			if err != nil {
				return err
			}
			fmt.Println(counter, w, sum)
		}
		// A record that is made and dies at once, to keep collection busy.
		if _, _, err := db.CompareAndSwap(ctx, fmt.Sprint(key, "/", n), nil, new, time.Unix(0, 0)); err != nil {
			return err
		}
		if w < 3 {
			u := someone((n+1)*10 + w)
			if err := db.Directory().Create(ctx, u); err != nil && !errors.Is(err, store.ErrTaken) {
				return err
			}
			fmt.Println("user", w, n+1)
		}
	}
}

// A journal is what the parent knows to be acknowledged.
type journal struct {
	swaps, sums [crashWorkers]int
	shared      int
	sharedSeen  map[int]bool
	users       map[int]bool
}

func (j *journal) note(t *testing.T, line string) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return // cut off by the kill
	}
	w, err := strconv.Atoi(f[1])
	n, err2 := strconv.Atoi(f[2])
	if err != nil || err2 != nil || w >= crashWorkers {
		t.Errorf("the child says %q", line)
		return
	}
	switch f[0] {
	case "swap":
		j.swaps[w] = n
	case "user":
		j.users[n*10+w] = true
	case "shared":
		if j.sharedSeen[n] {
			t.Errorf("the sum %d was acknowledged twice", n)
		}
		j.sharedSeen[n] = true
		j.shared = max(j.shared, n)
	default:
		j.sums[w] = n
	}
}

// verify holds what is in the file against the journal: all that was
// acknowledged, and of what was not at most the one write that each worker was
// waiting for.
func (j *journal) verify(t *testing.T, db *DB) {
	t.Helper()
	ctx, late := context.Background(), time.Now().Add(24*time.Hour)
	for w := range crashWorkers {
		value, err := db.Get(ctx, ownKey(w))
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(value))
		if n < j.swaps[w] || n > j.swaps[w]+1 {
			t.Errorf("worker %d: record %d, acknowledged %d", w, n, j.swaps[w])
		}
		sum, err := db.Add(ctx, ownKey(w), 0, late)
		if err != nil || int(sum) < j.sums[w] || int(sum) > j.sums[w]+1 {
			t.Errorf("worker %d: counter %d, %v; acknowledged %d", w, sum, err, j.sums[w])
		}
		j.swaps[w], j.sums[w] = n, int(sum)
	}
	sum, err := db.Add(ctx, "shared", 0, late)
	if err != nil || int(sum) < j.shared || int(sum) > len(j.sharedSeen)+crashWorkers {
		t.Errorf("shared counter %d, %v; acknowledged %d", sum, err, j.shared)
	}
	// Those that nobody was told of stay untold.
	for n := 1; n <= int(sum); n++ {
		j.sharedSeen[n] = true
	}
	j.shared = int(sum)
	for n := range j.users {
		u := someone(n)
		for by, value := range u.Values {
			if found, err := db.Directory().Lookup(ctx, by, value); err != nil || found.ID != u.ID {
				t.Errorf("user %s by %s: %q, %v", u.ID, by, found.ID, err)
			}
		}
	}
}

// TestKilledWhileWriting kills a writing process again and again, at any
// moment, and finds everything that it had acknowledged. The number of times is
// 25, or in the environment as BOLTSTORE_KILLS.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	kills := 25
	if s := os.Getenv("BOLTSTORE_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	path := tempPath(t)
	j := &journal{sharedSeen: make(map[int]bool), users: make(map[int]bool)}
	for range kills {
		c := startChild(t, "write", path, "")
		var wg sync.WaitGroup
		lines, deadly := 0, 1+rand.IntN(400)
		for c.lines.Scan() {
			j.note(t, c.lines.Text())
			if lines++; lines == deadly {
				wg.Go(func() { c.Process.Kill() })
			}
		}
		wg.Wait()
		if err := c.Wait(); err == nil || lines < deadly {
			t.Fatalf("the child ended by itself after %d lines: %v", lines, err)
		}
		db := openAt(t, path, Config{LockTimeout: time.Minute})
		checkDB(t, db)
		j.verify(t, db)
		closeDB(t, db)
		if t.Failed() {
			return
		}
	}
}
