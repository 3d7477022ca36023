package pgstore

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return testDB(t, Config{Now: now})
	})
}

func TestStoreBehindFaulty(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return storetest.NewFaulty(testDB(t, Config{Now: now}), func(storetest.Call) storetest.Fault { return storetest.None })
	})
}
