package pgstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

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
