package memstore_test

import (
	"testing"

	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("100,000 users take a moment: not with -short")
	}
	const users = 100_000
	d := memstore.NewDirectory()
	for n := range users {
		if err := d.Create(t.Context(), storetest.ExportUser(n)); err != nil {
			t.Fatal(err)
		}
	}
	storetest.RunExport(t, d, users)
}
