package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
)

// durable is what a server is started with that keeps all it confirms.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"}

// Most tests share one durable server and one cluster of such, each test with a
// prefix of its own. A test that breaks a server starts its own.
var shared struct {
	server   func() (*servertest.Server, error)
	cluster  func() (*servertest.Cluster, error)
	sentinel func() (*servertest.Server, error)
	mu       sync.Mutex
	stop     []func() error
	names    atomic.Int64
}

func TestMain(m *testing.M) {
	shared.server = sync.OnceValues(func() (*servertest.Server, error) {
		s, err := servertest.StartRedis(durable...)
		return s, stopLater(err, func() error { return s.Stop() })
	})
	shared.cluster = sync.OnceValues(func() (*servertest.Cluster, error) {
		c, err := servertest.StartRedisCluster(3, durable...)
		return c, stopLater(err, func() error { return c.Stop() })
	})
	shared.sentinel = sync.OnceValues(func() (*servertest.Server, error) {
		master, err := shared.server()
		if err != nil {
			return nil, err
		}
		s, err := servertest.StartRedisSentinel(master)
		return s, stopLater(err, func() error { return s.Stop() })
	})
	code := m.Run()
	for _, stop := range shared.stop {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// stopLater notes what to stop when all tests have run, unless it has not
// started.
func stopLater(err error, stop func() error) error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if err == nil {
		shared.stop = append(shared.stop, stop)
	}
	return err
}

// server returns the shared server, or skips the test where there is none.
func server(t testing.TB) *servertest.Server {
	t.Helper()
	return got(t, shared.server)
}

// cluster returns the shared cluster, or skips the test where there is none.
func cluster(t testing.TB) *servertest.Cluster {
	t.Helper()
	return got(t, shared.cluster)
}

// sentinel returns a sentinel that watches the shared server, or skips the test
// where there is none.
func sentinel(t testing.TB) *servertest.Server {
	t.Helper()
	return got(t, shared.sentinel)
}

func got[T any](t testing.TB, start func() (T, error)) T {
	t.Helper()
	s, err := start()
	servertest.SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// patient leaves time for connections on a busy machine.
var patient = Config{DialTimeout: 20 * time.Second}

// tryOpen is Open, as patient as that unless cfg says otherwise.
func tryOpen(ctx context.Context, url string, cfg Config) (*Store, error) {
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, patient.DialTimeout)
	return Open(ctx, url, cfg)
}

// newPrefix returns a prefix that no other store has.
func newPrefix() string { return fmt.Sprintf("test%d:", shared.names.Add(1)) }

// openAt opens a store with a prefix of its own unless cfg has one.
func openAt(t testing.TB, url string, cfg Config) *Store {
	t.Helper()
	if cfg.Prefix == "" {
		cfg.Prefix = newPrefix()
	}
	s, err := tryOpen(context.Background(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// open opens a store on the shared server.
func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	return openAt(t, server(t).URL(), cfg)
}

// command has a server run a command.
func command(t testing.TB, s *servertest.Server, line string) string {
	t.Helper()
	answer, err := servertest.RedisCommand(s.Addr(), line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return answer
}

// later is an expiry that no test waits for.
func later() time.Time { return time.Now().Add(time.Hour) }

// mustSwap swaps and fails the test if it loses.
func mustSwap(t testing.TB, s store.Store, key string, old, new []byte) {
	t.Helper()
	current, swapped, err := s.CompareAndSwap(context.Background(), key, old, new, later())
	if err != nil || !swapped || current != nil {
		t.Fatalf("CompareAndSwap(%s) = %q, %t, %v; want swapped", key, current, swapped, err)
	}
}

// wantLost fails the test unless a swap is refused because of what it finds.
func wantLost(t testing.TB, s store.Store, key string, old, new, want []byte) {
	t.Helper()
	current, swapped, err := s.CompareAndSwap(context.Background(), key, old, new, later())
	if err != nil || swapped || !same(current, want) {
		t.Fatalf("CompareAndSwap(%s) = %q, %t, %v; want %q", key, current, swapped, err, want)
	}
}

// wantValue fails the test if the value at key is another one; nil is none.
func wantValue(t testing.TB, s store.Store, key string, want []byte) {
	t.Helper()
	got, err := s.Get(context.Background(), key)
	if err != nil || !same(got, want) {
		t.Fatalf("Get(%s) = %q, %v; want %q", key, got, err, want)
	}
}

// wantSum adds delta and fails the test if the sum is another one.
func wantSum(t testing.TB, s store.Store, key string, delta, want int64) {
	t.Helper()
	got, err := s.Add(context.Background(), key, delta, later())
	if err != nil || got != want {
		t.Fatalf("Add(%s, %d) = %d, %v; want %d", key, delta, got, err, want)
	}
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// wantError fails the test unless err is of the kind, and an *Error.
func wantError(t testing.TB, err, kind error) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, kind) {
		t.Errorf("%T %v; want %v", err, err, kind)
	}
}
