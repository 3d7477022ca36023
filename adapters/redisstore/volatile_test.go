package redisstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
)

// told returns a server that reads whether it keeps an append-only file from a
// file, and a function that has that say something else at the next start.
func told(t *testing.T, appendonly string) (s *servertest.Server, tell func(appendonly string)) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	tell = func(appendonly string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("appendonly "+appendonly+"\nappendfsync always\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tell(appendonly)
	return servertest.Redis(t, "--include", file), tell
}

// slowly has a server take minutes to write what it holds.
func slowly(t *testing.T, s *servertest.Server) {
	t.Helper()
	for i := range 10 {
		command(t, s, fmt.Sprintf("SET slow/%d value", i))
	}
	command(t, s, "CONFIG SET rdb-key-save-delay 60000000")
}

// quickly ends that: the process that is writing dies, and the server begins anew
// if it needs the file.
func quickly(t *testing.T, s *servertest.Server) {
	t.Helper()
	command(t, s, "CONFIG SET rdb-key-save-delay 0")
	started := regexp.MustCompile(`rewriting started by pid (\d+)`).FindAllStringSubmatch(s.Log(), -1)
	if len(started) == 0 {
		t.Fatalf("who writes is not in the log:\n%s", s.Log())
	}
	pid, err := strconv.Atoi(started[len(started)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	writer, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return whole(s) })
}

// whole returns why the append-only file is not whole.
func whole(s *servertest.Server) error {
	info, err := servertest.RedisCommand(s.Addr(), "INFO persistence")
	if err == nil && (strings.Contains(info, "aof_rewrite_in_progress:1") || strings.Contains(info, "aof_rewrite_scheduled:1")) {
		err = errors.New("the append-only file is being written")
	}
	return err
}

// A server that was told to keep an append-only file while it runs has none at
// first. Whatever it confirmed then is gone after a crash, so it is not taken; and
// it is taken as soon as it has one, which Open waits for.
func TestFirstAppendOnlyFile(t *testing.T) {
	t.Parallel()
	server, tell := told(t, "no")
	slowly(t, server)
	command(t, server, "CONFIG SET appendonly yes")
	tell("yes")
	for _, fence := range []bool{false, true} {
		began := time.Now()
		s, err := tryOpen(t.Context(), server.URL(), Config{Prefix: "test:", Fence: fence, Timeout: time.Second})
		if err == nil {
			s.Close()
			t.Fatalf("fence=%t: it is taken", fence)
		}
		wantError(t, err, ErrVolatile)
		if took := time.Since(began); took < time.Second || took > 30*time.Second {
			t.Errorf("Open waited for %v, want Timeout", took)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, server.URL(), Config{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open with a context that ends: %v", err)
	}
	warned := 0
	openAt(t, server.URL(), Config{UnsafeVolatile: true, Warn: func(error) { warned++ }})
	if warned != 1 {
		t.Errorf("%d warnings", warned)
	}

	opened := make(chan error)
	go func() {
		s, err := tryOpen(context.Background(), server.URL(), Config{Timeout: time.Minute})
		if err == nil {
			s.Close()
		}
		opened <- err
	}()
	quickly(t, server)
	if err := <-opened; err != nil {
		t.Errorf("Open beside the first append-only file: %v", err)
	}
	restart(t, server)
	if keys := command(t, server, "DBSIZE"); keys != "10" {
		t.Errorf("%s keys after a crash, want the 10 of before", keys)
	}
}

// Other files are written beside the one that is appended to, which is a reason
// for nothing.
func TestAppendOnlyFileWrittenAnew(t *testing.T) {
	t.Parallel()
	server, _ := told(t, "yes")
	fresh := openAt(t, server.URL(), Config{})
	anew := func() {
		t.Helper()
		slowly(t, server)
		command(t, server, "BGREWRITEAOF")
		if whole(server) == nil {
			t.Fatal("the append-only file is not being written")
		}
	}
	anew() // for the first time
	if err := fresh.Check(t.Context()); err != nil {
		t.Error(err)
	}
	quickly(t, server)
	restart(t, server)
	anew()
	if _, err := tryOpen(t.Context(), server.URL(), Config{Timeout: time.Second}); err != nil {
		t.Error(err)
	}
	quickly(t, server)
}

// A store whose server has become forgetful takes nothing and gives nothing, once
// a Check has seen it and until one sees it put right: not before the server has
// an append-only file that has everything.
func TestBecomesVolatile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, _ := told(t, "yes")
	s := openAt(t, server.URL(), Config{Prefix: "test:"})
	mustSwap(t, s, "key", nil, []byte("value"))
	wantSum(t, s, "sum", 1, 1)
	refuses := func(want error) {
		t.Helper()
		wantError(t, s.Check(ctx), want)
		_, get := s.Get(ctx, "key")
		_, _, swap := s.CompareAndSwap(ctx, "key", []byte("value"), []byte("new"), later())
		_, add := s.Add(ctx, "sum", 1, later())
		for _, err := range []error{get, swap, add} {
			wantError(t, err, want)
		}
	}
	works := func() {
		t.Helper()
		if err := s.Check(ctx); err != nil {
			t.Error(err)
		}
		wantValue(t, s, "key", []byte("value"))
		wantSum(t, s, "sum", 0, 1)
	}
	command(t, server, "CONFIG SET maxmemory-policy allkeys-lru")
	wantValue(t, s, "key", []byte("value")) // nobody has looked yet
	refuses(ErrEviction)
	command(t, server, "CONFIG SET maxmemory-policy noeviction")
	works()

	// The second file: the first is there, and old.
	command(t, server, "BGREWRITEAOF")
	eventually(t, func() error { return whole(server) })
	slowly(t, server)
	command(t, server, "CONFIG SET appendonly no")
	refuses(ErrVolatile)
	command(t, server, "CONFIG SET appendonly yes")
	refuses(ErrVolatile)
	refuses(ErrVolatile)
	if err := server.Kill(); err != nil { // who cannot be asked is not taken for right
		t.Fatal(err)
	}
	wantError(t, s.Check(ctx), ErrUnreachable)
	_, err := s.Get(ctx, "key")
	wantError(t, err, ErrVolatile)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return s.Check(ctx) })
	works()

	// And who cannot be asked is not taken for wrong.
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Check(ctx), ErrUnreachable)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	reconnect(t, s)
	works()
}
