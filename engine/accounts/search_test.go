package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// A searcher answers searches from a list, a user a page, and remembers what it
// was asked.
type searcher struct {
	store.Directory
	users []store.User
	asked []store.Query
	err   error
}

func (s *searcher) Search(_ context.Context, q store.Query) (store.Page, error) {
	s.asked = append(s.asked, q)
	at := 0
	if q.Cursor != "" {
		if _, err := fmt.Sscanf(q.Cursor, "at.%d", &at); err != nil {
			return store.Page{}, store.ErrCursor
		}
	}
	if s.err != nil {
		return store.Page{}, s.err
	}
	page := store.Page{Users: []store.User{s.users[at].Clone()}}
	if at++; at < len(s.users) {
		page.Next = fmt.Sprintf("at.%d", at)
	}
	if q.Total {
		page.Total = len(s.users)
	}
	return page, nil
}

func newSearcher(t *testing.T, users ...store.User) (*bench, *searcher, *accounts.Accounts) {
	b := newBench(t)
	s := &searcher{users: users}
	return b, s, newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: s, Now: b.kit.Clock.Now})
}

// The total is counted once for a walk, and told on each of its pages.
func TestSearchTotal(t *testing.T) {
	t.Parallel()
	for _, want := range []bool{true, false} {
		b, s, a := newSearcher(t, store.User{ID: "a"}, store.User{ID: "b"}, store.User{ID: "c"})
		q := store.Query{Total: want, Limit: 1, Any: true, Filters: []store.Filter{{By: store.FieldNothing}}, At: time.Unix(1, 0)}
		for i, id := range []string{"a", "b", "c"} {
			if i == 1 {
				s.users = append(s.users, store.User{ID: "d"})
			}
			page, err := a.Search(t.Context(), q)
			total := 0
			if want {
				total = 3
			}
			if err != nil || len(page.Users) != 1 || page.Users[0].ID != id || page.Total != total || page.Next == "" {
				t.Fatalf("%d: %+v, %v", i, page, err)
			}
			q.Cursor = page.Next
			asked := store.Query{Total: want && i == 0, Limit: 1, Any: true, Filters: q.Filters, At: b.kit.Clock.Now(), Cursor: []string{"", "at.1", "at.2"}[i]}
			if got := s.asked[i]; !reflect.DeepEqual(got, asked) {
				t.Errorf("%d: asked %+v, want %+v", i, got, asked)
			}
		}
		if page, err := a.Search(t.Context(), q); err != nil || page.Next != "" {
			t.Errorf("last page %+v, %v", page, err)
		}
	}
	// A walk that stops asking is not told.
	_, _, counted := newSearcher(t, store.User{ID: "a"}, store.User{ID: "b"}, store.User{ID: "c"})
	if page, err := counted.Search(t.Context(), store.Query{Cursor: "3.at.1"}); err != nil || page.Total != 0 || !strings.HasPrefix(page.Next, "-1.") {
		t.Errorf("%+v, %v", page, err)
	}
	// A walk that begins to ask for the total on its way is told it too.
	_, _, a := newSearcher(t, store.User{ID: "a"}, store.User{ID: "b"}, store.User{ID: "c"})
	page, _ := a.Search(t.Context(), store.Query{})
	page, err := a.Search(t.Context(), store.Query{Cursor: page.Next, Total: true})
	if err != nil || page.Total != 3 || !strings.HasPrefix(page.Next, "3.") {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestSearchCursor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.verifiedUsers(t, 3)
	page, err := b.Search(t.Context(), store.Query{Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	inner := strings.TrimPrefix(page.Next, "-1.")
	b.forget()
	for _, cursor := range []string{"x", ".", "-1.", "1", "-2." + inner, "01." + inner, inner, " " + page.Next, "\x00", strings.Repeat("9", 1<<16) + ".x"} {
		if page, err := b.Search(t.Context(), store.Query{Cursor: cursor}); !errors.Is(err, store.ErrCursor) || !isZero(page) {
			t.Errorf("%.40q: %+v, %v", cursor, page, err)
		}
	}
	b.wantUntouched(t)
	for _, cursor := range []string{"-1.x", "5." + inner + "x", page.Next + "."} { // for the directory to refuse
		if page, err := b.Search(t.Context(), store.Query{Cursor: cursor}); !errors.Is(err, store.ErrCursor) || !isZero(page) {
			t.Errorf("%.40q: %+v, %v", cursor, page, err)
		}
	}
}

// The users of a page are as User returns them.
func TestSearchSettles(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	soon, past := now.Add(1), now.Add(-1)
	_, _, a := newSearcher(t, store.User{
		ID: "a",
		Phones: []store.Method{
			{ID: "p1", Address: "+1"}, {ID: "p2", Address: "+2", Expires: now}, {ID: "p3", Address: "+3", Expires: soon},
			{ID: "p4", Address: "+4", Expires: past, Verified: true},
		},
		Emails: []store.Method{{ID: "e1", Address: "1@x", Expires: past}, {ID: "e2", Address: "2@x", Verified: true}},
		TOTPs:  []store.TOTP{{ID: "t1", Expires: past}, {ID: "t2", Expires: soon}, {ID: "t3", Verified: true, Expires: past}, {ID: "t4"}},
		Lock:   store.Lock{At: past, Until: now},
	}, store.User{ID: "b", Lock: store.Lock{Failures: 3, At: past, Until: now}}, store.User{ID: "c", Lock: store.Lock{At: past, Until: soon}})
	want := []string{
		"a [p1 p3 p4 e2 t2 t3 t4] 0 false false",
		"b [] 3 false false",
		"c [] 0 true true",
	}
	q := store.Query{}
	for _, want := range want {
		page, err := a.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		u := page.Users[0]
		var ids []string
		for _, m := range append(u.Phones, u.Emails...) {
			ids = append(ids, m.ID)
		}
		for _, app := range u.TOTPs {
			ids = append(ids, app.ID)
		}
		if got := fmt.Sprintf("%s %v %d %v %v", u.ID, ids, u.Lock.Failures, !u.Lock.At.IsZero(), !u.Lock.Until.IsZero()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		q.Cursor = page.Next
	}
}

func TestSearchFails(t *testing.T) {
	t.Parallel()
	_, s, a := newSearcher(t, store.User{ID: "a"})
	words := []string{phone, email, "lovelace"}
	q := store.Query{Filters: []store.Filter{
		{By: store.FieldPhone, Values: []string{otherPhone, phone}}, {By: store.FieldEmailText, Text: email}, {By: store.FieldName, Text: "lovelace"},
	}}
	for _, want := range []error{store.ErrFilter, store.ErrCursor, engine.ErrUnavailable} {
		s.err = fmt.Errorf("%w: %s, %s, %s", want, phone, strings.ToUpper(email), "Lovelace")
		if want == engine.ErrUnavailable {
			s.err = fmt.Errorf("%w: %s, %s, %s", errDisk, phone, email, "lovelace")
		}
		page, err := a.Search(t.Context(), q)
		if !errors.Is(err, want) || !isZero(page) {
			t.Errorf("%+v, %v, want %v", page, err, want)
		}
		for _, word := range words {
			if strings.Contains(strings.ToLower(fmt.Sprintf("%v %#v", err, err)), word) {
				t.Errorf("%q in %v", word, err)
			}
		}
	}
	if _, err := a.Search(t.Context(), q); !errors.Is(err, errDisk) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// A real directory: pages, and who is not there any more.
func TestSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ids := b.verifiedUsers(t, 5)
	b.add(t, ids[2], phone)
	b.kit.Clock.Advance(window)
	seen := make(map[string]int)
	q := store.Query{Limit: 2}
	for pages := 0; ; pages++ {
		page, err := b.Search(t.Context(), q)
		if err != nil || pages > 2 {
			t.Fatal(pages, err)
		}
		for _, u := range page.Users {
			seen[u.ID]++
			if !reflect.DeepEqual(u, b.user(t, u.ID)) || len(u.Phones) != 0 {
				t.Errorf("found %+v", u)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	for _, id := range ids {
		if seen[id] != 1 {
			t.Errorf("%s seen %d times", id, seen[id])
		}
	}
}
