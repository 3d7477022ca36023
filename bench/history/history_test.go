package history_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/passcode-go/passcode/adapters/pgstore"
	"github.com/passcode-go/passcode/adapters/redisstore"
	"github.com/passcode-go/passcode/bench/history"
	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
)

// options are those of the command line.
var options history.Options

func TestMain(m *testing.M) {
	options.Flags(flag.CommandLine)
	flag.Parse()
	if options.Histories == 0 && (history.UnderRace || testing.Short()) {
		options.Histories = 20
	}
	os.Exit(m.Run())
}

// stores are what histories are made of.
var stores = []struct {
	name string
	open func(t *testing.T) []store.Store
}{
	{"memstore", func(t *testing.T) []store.Store {
		s, err := memstore.New(memstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return []store.Store{s}
	}},
	{"boltstore", func(t *testing.T) []store.Store {
		db, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"), boltstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return []store.Store{db}
	}},
	{"redisstore", func(t *testing.T) []store.Store { return redis(t, redisstore.Config{}) }},
	{"redisstore-fenced", func(t *testing.T) []store.Store { return redis(t, redisstore.Config{Fence: true}) }},
	{"pgstore", func(t *testing.T) (ways []store.Store) {
		url := servertest.Postgres(t, "fsync=off").URL()
		for range 2 {
			db, err := pgstore.Open(t.Context(), url, pgstore.Config{Migrate: true, UnsafeVolatile: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			ways = append(ways, db)
		}
		return ways
	}},
}

// redis starts a server that two processes share.
func redis(t *testing.T, cfg redisstore.Config) (ways []store.Store) {
	url := servertest.Redis(t, "--appendonly", "yes", "--appendfsync", "always").URL()
	for range 2 {
		s, err := redisstore.Open(t.Context(), url, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		ways = append(ways, s)
	}
	return ways
}

func TestStores(t *testing.T) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			history.Run(t, s.open, options)
		})
	}
}
