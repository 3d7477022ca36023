package pgstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	storetest.RunDirectory(t, func(t *testing.T) store.Directory {
		db := testDB(t, Config{})
		t.Cleanup(func() {
			if !t.Failed() {
				audit(t, db)
			}
		})
		return db.Directory()
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	users := 100_000
	if testing.Short() || raceEnabled {
		users = 10_000
	}
	db := testDB(t, Config{})
	fillUsers(t, db, users, storetest.ExportUser)
	storetest.RunExport(t, db.Directory(), users)
	audit(t, db)
}

// someone returns a user with a value for every index, all different from
// another's.
func someone(name string) store.User {
	at := time.Date(2024, 2, 29, 12, 30, 45, 123456789, time.UTC)
	return store.User{
		ID: name, Status: store.Active, Name: store.Name{First: "First", Middle: "Middle", Last: name}, CreatedAt: at,
		Phones: []store.Method{
			{ID: name + "-p1", Address: "+1202" + name, Verified: true, CreatedAt: at, Expires: at},
			{ID: name + "-p2", Address: "+1303" + name, CreatedAt: at, Expires: at.Add(time.Hour + 1)},
		},
		Emails:     []store.Method{{ID: name + "-e1", Address: strings.ToUpper(name) + "@example.com", CreatedAt: at}},
		TOTPs:      []store.TOTP{{ID: name + "-t1", CreatedAt: at, Expires: at.Add(time.Hour)}},
		ExternalID: "crm/" + name,
	}
}

// TestFillIsCreate is a test of a helper.
func TestFillIsCreate(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	fillUsers(t, db, 50, func(i int) store.User { return someone(fmt.Sprintf("user%02d", i)) })
	if err := db.Directory().Create(t.Context(), someone("another")); err != nil {
		t.Fatal(err)
	}
	audit(t, db)
}
