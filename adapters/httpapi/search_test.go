package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const search = "/v1/users/search"

// memory returns a store of a test's own.
func memory(t *testing.T) *memstore.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// searchFor searches with these operands.
func (b *bench) searchFor(operands string) result {
	b.t.Helper()
	return b.post(search, `{"query": {"operator": "AND", "operands": [%s]}}`, operands)
}

// filter searches with one filter.
func (b *bench) filter(name, value string) result {
	b.t.Helper()
	return b.searchFor(fmt.Sprintf(`{"filter_name": %q, "filter_value": %s}`, name, value))
}

// found returns who was found: the users' last names in alphabetical order.
func found(r result) string {
	var names []string
	for _, u := range r.body["results"].([]any) {
		name := u.(map[string]any)["name"].(map[string]any)
		names = append(names, name["last_name"].(string))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// populate makes four users by hand, of whom Dee's addresses were not verified
// in time.
func (b *bench) populate() (ids map[string]string) {
	b.t.Helper()
	start := b.kit.Clock.Now()
	ids = make(map[string]string)
	method := func(kind accounts.IDKind, address string, verified bool) []store.Method {
		id := kind.New(false)
		ids[address] = id
		return []store.Method{{ID: id, Address: address, Verified: verified, CreatedAt: start}}
	}
	app := accounts.TOTPID.New(false)
	ids["app"] = app
	expired := func(methods []store.Method) []store.Method {
		methods[0].Expires = start.Add(-time.Second)
		return methods
	}
	for i, u := range []store.User{
		{Name: store.Name{First: "Änne", Middle: "Grace", Last: "Ames"}, Status: store.Active, ExternalID: "ext-a",
			Phones: method(accounts.PhoneID, "+12025550111", true), Emails: method(accounts.EmailID, "anne@example.com", true),
			TOTPs: []store.TOTP{{ID: app, Verified: true, CreatedAt: start}}},
		{Name: store.Name{First: "Ben", Last: "Bell"}, Status: store.Pending, ExternalID: "ext-b", Phones: method(accounts.PhoneID, "+12025550122", false)},
		{Name: store.Name{First: "Cy", Last: "Cole"}, Status: store.Active, Emails: method(accounts.EmailID, "cy@example.org", false),
			TOTPs: []store.TOTP{{ID: accounts.TOTPID.New(false), CreatedAt: start, Expires: start.Add(time.Hour)}}},
		{Name: store.Name{Last: "Dee"}, Status: store.Active, Phones: expired(method(accounts.PhoneID, "+12025550144", false)),
			Emails: expired(method(accounts.EmailID, "dee@example.com", false))},
	} {
		u.ID = accounts.UserID.New(false)
		u.CreatedAt = start.Add(time.Duration(i) * time.Hour)
		ids[u.Name.Last] = u.ID
		if err := b.users.Create(context.Background(), u); err != nil {
			b.t.Fatal(err)
		}
	}
	return ids
}

// Every filter, and what it finds.
func TestSearchFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	ids := b.populate()
	list := func(values ...string) string {
		encoded, _ := json.Marshal(values)
		return string(encoded)
	}
	start := b.kit.Clock.Now()
	at := func(d time.Duration) string { return `"` + start.Add(d).Format(time.RFC3339) + `"` }
	for _, test := range []struct{ name, value, want string }{
		{"created_at_greater_than", at(time.Hour), "Cole Dee"},
		{"created_at_less_than", at(time.Hour), "Ames"},
		{"created_at_between", fmt.Sprintf(`{"greater_than": %s, "less_than": %s}`, at(0), at(3*time.Hour)), "Bell Cole"},
		{"created_at_greater_than", `"2026-01-15T13:00:00+01:00"`, "Bell Cole Dee"},
		{"status", `"pending"`, "Bell"},
		{"status", `"active"`, "Ames Cole Dee"},
		{"user_id", list(ids["Ames"], ids["Dee"], accounts.UserID.New(false)), "Ames Dee"},
		{"user_id", list("ext-b", "ext-a", "ext-x"), "Ames Bell"},
		{"user_id", list(accounts.UserID.New(true)), ""},
		{"user_id", `[]`, ""},
		{"full_name_fuzzy", `"äNNE g"`, "Ames"},
		{"full_name_fuzzy", `"änne ames"`, "Ames"},
		{"full_name_fuzzy", `"ell"`, "Bell"},
		{"phone_number", list("+12025550122", "+12025550111"), "Ames Bell"},
		{"phone_number", list("12025550122"), ""},
		{"phone_number", list("+12025550144"), ""},
		{"phone_id", list(ids["+12025550122"]), "Bell"},
		{"phone_id", list(ids["anne@example.com"]), ""},
		{"phone_number_fuzzy", `"5550"`, "Ames Bell"},
		{"phone_verified", "true", "Ames"},
		{"phone_verified", "false", "Bell"},
		{"email_address", list("cy@example.org"), "Cole"},
		{"email_id", list(ids["anne@example.com"]), "Ames"},
		{"email_address_fuzzy", `"EXAMPLE"`, "Ames Cole"},
		{"email_verified", "true", "Ames"},
		{"email_verified", "false", "Cole"},
		{"totp_id", list(ids["app"]), "Ames"},
		{"totp_verified", "true", "Ames"},
		{"totp_verified", "false", "Cole"},
		{"oauth_provider", list("google"), ""},
		{"webauthn_registration_id", list("x"), ""},
		{"crypto_wallet_id", list("x"), ""},
		{"crypto_wallet_address", list("x"), ""},
		{"biometric_registration_id", list("x"), ""},
		{"webauthn_registration_verified", "true", ""},
		{"crypto_wallet_verified", "false", ""},
		{"biometric_registration_verified", "true", ""},
		{"password_exists", "false", ""},
	} {
		r := b.want(b.filter(test.name, test.value), 200, "")
		if got := found(r); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.name, test.value, got, test.want)
		}
		meta := r.body["results_metadata"].(map[string]any)
		if n := len(strings.Fields(test.want)); meta["total"] != float64(n) || meta["next_cursor"] != nil {
			t.Errorf("%s %s: %v", test.name, test.value, meta)
		}
	}
	for body, want := range map[string]string{
		``: "Ames Bell Cole Dee", `{}`: "Ames Bell Cole Dee", `{"query": {}}`: "Ames Bell Cole Dee", `{"limit": 0, "cursor": ""}`: "Ames Bell Cole Dee",
		`{"query": {"operator": "AND", "operands": []}}`: "Ames Bell Cole Dee",
		`{"query": {"operator": "AND", "operands": [{"filter_name": "status", "filter_value": "active"}, {"filter_name": "phone_verified", "filter_value": true}]}}`: "Ames",
		`{"query": {"operator": "OR", "operands": [{"filter_name": "status", "filter_value": "pending"}, {"filter_name": "phone_verified", "filter_value": true}]}}`: "Ames Bell",
	} {
		if got := found(b.want(b.do("POST", search, body), 200, "")); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// A filter takes as many ids as it is said to, and the ids on its edge are
// looked for; so does a text of as few characters.
func TestSearchLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	ids := b.populate()
	for name, kind := range map[string]accounts.IDKind{"user_id": accounts.UserID, "phone_id": accounts.PhoneID} {
		last, want := ids["Bell"], "Bell"
		if name == "phone_id" {
			last = ids["+12025550122"]
		}
		var list []string
		for range store.MaxFilterValues - 1 {
			list = append(list, kind.New(false))
		}
		values, _ := json.Marshal(append(list, last))
		if got := found(b.want(b.filter(name, string(values)), 200, "")); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := found(b.want(b.filter("phone_number_fuzzy", `"122"`), 200, "")); got != "Bell" {
		t.Errorf("three digits: %q", got)
	}
	one := `{"filter_name": "status", "filter_value": "pending"}`
	if got := found(b.want(b.searchFor(strings.Repeat(one+",", store.MaxFilters-1)+one), 200, "")); got != "Bell" {
		t.Errorf("a hundred filters: %q", got)
	}
	if got := found(b.want(b.post(search, `{"limit": 1000, "query": {"operands": [%s]}}`, one), 200, "")); got != "Bell" {
		t.Errorf("no operator: %q", got)
	}
	empty := b.want(b.filter("user_id", "[]"), 200, "")
	if !strings.Contains(empty.raw, `"results":[]`) || !strings.Contains(empty.raw, `{"total":0,"next_cursor":null}`) {
		t.Errorf("%s", empty.raw)
	}
}

// In a live project an id of a test project is no user id, and can stand with
// external ids.
func TestSearchLive(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{live: true})
	john := b.want(b.post("/v1/users", `{"email": %q, "external_id": "john", "name": {"last_name": "Doe"}}`, johnEmail), 201, "").text("user_id")
	for _, values := range []string{fmt.Sprintf("[%q]", john), fmt.Sprintf(`["john", %q]`, accounts.UserID.New(false))} {
		if got := found(b.want(b.filter("user_id", values), 200, "")); got != "Doe" {
			t.Errorf("%s: %q", values, got)
		}
	}
	b.want(b.filter("user_id", fmt.Sprintf(`["john", %q]`, john)), 400, "user_search_cannot_mix_internal_and_external_user_ids")
}

// What is found looks as a user does elsewhere, with nothing that has expired.
func TestSearchReturnsUsers(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	ids := b.populate()
	for _, last := range []string{"Ames", "Dee"} {
		r := b.want(b.filter("user_id", fmt.Sprintf("[%q]", ids[last])), 200, "")
		got := r.body["results"].([]any)[0].(map[string]any)
		want := b.want(b.do("GET", "/v1/users/"+ids[last], ""), 200, "").body
		delete(want, "request_id")
		delete(want, "status_code")
		a, _ := json.Marshal(got)
		c, _ := json.Marshal(want)
		if string(a) != string(c) {
			t.Errorf("found\n%s, got\n%s", a, c)
		}
		if last == "Dee" && (strings.Contains(string(a), "+12025550144") || strings.Contains(string(a), "dee@")) {
			t.Errorf("%s", a)
		}
	}
}

// An export by cursors sees everybody once, and one total.
func TestSearchExport(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	const users = 257
	for i := range users {
		if err := b.users.Create(t.Context(), store.User{ID: accounts.UserID.New(false), Name: store.Name{Last: fmt.Sprint(i)}, Status: store.Active}); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{`{}`, `{"operator": "AND", "operands": [{"filter_name": "status", "filter_value": "active"}]}`} {
		seen := make(map[string]bool)
		cursor, pages := "", 0
		for {
			r := b.want(b.post(search, `{"limit": 50, "cursor": %q, "query": %s}`, cursor, query), 200, "")
			pages++
			for _, u := range r.body["results"].([]any) {
				seen[u.(map[string]any)["user_id"].(string)] = true
			}
			meta := r.body["results_metadata"].(map[string]any)
			if meta["total"] != float64(users) {
				t.Fatalf("page %d: %v", pages, meta)
			}
			next, more := meta["next_cursor"].(string)
			if !more {
				break
			}
			cursor = next
		}
		if len(seen) != users || pages != 6 {
			t.Errorf("%s: %d users on %d pages", query, len(seen), pages)
		}
	}
}
