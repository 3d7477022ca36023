package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/passcode-go/passcode/internal/cursor"
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

// Who waits for another's transaction waits until its own ctx ends, or for
// Timeout, and has changed nothing.
func TestWaitingForUsersEnds(t *testing.T) {
	t.Parallel()
	db := openDB(t, testDatabase(t), Config{Migrate: true})
	d := db.Directory()
	if err := d.Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	slow, err := db.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback(context.Background())
	if _, err := slow.Exec(t.Context(), db.schema.sql("DELETE FROM passcode.users WHERE id = 'someone'")); err != nil {
		t.Fatal(err)
	}
	another := someone("another")
	another.Phones[1].Address = "+1303someone"
	calls := map[string]func(ctx context.Context, d *Directory) error{
		"Create": func(ctx context.Context, d *Directory) error { return d.Create(ctx, another) },
		"Update": func(ctx context.Context, d *Directory) error {
			_, err := d.Update(ctx, "someone", func(u *store.User) error { u.Roles = []string{"new"}; return nil })
			return err
		},
		"Delete": func(ctx context.Context, d *Directory) error { _, err := d.Delete(ctx, "someone"); return err },
	}
	cfg := db.cfg
	cfg.Timeout = 200 * time.Millisecond
	hasty := newDB(db.pool, cfg)
	for name, call := range calls {
		wantKind(t, name, call(t.Context(), hasty.Directory()), ErrTimeout)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := call(ctx, d); err != context.Canceled {
				t.Errorf("%s: %v, want the context's error", name, err)
			}
		})
		for waiting := 0; waiting == 0; { // until it waits for the lock
			if err := db.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
				WHERE wait_event_type = 'Lock' AND datname = current_database()`).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		wg.Wait()
	}
	if err := slow.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, err := d.Lookup(t.Context(), store.ByID, "someone"); err != nil || u.Roles != nil {
		t.Errorf("%+v, %v", u, err)
	}
	audit(t, db)
}

// change runs with no connection held: it may use the store, and loses to a
// change that was faster.
func TestChangeHoldsNoConnection(t *testing.T) {
	t.Parallel()
	first := testDB(t, Config{})
	cfg := first.cfg
	cfg.Migrate = false
	db := openDB(t, server(t).URL()+"&pool_max_conns=1", cfg)
	d := db.Directory()
	if err := d.Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	runs := 0
	u, err := d.Update(t.Context(), "someone", func(u *store.User) error {
		if _, err := db.Add(t.Context(), "changes", 1, time.Now().Add(time.Hour)); err != nil {
			return err
		}
		if runs++; runs == 1 {
			_, err := d.Update(t.Context(), u.ID, func(u *store.User) error { u.Roles = append(u.Roles, "faster"); return nil })
			if err != nil {
				return err
			}
		}
		u.Roles = append(u.Roles, "slower")
		return nil
	})
	if err != nil || runs != 2 || strings.Join(u.Roles, " ") != "faster slower" {
		t.Errorf("roles %q after %d runs, %v", u.Roles, runs, err)
	}
	// One that deletes the user, and one that makes another in its place.
	_, err = d.Update(t.Context(), "someone", func(u *store.User) error {
		_, err := d.Delete(t.Context(), u.ID)
		u.Roles = nil
		return err
	})
	if err != store.ErrNotFound {
		t.Errorf("Update of a user deleted meanwhile: %v", err)
	}
	if err := d.Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	runs = 0
	u, err = d.Update(t.Context(), "someone", func(u *store.User) error {
		if runs++; runs == 1 {
			if _, err := d.Delete(t.Context(), u.ID); err != nil {
				return err
			}
			if err := d.Create(t.Context(), store.User{ID: "someone", ExternalID: "new"}); err != nil {
				return err
			}
		}
		u.Roles = append(u.Roles, "slower")
		return nil
	})
	if err != nil || runs != 2 || u.ExternalID != "new" || len(u.Phones) != 0 {
		t.Errorf("%+v after %d runs, %v", u, runs, err)
	}
	audit(t, db)
}

// Whatever the database's defaults are, users are written at READ COMMITTED, or
// by a single statement that is made again, and are on the disk when the answer
// comes.
func TestUsersUnderOtherDefaults(t *testing.T) {
	t.Parallel()
	first := testDB(t, Config{})
	exec(t, first, "CREATE TABLE passcode.noted (setting text)",
		`CREATE FUNCTION passcode.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO `+first.schema.quoted()+`.noted VALUES (TG_OP || ' ' || concat_ws(' ', current_setting('synchronous_commit'), current_setting('transaction_isolation')));
			RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON passcode.users
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION passcode.note()`)
	cfg := first.cfg
	cfg.Migrate = false
	db := openDB(t, server(t).URL()+"&default_transaction_isolation=serializable&synchronous_commit=off", cfg)
	d := db.Directory()
	if err := d.Create(t.Context(), someone("someone")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := d.Update(t.Context(), "someone", func(u *store.User) error {
				u.Lock.Failures++
				if i%2 == 0 {
					u.ExternalID = fmt.Sprint("external", u.Lock.Failures)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	audit(t, db)
	if u, err := d.Delete(t.Context(), "someone"); err != nil || u.Lock.Failures != 16 {
		t.Errorf("%+v, %v", u.Lock, err)
	}
	var notes []string
	if err := first.pool.QueryRow(t.Context(), first.schema.sql("SELECT array_agg(DISTINCT setting ORDER BY setting) FROM passcode.noted")).Scan(&notes); err != nil {
		t.Fatal(err)
	}
	if want := []string{"DELETE on read committed", "INSERT on read committed", "UPDATE on read committed", "UPDATE on serializable"}; !slices.Equal(notes, want) {
		t.Errorf("commits with %q, want %q", notes, want)
	}
}

// A server that hangs holds no caller for long.
func TestHungServerOfUsers(t *testing.T) {
	t.Parallel()
	url, proxy := throughProxy(t)
	db := openDB(t, url, Config{Schema: newName(), Migrate: true})
	cfg := db.cfg
	cfg.Timeout = 100 * time.Millisecond
	hasty := newDB(db.pool, cfg)
	proxy.Swallow(true)
	defer proxy.Swallow(false)
	began := time.Now()
	_, err := hasty.Directory().Search(t.Context(), store.Query{})
	wantKind(t, "search", err, ErrTimeout)
	if took := time.Since(began); took < patience*cfg.Timeout || took > 50*cfg.Timeout {
		t.Errorf("a search took %v", took)
	}
	for call, err := range everyCall(t.Context(), hasty.Directory(), "canary1") {
		wantKind(t, call, err, ErrTimeout)
	}
}

func TestUsersThatCannotBeKept(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	d := db.Directory()
	long := strings.Repeat("canary", maxValue/6+1)
	for name, change := range map[string]func(*store.User){
		"long id":           func(u *store.User) { u.ID = long },
		"long address":      func(u *store.User) { u.Phones[0].Address = long },
		"long method id":    func(u *store.User) { u.TOTPs[0].ID = long },
		"long external id":  func(u *store.User) { u.ExternalID = long },
		"long status":       func(u *store.User) { u.Status = store.Status(long) },
		"metadata not JSON": func(u *store.User) { u.Trusted = json.RawMessage("{canary") },
		"a year too late":   func(u *store.User) { u.CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"too large":         func(u *store.User) { u.Roles = []string{strings.Repeat("canary", maxUser/6)} },
	} {
		u := someone("someone")
		change(&u)
		err := d.Create(t.Context(), u)
		if !errors.Is(err, store.ErrUser) {
			t.Errorf("%s: %v, want ErrUser", name, err)
		}
		wantNoCanary(t, name, err)
	}
	if p, err := d.Search(t.Context(), store.Query{}); len(p.Users) != 0 || err != nil {
		t.Errorf("%d users, %v", len(p.Users), err)
	}
	for _, id := range []string{"", "\xff", "a\x00", long} {
		_, update := d.Update(t.Context(), id, func(*store.User) error { return errors.New("called") })
		if _, err := d.Delete(t.Context(), id); err != store.ErrNotFound || update != store.ErrNotFound {
			t.Errorf("Delete(%.10q): %v; Update: %v", id, err, update)
		}
	}

	// The longest that there may be, which compress badly.
	random := func(n int, seed byte) string {
		b := make([]byte, n)
		for i := range b {
			seed = seed*167 + 13 + byte(i>>3)*7
			b[i] = '!' + seed%90
		}
		return string(b)
	}
	u := store.User{ID: random(maxValue, 1), ExternalID: random(maxValue, 2), Status: store.Status(random(maxStatus, 3)),
		Name:   store.Name{First: random(1<<20, 4)},
		Phones: []store.Method{{ID: random(maxValue, 5), Address: random(maxValue, 6)}},
		Emails: []store.Method{{ID: random(maxValue, 7), Address: random(maxValue, 8)}},
		TOTPs:  []store.TOTP{{ID: random(maxValue, 9)}}}
	if err := d.Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for by, value := range u.Values {
		if got, err := d.Lookup(t.Context(), by, value); err != nil || got.ID != u.ID {
			t.Errorf("Lookup by %s: %v", by, err)
		}
	}
	for _, f := range []store.Filter{{By: store.FieldName, Text: u.Name.First}, {By: store.FieldEmailText, Text: u.Emails[0].Address[1:]}} {
		if p, err := d.Search(t.Context(), store.Query{Filters: []store.Filter{f}, Total: true}); err != nil || p.Total != 1 || len(p.Users) != 1 {
			t.Errorf("Search by %s: %d users of %d, %v", f.By, len(p.Users), p.Total, err)
		}
	}
	audit(t, db)
}

// Hostile questions have an answer, soon.
func TestHostileSearches(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	d := db.Directory()
	fillUsers(t, db, 2000, planUser)
	for _, id := range []string{"\xff", "a\x00b", "\x00", strings.Repeat("\xc3", 1000)} {
		if _, err := d.Search(t.Context(), store.Query{Cursor: cursor.After(id)}); err != store.ErrCursor {
			t.Errorf("a cursor after %.20q: %v", id, err)
		}
	}
	for _, id := range []string{strings.Repeat("z", 1<<20), "user-live-g"} {
		if p, err := d.Search(t.Context(), store.Query{Cursor: cursor.After(id)}); err != nil || len(p.Users) != 0 {
			t.Errorf("a cursor after %.20q: %d users, %v", id, len(p.Users), err)
		}
	}

	many := make([]string, store.MaxFilterValues)
	for i := range many {
		many[i] = fmt.Sprintf("%s-%d", strings.Repeat("'\\%\xff\x00"[:1+i%5], i%50), i)
	}
	many[500] = planUser(10).ID
	fields := fields[:len(fields)-1] // all but FieldNothing
	for _, any := range []bool{false, true} {
		q := store.Query{Any: any, Total: true, At: planUser(0).CreatedAt}
		for i := range store.MaxFilters {
			q.Filters = append(q.Filters, store.Filter{By: fields[i%len(fields)], Values: many, Text: strings.Repeat("a", i*100+1), Is: true, After: time.Unix(0, 0)})
		}
		began := time.Now()
		p, err := d.Search(t.Context(), q)
		if err != nil {
			t.Errorf("Search with all that there may be, any %t: %v", any, err)
		}
		want := 0
		for i := range 2000 {
			if u := planUser(i); q.Match(&u) {
				want++
			}
		}
		if p.Total != want || any != (want > 0) {
			t.Errorf("it found %d users, want %d", p.Total, want)
		}
		t.Logf("any %t: %v", any, time.Since(began).Round(time.Millisecond))
	}
	huge := []store.Filter{{By: store.FieldName, Text: strings.Repeat("%_\\", 1<<20)}, {By: store.FieldPhone, Values: []string{strings.Repeat("1", 4<<20)}}}
	for _, f := range huge {
		if p, err := d.Search(t.Context(), store.Query{Filters: []store.Filter{f}, Total: true}); err != nil || p.Total != 0 {
			t.Errorf("a huge %s: %d users, %v", f.By, p.Total, err)
		}
	}
}
