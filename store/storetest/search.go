package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/store"
)

// How users are listed.
var searchProperties = []directoryProperty{
	{"SearchInOrderOfIDs", searchOrder},
	{"SearchReturnsWholeUsers", searchWholeUsers},
	{"SearchLimits", searchLimits},
	{"LastPageHasNoNext", lastPage},
	{"CursorsOutliveTheirUsers", cursorsOutlive},
	{"WalksAreStable", walksAreStable},
	{"BadCursorsAreRefused", badCursors},
}

func ids(users []store.User) []string {
	list := make([]string, len(users))
	for i, u := range users {
		list[i] = u.ID
	}
	return list
}

// searchOrder compares ids by their bytes, whatever the language of a
// database.
func searchOrder(t *directoryProbe) {
	want := []string{"B", "a", "A", "b", "Z", "z", "aa", "a-b", "ab", "a_b", "a b", "é", "e", "f", "10", "9", "1", "_", "-", "~", "!", "日本", "😀"}
	for _, id := range want {
		t.create(store.User{ID: id})
	}
	for i := range neighbours {
		want = append(want, neighbourUser(i).ID)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 5, 10, len(want) - 1, len(want), len(want) + 1, 0} {
		if got := ids(t.walk(limit)); !slices.Equal(got, want) {
			t.Fatalf("a walk by %d found %q, want %q", limit, got, want)
		}
	}
	// Another limit in the middle of a walk changes nothing.
	var got []string
	q := store.Query{Limit: 3}
	for {
		t.alive()
		page := t.search(q)
		got = append(got, ids(page.Users)...)
		if page.Next == "" {
			break
		}
		q = store.Query{Cursor: page.Next, Limit: q.Limit%7 + 1}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("a walk by changing limits found %q, want %q", got, want)
	}
	// A page can be asked for again.
	first := t.search(store.Query{Limit: 5})
	for range 2 {
		if got := ids(t.search(store.Query{Cursor: first.Next, Limit: 5}).Users); !slices.Equal(got, want[5:10]) {
			t.Fatalf("a second page is %q, want %q", got, want[5:10])
		}
	}
}

func searchWholeUsers(t *directoryProbe) {
	for i, u := range t.walk(10) {
		if diff := different(u, neighbourUser(i)); diff != "" {
			t.Fatalf("Search: %s", diff)
		}
	}
}

func searchLimits(t *directoryProbe) {
	const total, writers = store.MaxLimit + 2, 64
	t.race(writers, func(w int) {
		for i := w; i < total-neighbours; i += writers {
			t.create(store.User{ID: fmt.Sprintf("user%04d", i)})
		}
	})
	for _, tt := range []struct{ limit, want int }{
		{0, 100}, {-1, 100}, {1, 1}, {99, 99}, {100, 100}, {101, 101}, {999, 999}, {1000, 1000}, {1001, 1000}, {math.MaxInt, 1000},
	} {
		page := t.search(store.Query{Limit: tt.limit})
		if len(page.Users) != tt.want || page.Next == "" {
			t.Fatalf("Search with limit %d returned %d users, more: %t; want %d of %d", tt.limit, len(page.Users), page.Next != "", tt.want, total)
		}
	}
	if n := len(t.walk(5000)); n != total {
		t.Fatalf("a walk found %d users of %d", n, total)
	}
}

func lastPage(t *directoryProbe) {
	for _, limit := range []int{neighbours / 4, neighbours / 2, neighbours, neighbours + 1} {
		q := store.Query{Limit: limit}
		for seen := 0; ; {
			page := t.search(q)
			seen += len(page.Users)
			if last := seen == neighbours; last != (page.Next == "") {
				t.Fatalf("after %d of %d users by %d, is there a next page: %t", seen, neighbours, limit, page.Next != "")
			} else if last {
				break
			}
			if len(page.Users) != limit {
				t.Fatalf("a page that is not the last has %d users of %d", len(page.Users), limit)
			}
			q.Cursor = page.Next
		}
	}
}

// cursorsOutlive deletes the users about the end of a page, and all.
func cursorsOutlive(t *directoryProbe) {
	for i := range 20 {
		t.create(store.User{ID: fmt.Sprintf("a%02d", i)})
	}
	page := t.search(store.Query{Limit: 10})
	for _, id := range []string{"a09", "a10", "a11", "a00"} {
		if _, err := t.d.Delete(t.ctx, id); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	t.create(store.User{ID: "a05+"}) // behind the cursor
	t.create(store.User{ID: "a12+"}) // ahead of it
	want := []string{"a12", "a12+", "a13"}
	if got := ids(t.search(store.Query{Cursor: page.Next, Limit: 3}).Users); !slices.Equal(got, want) {
		t.Fatalf("the page after deleted users is %q, want %q", got, want)
	}
	for _, u := range t.walk(0) {
		if strings.HasPrefix(u.ID, "a") {
			if _, err := t.d.Delete(t.ctx, u.ID); err != nil {
				t.Fatalf("Delete: %v", err)
			}
		}
	}
	if got := t.search(store.Query{Cursor: page.Next, Limit: 1}).Users; len(got) != 1 || got[0].ID != neighbourUser(0).ID {
		t.Fatalf("the page after deleted users is %q, want %q", ids(got), neighbourUser(0).ID)
	}
}

// walksAreStable walks while others create, change and delete users between
// those that stay.
func walksAreStable(t *directoryProbe) {
	const walkers, changers, walks = 4, 4, 4
	began := time.Now()
	var left atomic.Int64
	left.Store(walkers)
	t.race(walkers+changers, func(i int) {
		if i < walkers {
			defer left.Add(-1)
			for n := 0; t.more(began, n, walks); n++ {
				seen := make(map[string]int)
				for _, u := range t.walk(5 + 3*i + n%walks) {
					seen[u.ID]++
				}
				for j := range neighbours {
					if id := neighbourUser(j).ID; seen[id] != 1 {
						t.Fatalf("a walk saw the user %q, who was there all the time, %d times", id, seen[id])
					}
				}
				for id, n := range seen {
					if n != 1 {
						t.Fatalf("a walk saw the user %q %d times", id, n)
					}
				}
			}
			return
		}
		for n := 0; left.Load() > 0; n++ {
			t.alive()
			// Its id lies between two that stay.
			u := store.User{ID: fmt.Sprintf("%s+%d", neighbourUser(n*7%neighbours).ID, i), ExternalID: fmt.Sprintf("changer%d", i)}
			t.create(u)
			t.update(u.ID, func(u *store.User) { u.Roles = []string{"changed"} })
			t.update(neighbourUser(n%neighbours).ID, func(*store.User) {})
			if _, err := t.d.Delete(t.ctx, u.ID); err != nil {
				t.Fatalf("Delete: %v", err)
			}
		}
	})
}

func badCursors(t *directoryProbe) {
	for _, cursor := range []string{
		"!", " ", "\x00", "\xff\xff", "not a cursor", "💥", "{}", "%%%", "' or 1=1 --", "=", "-1",
		strings.Repeat("z", 1<<16), strings.Repeat("!", 1<<16), strings.Repeat("\x00", 1<<16),
	} {
		if page, err := t.d.Search(t.ctx, store.Query{Cursor: cursor}); !errors.Is(err, store.ErrCursor) || len(page.Users) != 0 || page.Next != "" {
			t.Fatalf("Search(%.80q) returned %d users and %v, want store.ErrCursor", cursor, len(page.Users), err)
		}
	}
}
