package redisstore

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// The suite on each kind of server and each kind of store, and the same seen
// through a wrapper that fails nothing.
func TestStore(t *testing.T) {
	t.Parallel()
	for name, opener := range map[string]func(t *testing.T, cfg Config) *Store{
		"plain":  func(t *testing.T, cfg Config) *Store { return open(t, cfg) },
		"resp2":  func(t *testing.T, cfg Config) *Store { return openAt(t, server(t).URL()+"?protocol=2", cfg) },
		"fenced": func(t *testing.T, cfg Config) *Store { cfg.Fence = true; return open(t, cfg) },
		"cluster": func(t *testing.T, cfg Config) *Store {
			return openAt(t, cluster(t).URL(), cfg)
		},
		"fenced cluster": func(t *testing.T, cfg Config) *Store {
			cfg.Fence = true
			return openAt(t, cluster(t).Nodes[1].URL(), cfg)
		},
		"sentinel": func(t *testing.T, cfg Config) *Store {
			cfg.Fence = true
			return openAt(t, sentinel(t).URL(), cfg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
				return opener(t, Config{Now: now})
			})
		})
		t.Run(name+", wrapped", func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
				return storetest.NewFaulty(opener(t, Config{Now: now}), func(storetest.Call) storetest.Fault { return storetest.None })
			})
		})
	}
}
