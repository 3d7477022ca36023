package memstore_test

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		s, err := memstore.New(memstore.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestDirectoryConforms(t *testing.T) {
	t.Parallel()
	storetest.RunDirectory(t, func(*testing.T) store.Directory { return memstore.NewDirectory() })
}
