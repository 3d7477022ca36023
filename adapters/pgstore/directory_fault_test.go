package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/passcode-go/passcode/store"
)

// canary is a user all of whose text is to be seen nowhere.
func canary(name string) store.User {
	u := someone("canary" + name)
	u.Name = store.Name{First: "Canary", Last: "Canary"}
	u.Trusted = json.RawMessage(`{"secret":"canary"}`)
	return u
}

// everyCall makes every kind of call of a directory about a user and returns
// the errors.
func everyCall(ctx context.Context, d *Directory, id string) map[string]error {
	other := canary("other")
	_, lookup := d.Lookup(ctx, store.ByID, id)
	_, byPhone := d.Lookup(ctx, store.ByPhone, "+1202"+id)
	_, update := d.Update(ctx, id, func(u *store.User) error { u.Name.First = "other canary"; return nil })
	_, move := d.Update(ctx, id, func(u *store.User) error { u.Phones[0].Address = "+canary"; return nil })
	_, remove := d.Delete(ctx, id)
	_, all := d.Search(ctx, store.Query{Total: true})
	_, some := d.Search(ctx, store.Query{Filters: []store.Filter{{By: store.FieldPhoneText, Text: "canary"}, {By: store.FieldEmail, Values: []string{"canary"}}}})
	return map[string]error{"create": d.Create(ctx, other), "lookup": lookup, "lookup by phone": byPhone,
		"update": update, "update of a value": move, "delete": remove, "search": all, "search for some": some}
}

// What the server says of an error may name addresses. Nothing of it comes out,
// in no form, and nothing else is found in the error.
func TestUserErrorsShowNobody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		statements []string
		kind       error
		works      []string // calls that nothing is wrong with
	}{
		"no tables":     {[]string{"DROP TABLE passcode.users, passcode.user_values, passcode.user_counts"}, ErrNotMigrated, nil},
		"no values":     {[]string{"DROP TABLE passcode.user_values"}, ErrNotMigrated, []string{"lookup", "update", "delete", "search"}},
		"no counts":     {[]string{"DROP TABLE passcode.user_counts"}, ErrNotMigrated, []string{"lookup", "lookup by phone", "update", "update of a value", "search for some"}},
		"no column":     {[]string{"ALTER TABLE passcode.users DROP COLUMN data"}, ErrNotMigrated, nil},
		"no schema":     {[]string{"DROP SCHEMA passcode CASCADE"}, ErrNotMigrated, nil},
		"a constraint":  {[]string{"ALTER TABLE passcode.users ADD CHECK (name NOT LIKE '%other%' AND id NOT LIKE '%other%')"}, nil, []string{"lookup", "lookup by phone", "update of a value", "delete", "search", "search for some"}},
		"another type":  {[]string{"ALTER TABLE passcode.users ALTER COLUMN data TYPE bytea USING ''"}, nil, []string{"lookup", "search for some"}},
		"damaged users": {[]string{"UPDATE passcode.users SET data = '\"canary' || data"}, ErrDamaged, []string{"create", "search for some"}},
		"typed users":   {[]string{`UPDATE passcode.users SET data = '{"id":{"canary":1},"created_at":"canary"}'`}, ErrDamaged, []string{"create", "search for some"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			db := testDB(t, Config{})
			d := db.Directory()
			u := canary("1")
			if err := d.Create(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			for _, statement := range tt.statements {
				exec(t, db, strings.ReplaceAll(statement, "SCHEMA passcode", "SCHEMA "+db.schema.quoted()))
			}
			failed := 0
			for call, err := range everyCall(t.Context(), d, u.ID) {
				if slices.Contains(tt.works, call) {
					continue // which it need not
				}
				failed++
				if tt.kind != nil {
					wantKind(t, call, err, tt.kind)
				} else if _, ok := errors.AsType[*Error](err); !ok {
					t.Errorf("%s: %v, want an *Error", call, err)
				}
				wantNoCanary(t, call, err)
				if _, ok := errors.AsType[*pgconn.PgError](err); ok {
					t.Errorf("%s: the server's own error comes out", call)
				}
			}
			if failed == 0 {
				t.Error("nothing failed")
			}
		})
	}
}

// A refusal is not logged by the server either, which would log the value.
func TestTakenIsNotLogged(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	d := db.Directory()
	owner := someone("quietcanary")
	if err := d.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		u := someone(fmt.Sprint("loser", i))
		switch i {
		case 0:
			u.ID = owner.ID
		case 1:
			u.Phones[0].Address = owner.Phones[0].Address
		case 2:
			u.ExternalID = owner.ExternalID
		}
		err := d.Create(t.Context(), u)
		if !errors.Is(err, store.ErrTaken) || strings.Contains(err.Error(), "canary") {
			t.Errorf("Create: %v", err)
		}
	}
	if strings.Contains(server(t).Log(), "quietcanary") {
		t.Errorf("the server logged it:\n%s", server(t).Log())
	}
	audit(t, db)
}

// A user whose row is damaged is not removed: what would be returned is lost.
func TestDamagedUserStays(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	if err := db.Directory().Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "UPDATE passcode.users SET data = '{'")
	_, err := db.Directory().Delete(t.Context(), "someone")
	wantKind(t, "Delete", err, ErrDamaged)
	var left int
	if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT count(*) FROM passcode.user_values")).Scan(&left); err != nil || left != 8 {
		t.Errorf("%d values are left, %v", left, err)
	}
}

func TestClosedDirectory(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	db.Close()
	for call, err := range everyCall(t.Context(), db.Directory(), "canary1") {
		if err != store.ErrClosed {
			t.Errorf("%s: %v", call, err)
		}
	}
}
