package pgstore

import (
	"testing"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	storetest.RunDirectory(t, func(t *testing.T) store.Directory {
		return testDB(t, Config{}).Directory()
	})
}
