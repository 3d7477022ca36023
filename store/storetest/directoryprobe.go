package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A directoryProperty is one thing that the contract of store.Directory says.
type directoryProperty struct {
	name string
	run  func(t *directoryProbe)
}

var directoryProperties = slices.Concat(
	lookupProperties,
	takenProperties,
	updateProperties,
	deleteProperties,
	keepProperties,
	searchProperties,
	filterProperties,
	directoryRaceProperties,
	modelProperties,
)

// try runs the property between filling the directory and looking whether the
// users that filled it are unharmed.
func (p directoryProperty) try(t testing.TB, d store.Directory, limit time.Duration) {
	try(t, limit, func(pr *probe) {
		dp := &directoryProbe{probe: pr, d: d}
		dp.checkEmpty()
		dp.fill()
		defer dp.checkNeighbours()
		p.run(dp)
	})
}

// A directoryProbe is a directory under test with short ways to call it that
// fail the property on any error.
type directoryProbe struct {
	*probe
	d store.Directory
}

// person returns a user with a value for every index. All values of a user
// with another name differ.
func person(name string) store.User {
	at := time.Date(2024, 2, 29, 12, 30, 45, 123456789, time.UTC)
	return store.User{
		ID:     name,
		Status: store.Active,
		Name:   store.Name{First: "First " + name, Middle: "Middle", Last: "Last"},
		Phones: []store.Method{
			{ID: name + "-p1", Address: "+1555" + name + "1", Verified: true, CreatedAt: at.Add(time.Second)},
			{ID: name + "-p2", Address: "+1555" + name + "2", CreatedAt: at.Add(time.Minute), Expires: at.Add(6*time.Minute + 1)},
		},
		Emails:     []store.Method{{ID: name + "-e1", Address: name + "@example.com", CreatedAt: at.Add(time.Hour)}},
		TOTPs:      []store.TOTP{{ID: name + "-t1", Verified: true, CreatedAt: at.Add(2 * time.Hour), Expires: at.Add(26*time.Hour + 3)}},
		Lock:       store.Lock{Failures: 3, At: at.Add(3*time.Hour + 5), Until: at.Add(4*time.Hour + 7)},
		ExternalID: "external-" + name,
		Trusted:    json.RawMessage(`{"plan":"gold","seats":[1,2,3],"of":"` + name + `"}`),
		Untrusted:  json.RawMessage(`{"theme":"dark"}`),
		Roles:      []string{"reader", "writer"},
		CreatedAt:  at,
	}
}

func (t *directoryProbe) create(u store.User) {
	t.Helper()
	if err := t.d.Create(t.ctx, u); err != nil {
		t.Fatalf("Create(%q): %v", u.ID, err)
	}
}

// lookup returns the user, which must be there.
func (t *directoryProbe) lookup(by store.Index, value string) store.User {
	t.Helper()
	u, err := t.d.Lookup(t.ctx, by, value)
	if err != nil {
		t.Fatalf("Lookup(%s, %q): %v", by, value, err)
	}
	return u
}

// want fails unless every value of u leads to u and to nothing else.
func (t *directoryProbe) want(u store.User) {
	t.Helper()
	for by, value := range u.Values {
		t.Helper() // the body of this loop is a function
		got := t.lookup(by, value)
		if diff := different(got, u); diff != "" {
			t.Fatalf("Lookup(%s, %q): %s", by, value, diff)
		}
	}
}

// free fails unless the value belongs to nobody.
func (t *directoryProbe) free(by store.Index, value string) {
	t.Helper()
	if u, err := t.d.Lookup(t.ctx, by, value); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Lookup(%s, %.80q) = user %q, %v; want store.ErrNotFound", by, value, u.ID, err)
	} else if !reflect.DeepEqual(u, store.User{}) {
		t.Fatalf("Lookup(%s, %.80q) returned store.ErrNotFound and a user", by, value)
	}
}

// gone fails if any value of u belongs to somebody.
func (t *directoryProbe) gone(u store.User) {
	t.Helper()
	for by, value := range u.Values {
		t.Helper()
		t.free(by, value)
	}
}

// update updates and fails unless the returned user is what is then found.
func (t *directoryProbe) update(id string, change func(*store.User)) store.User {
	t.Helper()
	u, err := t.d.Update(t.ctx, id, func(u *store.User) error { change(u); return nil })
	if err != nil {
		t.Fatalf("Update(%q): %v", id, err)
	}
	return u
}

// taken fails unless err says that the value of an index is owner's.
func (t *directoryProbe) taken(call string, err error, by store.Index, owner string) {
	t.Helper()
	var taken *store.TakenError
	if !errors.As(err, &taken) || !errors.Is(err, store.ErrTaken) {
		t.Fatalf("%s: %v; want a *store.TakenError for %s", call, err, by)
	}
	if taken.Index != by || taken.Owner != owner {
		t.Fatalf("%s: taken is %s of %q; want %s of %q", call, taken.Index, taken.Owner, by, owner)
	}
}

// walk returns the users of a whole search.
func (t *directoryProbe) walk(limit int) []store.User {
	t.Helper()
	var users []store.User
	for q := (store.Query{Limit: limit}); ; {
		t.alive()
		page := t.search(q)
		users = append(users, page.Users...)
		if page.Next == "" {
			return users
		}
		if len(page.Users) == 0 {
			t.Fatalf("Search returned an empty page that is not the last")
		}
		q.Cursor = page.Next
	}
}

// search returns a page, whose users must be in order and no more than asked.
func (t *directoryProbe) search(q store.Query) store.Page {
	t.Helper()
	page, err := t.d.Search(t.ctx, q)
	if err != nil {
		t.Fatalf("Search(%.80q, %d): %v", q.Cursor, q.Limit, err)
	}
	if len(page.Users) > q.Size() {
		t.Fatalf("Search with limit %d returned %d users", q.Limit, len(page.Users))
	}
	for i := 1; i < len(page.Users); i++ {
		if a, b := page.Users[i-1].ID, page.Users[i].ID; a >= b {
			t.Fatalf("Search returned the id %q before %q", a, b)
		}
	}
	return page
}

func (t *directoryProbe) checkEmpty() {
	t.free(store.ByID, "nobody")
	if page := t.search(store.Query{}); len(page.Users) != 0 || page.Next != "" {
		t.Fatalf("a fresh directory has users: %v", page)
	}
}

func neighbourUser(i int) store.User { return person(fmt.Sprintf("neighbour%02d", i)) }

func (t *directoryProbe) fill() {
	t.race(neighbours, func(i int) { t.create(neighbourUser(i)) })
}

// checkNeighbours runs deferred, and is silent after a failure.
func (t *directoryProbe) checkNeighbours() {
	if t.hasFailed() {
		return
	}
	for i := range neighbours {
		t.want(neighbourUser(i))
	}
}

// different says in which field got is not want, or nothing. Empty and nil
// lists and metadata are the same, and metadata is compared as JSON.
func different(got, want store.User) string {
	for _, at := range times(got) {
		if at.Location() != time.UTC {
			return fmt.Sprintf("user %q: the time %v is not in UTC", got.ID, at)
		}
	}
	a, b := plain(got), plain(want)
	if sameJSON(a.Trusted, b.Trusted) {
		a.Trusted, b.Trusted = nil, nil
	}
	if sameJSON(a.Untrusted, b.Untrusted) {
		a.Untrusted, b.Untrusted = nil, nil
	}
	if reflect.DeepEqual(a, b) {
		return ""
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if fa, fb := va.Field(i).Interface(), vb.Field(i).Interface(); !reflect.DeepEqual(fa, fb) {
			return fmt.Sprintf("user %q: %s is %s, want %s", got.ID, va.Type().Field(i).Name, showField(fa), showField(fb))
		}
	}
	return fmt.Sprintf("user %q differs", got.ID)
}

func showField(v any) string {
	if raw, ok := v.(json.RawMessage); ok {
		v = string(raw)
	}
	return fmt.Sprintf("%.300q", fmt.Sprintf("%+v", v))
}

// plain brings users with the same lists and times to one form.
func plain(u store.User) store.User {
	u = u.Clone()
	if len(u.Phones) == 0 {
		u.Phones = nil
	}
	if len(u.Emails) == 0 {
		u.Emails = nil
	}
	if len(u.TOTPs) == 0 {
		u.TOTPs = nil
	}
	if len(u.Roles) == 0 {
		u.Roles = nil
	}
	return u
}

// sameJSON reports whether a and b say the same, with numbers to the last
// digit.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 || bytes.Equal(a, b) {
		return len(a) == len(b)
	}
	return reflect.DeepEqual(decoded(a), decoded(b))
}

func decoded(raw json.RawMessage) (v any) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return string(raw)
	}
	return v
}

func times(u store.User) []time.Time {
	list := []time.Time{u.CreatedAt, u.Lock.At, u.Lock.Until}
	for _, m := range slices.Concat(u.Phones, u.Emails) {
		list = append(list, m.CreatedAt, m.Expires)
	}
	for _, a := range u.TOTPs {
		list = append(list, a.CreatedAt, a.Expires)
	}
	return list
}

var errChange = errors.New("storetest: an error of change")

// failing returns a change that spoils the user and then fails.
func failing(u *store.User) error {
	spoil(u)
	return fmt.Errorf("wrapped: %w", errChange)
}

// spoil overwrites all that a user refers to.
func spoil(u *store.User) {
	for _, methods := range [][]store.Method{u.Phones, u.Emails} {
		for i := range methods {
			methods[i] = store.Method{ID: "spoiled", Address: "spoiled"}
		}
	}
	for i := range u.TOTPs {
		u.TOTPs[i] = store.TOTP{ID: "spoiled"}
	}
	scribble(u.Trusted)
	scribble(u.Untrusted)
	for i := range u.Roles {
		u.Roles[i] = "spoiled"
	}
	u.Name.First, u.ExternalID = "spoiled", "spoiled"
}
