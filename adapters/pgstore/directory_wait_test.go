package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

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
	hasty := hasty(db, 200*time.Millisecond)
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
	const timeout = 100 * time.Millisecond
	hasty := hasty(db, timeout)
	proxy.Swallow(true)
	defer proxy.Swallow(false)
	began := time.Now()
	_, err := hasty.Directory().Search(t.Context(), store.Query{})
	wantKind(t, "search", err, ErrTimeout)
	if took := time.Since(began); took < patience*timeout || took > 50*timeout {
		t.Errorf("a search took %v", took)
	}
	for call, err := range everyCall(t.Context(), hasty.Directory(), "canary1") {
		wantKind(t, call, err, ErrTimeout)
	}
}
