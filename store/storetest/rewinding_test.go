package storetest

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

func TestRewindingPasses(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T, func() time.Time) store.Store { return NewRewinding() })
}

func TestRewinding(t *testing.T) {
	t.Parallel()
	ctx, r := t.Context(), NewRewinding()
	swap := func(key, old, new string) bool {
		t.Helper()
		var was, will []byte
		if old != "" {
			was = []byte(old)
		}
		if new != "" {
			will = []byte(new)
		}
		_, swapped, err := r.CompareAndSwap(ctx, key, was, will, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return swapped
	}
	want := func(key, value string) {
		t.Helper()
		if got, err := r.Get(ctx, key); err != nil || string(got) != value {
			t.Fatalf("%s is %q, %v; want %q", key, got, err, value)
		}
	}
	swap("a", "", "1")
	swap("b", "", "1")
	r.Copy()
	swap("a", "1", "2")
	swap("c", "", "1")
	r.Rewind()
	want("c", "")
	want("a", store.Rewound+"1")
	r.Copy()
	r.Rewind()
	want("a", store.Rewound+"1") // once, however often
	if swap("a", "1", "3") || !swap("a", store.Rewound+"1", "3") {
		t.Error("a rewound value is what was written")
	}
	want("a", "3")
	want("b", store.Rewound+"1")
	if _, _, err := r.CompareAndSwap(ctx, "a", []byte("3"), []byte(store.Rewound), time.Time{}); err != store.ErrValue {
		t.Errorf("a value that begins with Rewound: %v", err)
	}
}
