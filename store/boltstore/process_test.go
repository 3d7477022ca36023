package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// childHold opens the file and keeps it until its input ends.
func childHold(path, _ string) error {
	db, err := Open(context.Background(), path, Config{})
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestAnotherProcessHasIt(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	c := startChild(t, "hold", path, "")
	if line := c.line(); line != "open" {
		t.Fatalf("the child says %q", line)
	}
	if _, err := Open(t.Context(), path, Config{LockTimeout: -1}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open: %v, want ErrLocked", err)
	}
	c.in.Close()
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	checkDB(t, openAt(t, path, Config{}))
}

// childCount adds 1 to a counter, as soon as its input ends.
func childCount(path, _ string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return countUp(path)
}

func countUp(path string) error {
	db, err := Open(context.Background(), path, Config{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	if _, err := db.Add(context.Background(), "opened", 1, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	return db.Close()
}

// Processes and goroutines that all find no file start at once. If one of them
// replaced the file of another, a count would be lost.
func TestRaceToCreate(t *testing.T) {
	t.Parallel()
	const rounds, processes, goroutines = 3, 3, 5
	for range rounds {
		path := tempPath(t)
		var children []*child
		for range processes {
			children = append(children, startChild(t, "count", path, ""))
		}
		var wg sync.WaitGroup
		for _, c := range children {
			c.in.Close()
		}
		for range goroutines {
			wg.Go(func() {
				if err := countUp(path); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, c := range children {
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		}
		db := openAt(t, path, Config{})
		if sum, err := db.Add(t.Context(), "opened", 0, time.Now().Add(time.Hour)); sum != processes+goroutines || err != nil {
			t.Errorf("%d of %d counts are there, %v", sum, processes+goroutines, err)
		}
		wantAlone(t, path)
	}
}

// childCreate opens a new file and kills itself at a stage of that, or says so
// and waits to be killed.
func childCreate(path, stage string) error {
	cfg := Config{stage: func(name string) {
		if name == stage {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			io.Copy(io.Discard, os.Stdin)
		}
	}}
	fmt.Println("begin")
	_, err := Open(context.Background(), path, cfg)
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	stages := []string{"empty", "opened", "filled", "linked"}
	for range 12 {
		stages = append(stages, "") // killed from outside, at any time
	}
	for _, stage := range stages {
		path := tempPath(t)
		c := startChild(t, "create", path, stage)
		if c.line() != "begin" {
			t.Fatal("the child did not begin")
		}
		if stage == "" {
			<-time.After(rand.N(8 * time.Millisecond))
			c.Process.Kill()
		}
		line := c.line()
		c.Wait()
		if stage != "" && line != "" {
			t.Fatalf("the child came past stage %s", stage)
		}
		left, err := os.ReadFile(path)
		if err == nil && len(left) == 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("killed at %q: %d bytes, %v", stage, len(left), err)
		}
		if (stage == "linked" || line == "open") && err != nil {
			t.Errorf("killed at %q: %v", stage, err)
		}
		db := openAt(t, path, Config{LockTimeout: time.Minute})
		mustSwap(t, db, "key", nil, []byte("value"), time.Now().Add(time.Hour))
		checkDB(t, db)
		closeDB(t, db)
		wantAlone(t, path)
	}
}
