package storetest

import (
	"fmt"
	"time"
)

// How long a store keeps a record.
var expiryProperties = []storeProperty{
	{"KeptUntilExpiry", keptUntilExpiry},
	{"KeptForAges", keptForAges},
	{"SwapsSetExpiryAnew", swapsSetExpiryAnew},
	{"AdditionsSetExpiryAnew", additionsSetExpiryAnew},
	{"RecreatedOutlivesItsFormerExpiry", recreatedOutlives},
	{"RefusedSwapsKeepExpiry", refusedSwapsKeepExpiry},
	{"DeadValuesArePresentOrAbsent", deadValues},
	{"DeadCountersContinueOrBegin", deadCounters},
}

// near is the shortest time that properties give a record to live. It is
// longer than their deadline, so it holds also by the real clock of a server.
const near = 2 * limit

func keptUntilExpiry(t *storeProbe) {
	lives := []time.Duration{near, near + time.Nanosecond, near + time.Millisecond, 61*time.Minute + 500*time.Microsecond, 36 * time.Hour}
	for i, life := range lives {
		key := fmt.Sprintf("key/%d", i)
		t.put(key, nil, []byte(key), t.start.Add(life))
		t.addUntil(key, 3, t.start.Add(life))
	}
	for i, life := range lives {
		t.clock.set(t.start.Add(life - 1))
		t.churn(48)
		for j := i; j < len(lives); j++ {
			key := fmt.Sprintf("key/%d", j)
			t.want(key, []byte(key))
			t.refuse(key, nil, []byte("new"), []byte(key))
			if sum := t.addUntil(key, 0, t.start.Add(lives[j])); sum != 3 {
				t.Fatalf("a counter was %d at the end of its life, want 3", sum)
			}
		}
	}
}

// keptForAges uses times that do not fit into a count of nanoseconds.
func keptForAges(t *storeProbe) {
	ages := []time.Time{
		time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC),
		time.Date(2500, 6, 1, 0, 0, 0, 999_999_999, time.FixedZone("", -12*3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	for i, at := range ages {
		key := fmt.Sprintf("key/%d", i)
		t.put(key, nil, []byte(key), at)
		t.addUntil(key, 3, at)
	}
	t.clock.set(t.start.Add(near))
	t.churn(48)
	for i, at := range ages {
		key := fmt.Sprintf("key/%d", i)
		t.want(key, []byte(key))
		if sum := t.addUntil(key, 0, at); sum != 3 {
			t.Fatalf("a counter kept until %v was %d, want 3", at, sum)
		}
	}
}

func swapsSetExpiryAnew(t *storeProbe) {
	soon, late := t.start.Add(near), t.start.Add(48*time.Hour)
	a, b := []byte("a"), []byte("b")
	t.put("replaced", nil, a, soon)
	t.put("replaced", a, b, late)
	t.put("kept", nil, a, soon)
	t.put("kept", a, a, late)
	t.put("shortened", nil, a, t.far())
	t.put("shortened", a, b, late)
	t.put("often", nil, a, soon)
	for i := range 10 {
		t.put("often", a, a, soon.Add(time.Duration(i)*time.Hour))
	}
	t.put("often", a, b, late)

	t.clock.set(late.Add(-1))
	t.churn(48)
	t.want("replaced", b)
	t.want("kept", a)
	t.want("shortened", b)
	t.want("often", b)
}

func additionsSetExpiryAnew(t *storeProbe) {
	soon, late := t.start.Add(near), t.start.Add(48*time.Hour)
	t.addUntil("added", 2, soon)
	t.addUntil("added", 1, late)
	t.addUntil("nothing-added", 3, soon)
	t.addUntil("nothing-added", 0, late)
	// The value's time is not the counter's.
	t.put("both", nil, []byte("value"), soon)
	t.addUntil("both", 3, late)
	t.addUntil("other", 3, soon)
	t.put("other", nil, []byte("value"), late)

	t.clock.set(late.Add(-1))
	t.churn(48)
	t.want("other", []byte("value"))
	t.sum("added", 0, 3)
	t.sum("nothing-added", 0, 3)
	t.sum("both", 0, 3)
}

// recreatedOutlives fails where a store collects by a note of when a record
// was to end, and does not look whether that is still so.
func recreatedOutlives(t *storeProbe) {
	soon, late := t.start.Add(near), t.start.Add(48*time.Hour)
	value := []byte("value")
	t.put("same-value", nil, value, soon)
	t.put("same-value", value, nil, soon)
	t.put("same-value", nil, value, late)
	t.put("new-value", nil, []byte("old"), soon)
	t.put("new-value", []byte("old"), nil, soon)
	t.put("new-value", nil, value, late)
	t.put("deleted-at-no-time", nil, value, soon)
	t.put("deleted-at-no-time", value, nil, time.Time{})
	t.put("deleted-at-no-time", nil, value, late)
	t.put("deleted-late", nil, value, soon)
	t.put("deleted-late", value, nil, late)

	t.clock.set(soon.Add(time.Second))
	t.churn(48)
	t.want("same-value", value)
	t.want("new-value", value)
	t.want("deleted-at-no-time", value)
	t.want("deleted-late", nil)
	t.clock.set(late.Add(-1))
	t.churn(48)
	t.want("same-value", value)
	t.want("new-value", value)
	t.want("deleted-at-no-time", value)
}

func refusedSwapsKeepExpiry(t *storeProbe) {
	value, past := []byte("value"), t.start.Add(-time.Hour)
	late := t.start.Add(48 * time.Hour)
	t.put("key", nil, value, late)
	for _, swap := range [][2][]byte{{nil, value}, {nil, nil}, {[]byte("other"), value}, {[]byte("other"), nil}} {
		if current, swapped := t.cas("key", swap[0], swap[1], past); swapped || !same(current, value) {
			t.Fatalf("CompareAndSwap(key, %s, %s) = %s, %t; want refused", show(swap[0]), show(swap[1]), show(current), swapped)
		}
	}
	t.clock.set(late.Add(-1))
	t.churn(48)
	t.want("key", value)
}

// deadValues: a record past its time is there or not, but all calls agree, and
// what is gone stays gone.
func deadValues(t *storeProbe) {
	value, new := []byte("value"), []byte("new")
	expiries := []time.Time{t.start.Add(near), t.start.Add(-time.Hour), time.Unix(0, 0), time.Unix(-1, 0), {}}
	key := func(kind string, i int) string { return fmt.Sprintf("%s/%d", kind, i) }
	kinds := []string{"read", "create", "replace", "delete", "left"}
	for i, at := range expiries {
		for _, kind := range kinds {
			t.put(key(kind, i), nil, value, at)
			if v := t.get(key(kind, i)); v != nil && !same(v, value) {
				t.Fatalf("a value with an expiry of %v became %s", at, show(v))
			}
		}
	}
	t.clock.set(t.start.Add(near + time.Minute))
	for i := range expiries {
		// try swaps a dead record to new, whatever it finds.
		try := func(kind string, old, new []byte) {
			t.Helper()
			before := t.get(key(kind, i))
			current, swapped := t.cas(key(kind, i), old, new, t.far())
			switch {
			case before == nil && (current != nil || swapped && old != nil):
				t.Fatalf("Get found a dead record gone, and then CompareAndSwap from %s found it", show(old))
			case swapped:
				t.want(key(kind, i), new)
			case same(current, old):
				t.Fatalf("CompareAndSwap of a dead record from %s was refused and returned the same", show(old))
			case current == nil:
				t.put(key(kind, i), nil, new, t.far())
			case same(current, value):
				// It was there; by now it may be gone.
				if current, swapped := t.cas(key(kind, i), value, new, t.far()); !swapped {
					if current != nil {
						t.Fatalf("a dead record was %s and then %s", show(value), show(current))
					}
					t.put(key(kind, i), nil, new, t.far())
				}
			default:
				t.Fatalf("a dead record that was %s became %s", show(value), show(current))
			}
			t.want(key(kind, i), new)
		}
		try("create", nil, new)
		try("replace", value, new)
		try("delete", value, nil)

		gone := false
		for range 3 {
			v := t.get(key("read", i))
			if v != nil && (gone || !same(v, value)) {
				t.Fatalf("a dead record that was %s became %s", show(value), show(v))
			}
			gone = v == nil
		}
	}
	t.churn(48)
	t.clock.set(t.start.Add(48 * time.Hour))
	t.churn(48)
	for i := range expiries {
		t.want(key("create", i), new)
		t.want(key("replace", i), new)
		t.want(key("delete", i), nil)
	}
}

func deadCounters(t *storeProbe) {
	expiries := []time.Time{t.start.Add(near), t.start.Add(-time.Hour), time.Unix(0, 0), {}}
	for i, at := range expiries {
		t.addUntil(fmt.Sprintf("key/%d", i), 3, at)
	}
	t.clock.set(t.start.Add(near + time.Minute))
	for i := range expiries {
		key := fmt.Sprintf("key/%d", i)
		sum := t.add(key, 2)
		if sum != 2 && sum != 5 {
			t.Fatalf("Add(2) to a dead counter that was 3 returned %d, want 2 or 5", sum)
		}
		t.sum(key, 10, sum+10)
		t.clock.set(t.clock.now().Add(time.Hour))
		t.churn(16)
		t.sum(key, 0, sum+10)
	}
}
