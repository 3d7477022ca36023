package pgstore

import (
	"errors"
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
	// Elsewhere, as a long transaction keeps old rows in all of its database.
	db := openDB(t, testDatabase(t), Config{Migrate: true, Timeout: 30 * time.Second})
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

// However the driver is told to talk, because of a pooler say, it says the same.
func TestDirectoryInEveryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			db := openDB(t, server(t).URL()+"&default_query_exec_mode="+mode, Config{Schema: newName(), Migrate: true})
			d := db.Directory()
			for _, name := range []string{"one", "two", `'\"%_{},NULL`} {
				u := someone(name)
				u.Phones = append(u.Phones, store.Method{ID: name + "-p3", Address: `"\'{},` + name})
				if err := d.Create(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			_, err := d.Update(t.Context(), "one", func(u *store.User) error {
				u.Phones[0].Address, u.Phones[1].Verified, u.Emails = "new", true, nil
				u.CreatedAt = time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			var taken *store.TakenError
			if err := d.Create(t.Context(), store.User{ID: "three", ExternalID: "crm/two"}); !errors.As(err, &taken) || taken.Owner != "two" {
				t.Errorf("Create of what is taken: %v", err)
			}
			for _, f := range []store.Filter{
				{By: store.FieldPhone, Values: []string{"new", "nobody"}},
				{By: store.FieldCreated, Before: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)},
				{By: store.FieldPhoneText, Text: "NEW"},
			} {
				p, err := d.Search(t.Context(), store.Query{Filters: []store.Filter{f}, Total: true, At: time.Unix(0, 1)})
				if err != nil || p.Total != 1 || len(p.Users) != 1 || p.Users[0].ID != "one" {
					t.Errorf("Search by %s: %d users, %v", f.By, p.Total, err)
				}
			}
			if _, err := d.Delete(t.Context(), "two"); err != nil {
				t.Error(err)
			}
			audit(t, db)
		})
	}
}
