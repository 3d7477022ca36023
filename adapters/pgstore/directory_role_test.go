package pgstore

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/store"
)

// as returns a URL with another user.
func as(t *testing.T, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// The indexes for text are made where the extension is there or may be created,
// in whatever schema it is; elsewhere the same users are found without.
func TestTextSearchWithAndWithoutExtension(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before  []string // of the superuser
		indexes bool
	}{
		"may not create it":        {nil, false},
		"may create it":            {[]string{"GRANT CREATE ON DATABASE {db} TO {role}"}, true},
		"but not in public":        {[]string{"GRANT CREATE ON DATABASE {db} TO {role}", "DROP SCHEMA public"}, true},
		"is elsewhere":             {[]string{`CREATE SCHEMA "Else Where"`, `CREATE EXTENSION pg_trgm SCHEMA "Else Where"`, `GRANT USAGE ON SCHEMA "Else Where" TO {role}`}, true},
		"is where it may not look": {[]string{"CREATE SCHEMA hidden", "CREATE EXTENSION pg_trgm SCHEMA hidden"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, role := testDatabase(t), newName()
			named := func(statement string) string {
				return strings.NewReplacer("{role}", role, "{db}", databaseOf(t, address)).Replace(statement)
			}
			for _, statement := range append([]string{"CREATE ROLE {role} LOGIN PASSWORD 'secret'", "CREATE SCHEMA passcode AUTHORIZATION {role}"}, tt.before...) {
				execAt(t, address, named(statement))
			}
			t.Cleanup(func() {
				execAt(t, address, named("DROP OWNED BY {role} CASCADE"), named("DROP ROLE {role}"))
			})
			db := openDB(t, as(t, address, role), Config{Migrate: true})
			rows, err := db.pool.Query(t.Context(), "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'passcode' AND indexdef LIKE '%gin%' ORDER BY 1")
			if err != nil {
				t.Fatal(err)
			}
			indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
			var want []string
			if tt.indexes {
				want = []string{"emails_folded", "phones_folded", "users_name"}
			}
			if err != nil || !slices.Equal(indexes, want) {
				t.Errorf("there are %q, %v; want %q", indexes, err, want)
			}
			if err := db.Directory().Create(t.Context(), someone("someone")); err != nil {
				t.Fatal(err)
			}
			for _, f := range []store.Filter{{By: store.FieldName, Text: "ST MIDD"}, {By: store.FieldPhoneText, Text: "202some"}, {By: store.FieldEmailText, Text: "one@EX"}} {
				if p, err := db.Directory().Search(t.Context(), store.Query{Filters: []store.Filter{f}}); err != nil || len(p.Users) != 1 {
					t.Errorf("%s: %d users, %v", f.By, len(p.Users), err)
				}
			}
		})
	}
}

// A role that does not own the tables needs no more than to read and write them.
func TestDirectoryNeedsFewRights(t *testing.T) {
	t.Parallel()
	address, role := testDatabase(t), newName()
	owner := openDB(t, address, Config{Migrate: true})
	execAt(t, address, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'", "GRANT USAGE ON SCHEMA passcode TO "+role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA passcode TO "+role)
	t.Cleanup(func() { execAt(t, address, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	db, err := Open(t.Context(), as(t, address, role), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d := db.Directory()
	for _, name := range []string{"one", "two"} {
		if err := d.Create(t.Context(), someone(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Update(t.Context(), "one", func(u *store.User) error { u.Phones, u.ExternalID = u.Phones[1:], "new"; return nil }); err != nil {
		t.Error(err)
	}
	if p, err := d.Search(t.Context(), store.Query{Total: true, Filters: []store.Filter{{By: store.FieldPhoneVerified}}}); err != nil || p.Total != 2 {
		t.Errorf("%d users, %v", p.Total, err)
	}
	if _, err := d.Delete(t.Context(), "two"); err != nil {
		t.Error(err)
	}
	audit(t, owner)
}
