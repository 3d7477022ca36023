package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/passcode-go/passcode/store"
)

var modelProperties = []directoryProperty{
	{"AgreesWithAModel", agreesWithAModel},
}

// A model is a directory without indexes: it looks at all users.
type model map[string]store.User

func (m model) lookup(by store.Index, value string) (store.User, bool) {
	for _, u := range m {
		if belongs(u, by, value) {
			return u, true
		}
	}
	return store.User{}, false
}

// owner returns an owner of each value of u that somebody else has.
func (m model) owners(u store.User, self string) map[store.TakenError]bool {
	taken := make(map[store.TakenError]bool)
	for by, value := range u.Values {
		if other, ok := m.lookup(by, value); ok && other.ID != self {
			taken[store.TakenError{Index: by, Owner: other.ID}] = true
		}
	}
	return taken
}

const modelSteps, modelValues = 500, 12

// randomUser draws from few values, so that users often ask for the same.
func randomUser(r *rand.Rand, id string) store.User {
	u := store.User{ID: id, Status: store.Pending}
	value := func(kind string) string { return fmt.Sprintf("%s%d", kind, r.IntN(modelValues)) }
	methods := func(address string) (list []store.Method) {
		for range r.IntN(3) {
			list = append(list, store.Method{ID: value("model-m"), Address: value(address), Verified: r.IntN(2) == 0})
		}
		return list
	}
	u.Phones, u.Emails = methods("model-p"), methods("model-e")
	for range r.IntN(2) {
		u.TOTPs = append(u.TOTPs, store.TOTP{ID: value("model-m")})
	}
	if r.IntN(2) == 0 {
		u.ExternalID = value("model-x")
	}
	u.Roles = []string{value("role")}
	return u
}

// agreesWithAModel makes random calls and compares every answer, and then all
// lookups, with those of the model. The seed is fixed: a failure repeats.
func agreesWithAModel(t *directoryProbe) {
	r := rand.New(rand.NewPCG(4, 226))
	m := make(model)
	for i := range neighbours {
		u := neighbourUser(i)
		m[u.ID] = u
	}
	for step := range modelSteps {
		t.alive()
		id := fmt.Sprintf("model-u%d", r.IntN(modelValues))
		was, exists := m[id]
		u := randomUser(r, id)
		var call string
		switch r.IntN(6) {
		case 0, 1:
			call = fmt.Sprintf("step %d: Create(%q)", step, id)
			if t.judge(call, t.d.Create(t.ctx, u), u, m.owners(u, "")) {
				m[id] = u
			}
		case 2, 3, 4:
			call = fmt.Sprintf("step %d: Update(%q)", step, id)
			got, err := t.d.Update(t.ctx, id, func(c *store.User) error { *c = u.Clone(); return nil })
			if !exists {
				t.missing(call, err)
			} else if t.judge(call, err, u, m.owners(u, id)) {
				if diff := different(got, u); diff != "" {
					t.Fatalf("%s: %s", call, diff)
				}
				m[id] = u
			}
		case 5:
			call = fmt.Sprintf("step %d: Delete(%q)", step, id)
			got, err := t.d.Delete(t.ctx, id)
			if !exists {
				t.missing(call, err)
			} else if err != nil {
				t.Fatalf("%s: %v", call, err)
			} else if diff := different(got, was); diff != "" {
				t.Fatalf("%s: %s", call, diff)
			}
			delete(m, id)
		}
		for _, u := range []store.User{u, was} {
			for by, value := range u.Values {
				t.agree(call, m, by, value)
			}
		}
		if step%50 == 49 {
			t.agreeOnAll(call, m)
		}
	}
}

// judge fails unless err is right for a user whose values have these owners,
// and reports whether the call succeeded.
func (t *directoryProbe) judge(call string, err error, u store.User, owners map[store.TakenError]bool) bool {
	t.Helper()
	var taken *store.TakenError
	bad := u.Check() != nil
	switch {
	case bad && errors.Is(err, store.ErrUser):
	case !bad && len(owners) == 0 && err == nil:
		return true
	case len(owners) > 0 && errors.As(err, &taken) && owners[*taken]:
	default:
		t.Fatalf("%s of %+v: %v; want bad user: %t, taken: %v", call, u, err, bad, slices.Collect(maps.Keys(owners)))
	}
	return false
}

func (t *directoryProbe) missing(call string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("%s: %v, want store.ErrNotFound", call, err)
	}
}

func (t *directoryProbe) agree(call string, m model, by store.Index, value string) {
	t.Helper()
	want, exists := m.lookup(by, value)
	got, err := t.d.Lookup(t.ctx, by, value)
	switch {
	case !exists && errors.Is(err, store.ErrNotFound):
	case !exists || err != nil:
		t.Fatalf("after %s: Lookup(%s, %q) returned user %q, %v; the model has %q", call, by, value, got.ID, err, want.ID)
	default:
		if diff := different(got, want); diff != "" {
			t.Fatalf("after %s: Lookup(%s, %q): %s", call, by, value, diff)
		}
	}
}

func (t *directoryProbe) agreeOnAll(call string, m model) {
	t.Helper()
	for kind, by := range map[string]store.Index{
		"model-u": store.ByID, "model-p": store.ByPhone, "model-e": store.ByEmail, "model-m": store.ByMethod, "model-x": store.ByExternalID,
	} {
		for i := range modelValues {
			t.agree(call, m, by, fmt.Sprintf("%s%d", kind, i))
		}
	}
	want := slices.Sorted(maps.Keys(m))
	if got := ids(t.walk(10)); !slices.Equal(got, want) {
		t.Fatalf("after %s: Search found %q, the model has %q", call, got, want)
	}
}
