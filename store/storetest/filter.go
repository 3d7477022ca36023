package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/store"
)

// Which users a search finds, and how many there are.
var filterProperties = []directoryProperty{
	{"FiltersSelect", filtersSelect},
	{"FilteredWalksSeeEverybodyOnce", filteredWalks},
	{"FiltersAgreeWithMatch", filtersAgree},
	{"TotalsCountEverybody", totals},
	{"BadFiltersAreRefused", badFilters},
	{"FilteredWalksAreStable", filteredWalksAreStable},
}

var noon = time.Date(2030, time.May, 5, 12, 0, 0, 0, time.UTC)

// crowd makes users by hand: one with everything, one pending, one whose
// address and app can expire, one of whom only the name is known.
func (t *directoryProbe) crowd() {
	method := func(id, address string, verified bool, expires time.Time) []store.Method {
		return []store.Method{{ID: id, Address: address, Verified: verified, Expires: expires}}
	}
	for _, u := range []store.User{
		{ID: "crowd-a", Status: store.Active, ExternalID: "x-a", Name: store.Name{First: "Élodie", Middle: "Quincy", Last: "Ångström"}, CreatedAt: noon,
			Phones: method("crowd-p-a", "+990001", true, time.Time{}), Emails: method("crowd-e-a", "Ada.Crowd@example.net", true, noon),
			TOTPs: []store.TOTP{{ID: "crowd-t-a", Verified: true, Expires: noon}}},
		{ID: "crowd-b", Status: store.Pending, ExternalID: "x-b", Name: store.Name{First: "Quincy", Last: "Bell"}, CreatedAt: noon.Add(time.Hour),
			Phones: method("crowd-p-b", "+990002", false, time.Time{}), Emails: method("crowd-e-b", "bell@example.net", false, time.Time{})},
		{ID: "crowd-c", Status: "banned", CreatedAt: noon.Add(2 * time.Hour),
			Phones: method("crowd-p-c", "+990003", false, noon), TOTPs: []store.TOTP{{ID: "crowd-t-c", Expires: noon.Add(time.Second)}}},
		{ID: "crowd-d", Status: store.Active, Name: store.Name{Middle: "Quincy"}, CreatedAt: noon.Add(3 * time.Hour)},
	} {
		t.create(u)
	}
}

// mine restricts a query to users of crowd.
func mine(filters ...store.Filter) []store.Filter {
	return append(filters, store.Filter{By: store.FieldCreated, After: noon.Add(-time.Second), Before: noon.Add(24 * time.Hour)})
}

func filtersSelect(t *directoryProbe) {
	t.crowd()
	values := func(by store.Field, values ...string) store.Filter { return store.Filter{By: by, Values: values} }
	text := func(by store.Field, text string) store.Filter { return store.Filter{By: by, Text: text} }
	is := func(by store.Field, is bool) store.Filter { return store.Filter{By: by, Is: is} }
	before, after := noon.Add(-1), noon
	for _, tt := range []struct {
		filter store.Filter
		at     time.Time
		want   string // last letters of the ids
	}{
		{values(store.FieldID, "crowd-c", "crowd-a", "crowd-a", "nobody"), after, "a c"},
		{values(store.FieldID), after, ""},
		{values(store.FieldExternalID, "x-b", "x-z"), after, "b"},
		{values(store.FieldExternalID, ""), after, ""},
		{values(store.FieldStatus, "active"), after, "a d"},
		{values(store.FieldStatus, "pending", "banned"), after, "b c"},
		{store.Filter{By: store.FieldCreated, After: noon}, after, "b c d"},
		{store.Filter{By: store.FieldCreated, After: noon, Before: noon.Add(3 * time.Hour)}, after, "b c"},
		{store.Filter{By: store.FieldCreated, After: noon.Add(-1), Before: noon.Add(1)}, after, "a"},
		{store.Filter{By: store.FieldCreated, After: noon.In(time.FixedZone("east", 3600))}, after, "b c d"},
		{text(store.FieldName, "QUINCY"), after, "a b d"},
		{text(store.FieldName, "élodie å"), after, "a"},
		{text(store.FieldName, "ÉLODIE QUINCY ÅNG"), after, "a"},
		{text(store.FieldName, "quincy bell"), after, "b"},
		{text(store.FieldName, "uinc%"), after, ""},
		{values(store.FieldPhone, "+990002", "+990001"), after, "a b"},
		{values(store.FieldPhone, "+990003"), before, "c"},
		{values(store.FieldPhone, "+990003"), after, ""},
		{values(store.FieldPhone, "Ada.Crowd@example.net"), after, ""},
		{values(store.FieldPhoneID, "crowd-p-b", "crowd-e-a", "crowd-t-a"), after, "b"},
		{values(store.FieldPhoneID, "crowd-p-c"), after, ""},
		{text(store.FieldPhoneText, "9000"), before, "a b c"},
		{text(store.FieldPhoneText, "9000"), after, "a b"},
		{text(store.FieldPhoneText, "+"), after, "a b"},
		{is(store.FieldPhoneVerified, true), after, "a"},
		{is(store.FieldPhoneVerified, false), before, "b c"},
		{is(store.FieldPhoneVerified, false), after, "b"},
		{values(store.FieldEmail, "Ada.Crowd@example.net"), after, "a"},
		{values(store.FieldEmail, "ada.crowd@example.net"), after, ""},
		{values(store.FieldEmailID, "crowd-e-a", "crowd-e-b"), after, "a b"},
		{text(store.FieldEmailText, "ada.crowd@EXAMPLE"), after, "a"},
		{text(store.FieldEmailText, "_"), after, ""},
		{is(store.FieldEmailVerified, true), after, "a"}, // a verified address never expires
		{is(store.FieldEmailVerified, false), after, "b"},
		{values(store.FieldTOTPID, "crowd-t-a", "crowd-t-c"), after, "a c"},
		{values(store.FieldTOTPID, "crowd-t-a", "crowd-t-c"), noon.Add(time.Second), "a"},
		{values(store.FieldTOTPID, "crowd-p-a"), after, ""},
		{is(store.FieldTOTPVerified, true), noon.Add(time.Hour), "a"},
		{is(store.FieldTOTPVerified, false), after, "c"},
		{is(store.FieldTOTPVerified, false), noon.Add(time.Hour), ""},
		{store.Filter{By: store.FieldNothing}, after, ""},
	} {
		t.alive()
		for _, filters := range [][]store.Filter{mine(tt.filter), append(mine(), tt.filter)} {
			if got := letters(t.walkQuery(store.Query{Filters: filters, At: tt.at})); got != tt.want {
				t.Fatalf("Search for %+v at %v found %q, want %q", tt.filter, tt.at, got, tt.want)
			}
		}
	}
	either := []store.Filter{values(store.FieldID, "crowd-d"), text(store.FieldPhoneText, "+9900"), values(store.FieldTOTPID, "nobody")}
	if got := letters(t.walkQuery(store.Query{Filters: either, Any: true, At: after})); got != "a b d" {
		t.Fatalf("Search for any of %+v found %q, want a b d", either, got)
	}
	if got := letters(t.walkQuery(store.Query{Filters: either, At: after})); got != "" {
		t.Fatalf("Search for all of %+v found %q, want nobody", either, got)
	}
	if got := letters(t.walkQuery(store.Query{Filters: either[:1], Any: true})); got != "d" {
		t.Fatalf("Search for any of one filter found %q, want d", got)
	}
	if got := len(t.walkQuery(store.Query{Any: true})); got != neighbours+4 {
		t.Fatalf("Search for any of no filters found %d users, want all %d", got, neighbours+4)
	}
	// At alone takes nothing from the users that are returned.
	if u := t.search(store.Query{Filters: either[:1], At: after}).Users[0]; u.ID != "crowd-d" {
		t.Fatalf("found %q", u.ID)
	}
	c := t.search(store.Query{Filters: []store.Filter{values(store.FieldID, "crowd-c")}, At: noon.Add(time.Hour)})
	if len(c.Users) != 1 || len(c.Users[0].Phones) != 1 || len(c.Users[0].TOTPs) != 1 {
		t.Fatalf("what has expired is not returned with the user: %+v", c.Users)
	}
}

func letters(users []store.User) string {
	var all []string
	for _, id := range ids(users) {
		all = append(all, id[strings.LastIndexByte(id, '-')+1:])
	}
	return strings.Join(all, " ")
}

// walkQuery walks through all pages of a query, by two users at a time unless
// it says otherwise.
func (t *directoryProbe) walkQuery(q store.Query) []store.User {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 2
	}
	var users []store.User
	for {
		t.alive()
		page := t.search(q)
		users = append(users, page.Users...)
		if page.Next == "" {
			return users
		}
		if len(page.Users) != q.Limit {
			t.Fatalf("a page that is not the last has %d users of %d", len(page.Users), q.Limit)
		}
		q.Cursor = page.Next
	}
}

// some matches every third user of tide.
var some = []store.Filter{{By: store.FieldName, Text: "third"}}

// tide makes n users, every third of whom matches some.
func (t *directoryProbe) tide(n int) (matching []string) {
	t.race(16, func(w int) {
		for i := w; i < n; i += 16 {
			u := store.User{ID: fmt.Sprintf("tide-%04d", i), Status: store.Active, CreatedAt: noon}
			if i%3 == 0 {
				u.Name.Last = "Third"
			}
			t.create(u)
		}
	})
	for i := 0; i < n; i += 3 {
		matching = append(matching, fmt.Sprintf("tide-%04d", i))
	}
	return matching
}

func filteredWalks(t *directoryProbe) {
	want := t.tide(100)
	for _, limit := range []int{1, 3, 17, len(want) - 1, len(want), len(want) + 1} {
		if got := ids(t.walkQuery(store.Query{Filters: some, Limit: limit})); !slices.Equal(got, want) {
			t.Fatalf("a filtered walk by %d found %q, want %q", limit, got, want)
		}
		exact := []store.Filter{{By: store.FieldID, Values: append([]string{"tide-0001"}, want...)}, some[0]}
		slices.Reverse(exact[0].Values)
		if got := ids(t.walkQuery(store.Query{Filters: exact, Limit: limit})); !slices.Equal(got, want) {
			t.Fatalf("a walk by %d over given ids found %q, want %q", limit, got, want)
		}
	}
}

// filtersAgree asks random queries and compares the answers with what
// store.Query.Match says of every user.
func filtersAgree(t *directoryProbe) {
	r := rand.New(rand.NewPCG(7, 17))
	t.crowd()
	all := t.walk(100)
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	value := func() string {
		u := all[r.IntN(len(all))]
		list := []string{"nobody", string(u.Status)}
		for _, v := range u.Values {
			list = append(list, v)
		}
		return pick(list...)
	}
	fields := []store.Field{
		store.FieldID, store.FieldExternalID, store.FieldStatus, store.FieldCreated, store.FieldName, store.FieldPhone, store.FieldPhoneID,
		store.FieldPhoneText, store.FieldPhoneVerified, store.FieldEmail, store.FieldEmailID, store.FieldEmailText, store.FieldEmailVerified,
		store.FieldTOTPID, store.FieldTOTPVerified, store.FieldNothing,
	}
	for range 500 {
		t.alive()
		q := store.Query{Any: r.IntN(2) == 0, Limit: 1 + r.IntN(20), Total: r.IntN(2) == 0, At: noon.Add(time.Duration(r.IntN(7)-3) * time.Second)}
		for range r.IntN(4) {
			f := store.Filter{By: fields[r.IntN(len(fields))], Is: r.IntN(2) == 0, Text: pick("a", "QU", "-p", "neighbour1", "é"), After: noon.Add(time.Duration(r.IntN(4)-1) * time.Hour)}
			for range r.IntN(4) {
				f.Values = append(f.Values, value())
			}
			q.Filters = append(q.Filters, f)
		}
		var want []string
		for _, u := range all {
			if q.Match(&u) {
				want = append(want, u.ID)
			}
		}
		if q.Total {
			if page := t.search(q); page.Total != len(want) {
				t.Fatalf("Search(%+v) has the total %d, want %d", q, page.Total, len(want))
			}
		}
		if got := ids(t.walkQuery(q)); !slices.Equal(got, want) {
			t.Fatalf("Search(%+v) found %q, want %q", q, got, want)
		}
	}
}

func totals(t *directoryProbe) {
	matching := len(t.tide(50))
	expect := func(everybody, matching int) {
		t.Helper()
		for _, filters := range [][]store.Filter{nil, some, {{By: store.FieldID, Values: []string{"tide-0000", "tide-0003", "nobody"}}}} {
			want := everybody
			if len(filters) > 0 {
				want = matching
				if filters[0].By == store.FieldID {
					want = 2
				}
			}
			q := store.Query{Filters: filters, Limit: 1, Total: true}
			for n := 0; n < 3; n++ {
				page := t.search(q)
				if page.Total != want {
					t.Fatalf("page %d of a search with %d filters has the total %d, want %d", n+1, len(filters), page.Total, want)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if page := t.search(store.Query{Filters: filters}); page.Total != 0 {
				t.Fatalf("a search that did not ask for it has the total %d", page.Total)
			}
		}
	}
	expect(neighbours+50, matching)
	t.create(store.User{ID: "one more", Name: store.Name{First: "third"}})
	expect(neighbours+51, matching+1)
	t.update("one more", func(u *store.User) { u.Name.First = "" })
	expect(neighbours+51, matching)
	if err := t.d.Create(t.ctx, store.User{ID: "one more"}); !errors.Is(err, store.ErrTaken) {
		t.Fatalf("Create of one who is there: %v", err)
	}
	expect(neighbours+51, matching)
	for range 2 {
		t.d.Delete(t.ctx, "one more")
		expect(neighbours+50, matching)
	}
}

func badFilters(t *directoryProbe) {
	many := func(n int) []string { return slices.Repeat([]string{"x"}, n) }
	for what, q := range map[string]store.Query{
		"unknown field":    {Filters: []store.Filter{{By: "nonsense"}}},
		"no field":         {Filters: []store.Filter{{}}},
		"no text":          {Filters: []store.Filter{{By: store.FieldName}}},
		"no text of phone": {Filters: []store.Filter{{By: store.FieldPhoneText}}},
		"no text of email": {Filters: []store.Filter{{By: store.FieldEmailText}}},
		"no bound":         {Filters: []store.Filter{{By: store.FieldCreated}}},
		"many values":      {Filters: []store.Filter{{By: store.FieldPhone, Values: many(store.MaxFilterValues + 1)}}},
		"many filters":     {Filters: slices.Repeat(some, store.MaxFilters+1)},
		"second of two":    {Filters: []store.Filter{some[0], {By: store.FieldName}}, Any: true},
	} {
		page, err := t.d.Search(t.ctx, q)
		if !errors.Is(err, store.ErrFilter) || len(page.Users) != 0 || page.Next != "" || page.Total != 0 {
			t.Fatalf("Search with %s returned %d users and %v, want store.ErrFilter", what, len(page.Users), err)
		}
	}
	at := store.Query{Filters: []store.Filter{{By: store.FieldPhone, Values: many(store.MaxFilterValues)}}}
	at.Filters = append(at.Filters, slices.Repeat(some, store.MaxFilters-1)...)
	if _, err := t.d.Search(t.ctx, at); err != nil {
		t.Fatalf("Search with as many filters and values as there may be: %v", err)
	}
}

// filteredWalksAreStable walks with a filter while others create, change and
// delete users who match and who do not.
func filteredWalksAreStable(t *directoryProbe) {
	const walkers, changers, walks = 3, 3, 3
	want := t.tide(60)
	began := time.Now()
	var left atomic.Int64
	left.Store(walkers)
	t.race(walkers+changers, func(i int) {
		if i < walkers {
			defer left.Add(-1)
			for n := 0; t.more(began, n, walks); n++ {
				seen := make(map[string]int)
				for _, u := range t.walkQuery(store.Query{Filters: some, Limit: 3 + i, Total: n%2 == 0}) {
					seen[u.ID]++
				}
				for _, id := range want {
					if seen[id] != 1 {
						t.Fatalf("a filtered walk saw the user %q, who was there all the time, %d times", id, seen[id])
					}
				}
			}
			return
		}
		for n := 0; left.Load() > 0; n++ {
			t.alive()
			u := store.User{ID: fmt.Sprintf("tide-%04d+%d", n*7%60, i)}
			t.create(u)
			t.update(u.ID, func(u *store.User) { u.Name.First = "third" })
			t.update(want[n%len(want)], func(*store.User) {})
			if _, err := t.d.Delete(t.ctx, u.ID); err != nil {
				t.Fatalf("Delete: %v", err)
			}
		}
	})
}
