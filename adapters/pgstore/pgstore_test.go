package pgstore

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/store"
)

func TestClose(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	a := []byte("a")
	mustSwap(t, db, "key", nil, a)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for value := a; ; {
				next := append(value, 'x')[:len(value)%100+1]
				current, swapped, err := db.CompareAndSwap(t.Context(), "key", value, next, expires)
				switch {
				case errors.Is(err, store.ErrClosed):
					return
				case err != nil:
					t.Errorf("a call that was under way: %v", err)
					return
				case swapped:
					value = next
				default:
					value = current
				}
			}
		})
	}
	for range 3 {
		wantAnyValue(t, db)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	_, err := db.Get(t.Context(), "key")
	_, _, err1 := db.CompareAndSwap(t.Context(), "key", a, a, expires)
	_, err2 := db.Add(t.Context(), "key", 1, expires)
	_, err3 := db.Sweep(t.Context())
	for _, err := range []error{err, err1, err2, err3} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
}

// While Close waits for somebody, it keeps nobody else waiting.
func TestCloseKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{Timeout: time.Minute})
	if err := db.enter(t.Context()); err != nil { // a call that takes its time
		t.Fatal(err)
	}
	var closing sync.WaitGroup
	for range 2 {
		closing.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if stat := db.pool.Stat(); stat.TotalConns() != 0 {
				t.Errorf("closed with %d connections", stat.TotalConns())
			}
		})
	}
	var err error
	for err == nil {
		_, err = db.Get(t.Context(), "key") // forever, if it waits for Close
	}
	if err != store.ErrClosed {
		t.Errorf("%v, want ErrClosed", err)
	}
	for call, err := range everyCall(t.Context(), db.Directory(), "canary1") {
		if err != store.ErrClosed {
			t.Errorf("%s: %v", call, err)
		}
	}
	if err := db.pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool of a call under way: %v", err)
	}
	db.leave()
	closing.Wait()
}

func wantAnyValue(t *testing.T, db *DB) {
	t.Helper()
	if value, err := db.Get(t.Context(), "key"); value == nil || err != nil {
		t.Errorf("%q, %v", value, err)
	}
}

// A pool of the program's outlives the DB.
func TestNewLeavesThePool(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	db, err := New(t.Context(), pool, Config{Schema: newName(), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "DROP SCHEMA "+db.schema.quoted()+" CASCADE")
}

// Open does not migrate unless told to.
func TestOpenDoesNotMigrate(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	_, err := Open(t.Context(), url, Config{})
	wantKind(t, "an empty database", err, ErrNotMigrated)
	if got := dump(t, url); got != "" {
		t.Errorf("there is\n%s", got)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	given := Config{}
	cfg, err := given.withDefaults()
	if err != nil || cfg.Schema != "passcode" || cfg.Timeout != 5*time.Second || cfg.Skew != skew || cfg.UnsafeVolatile || cfg.Now == nil || cfg.Migrate || given.Now != nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func FuzzMajorVersion(f *testing.F) {
	for _, v := range []string{"15.18 (Debian 15.18-0+deb12u1)", "13", "12beta1", "", " 14", "９", "99999999999999999999", "-1", "17.0"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		major := majorVersion(version)
		digits := strings.TrimLeft(version[:len(version)-len(strings.TrimLeft(version, "0123456789"))], "0")
		if major < 0 || major > 0 && !strings.HasPrefix(digits, strconv.Itoa(major)) {
			t.Errorf("%q is %d", version, major)
		}
	})
}
