package storetest

import (
	"context"
	"errors"
	"fmt"
)

// A store heeds contexts.
var cancelProperties = []storeProperty{
	{"DoneContextWritesNothing", doneContextWritesNothing},
	{"CancelledCallsHarmNoOther", cancelledCallsHarmNoOther},
}

func doneContextWritesNothing(t *storeProbe) {
	value := []byte("value")
	t.put("present", nil, value, t.far())
	t.sum("present", 5, 5)
	for want, ctx := range doneContexts() {
		check := func(call string, v []byte, swapped bool, sum int64, err error) {
			t.Helper()
			if v != nil || swapped || !errors.Is(err, want) {
				t.Fatalf("%s with a done context returned %s, %t, %d, %v; want the error %v", call, show(v), swapped, sum, err, want)
			}
		}
		v, err := t.s.Get(ctx, "present")
		check("Get", v, false, 0, err)
		v, err = t.s.Get(ctx, "absent")
		check("Get of nothing", v, false, 0, err)
		v, swapped, err := t.s.CompareAndSwap(ctx, "absent", nil, value, t.far())
		check("create", v, swapped, 0, err)
		v, swapped, err = t.s.CompareAndSwap(ctx, "present", value, []byte("new"), t.far())
		check("replace", v, swapped, 0, err)
		v, swapped, err = t.s.CompareAndSwap(ctx, "present", value, nil, t.far())
		check("delete", v, swapped, 0, err)
		v, swapped, err = t.s.CompareAndSwap(ctx, "present", nil, value, t.far())
		check("mismatch", v, swapped, 0, err)
		sum, err := t.s.Add(ctx, "present", 1, t.far())
		check("Add", nil, false, sum, err)
		sum, err = t.s.Add(ctx, "absent", 1, t.far())
		check("Add of a new counter", nil, false, sum, err)
	}
	t.want("present", value)
	t.want("absent", nil)
	t.sum("present", 0, 5)
	t.sum("absent", 0, 0)
}

// cancelledCallsHarmNoOther cancels half of the callers while all are at work.
// A store that carries the writes of many callers in one must not let one who
// leaves, or one who is refused, fail the rest.
func cancelledCallsHarmNoOther(t *storeProbe) {
	const callers, rounds = 32, 4
	for round := range rounds {
		leaving, leave := context.WithCancel(t.ctx)
		defer leave()
		name := func(i int) string { return fmt.Sprintf("caller/%d/%d", round, i) }
		t.race(callers, func(i int) {
			switch {
			case i == callers/2:
				leave()
			case i%2 == 0:
				t.put(name(i), nil, []byte("value"), t.far())
				t.refuse(name(i), []byte("other"), nil, []byte("value"))
				t.sum(name(i), 1, 1)
			default:
				_, swapped, err := t.s.CompareAndSwap(leaving, name(i), nil, []byte("value"), t.far())
				switch {
				case err == nil && !swapped:
					t.Fatalf("CompareAndSwap of an absent key was refused while its context was cancelled")
				case err == nil:
					t.want(name(i), []byte("value"))
				case !errors.Is(err, context.Canceled):
					t.Fatalf("CompareAndSwap while its context was cancelled: %v", err)
				}
				// After an error the value may be there or not, but it is whole.
				if v := t.get(name(i)); v != nil && !same(v, []byte("value")) {
					t.Fatalf("a cancelled CompareAndSwap left %s", show(v))
				}
			}
		})
		leave()
		for i := 0; i < callers; i += 2 {
			if i != callers/2 {
				t.want(name(i), []byte("value"))
				t.sum(name(i), 0, 1)
			}
		}
	}
}
