package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/passcode-go/passcode/store"
)

// What one caller sees of values.
var swapProperties = []storeProperty{
	{"AbsentIsNil", absentIsNil},
	{"EmptyIsNotAbsent", emptyIsNotAbsent},
	{"CreateReplaceDelete", createReplaceDelete},
	{"AbsentForAbsent", absentForAbsent},
	{"MismatchReturnsCurrent", mismatchReturnsCurrent},
	{"NearlyOldDoesNotMatch", nearlyOldDoesNotMatch},
	{"BinaryValues", binaryValues},
	{"LargeValues", largeValues},
}

// What may name a record.
var keyProperties = []storeProperty{
	{"Keys", keys},
	{"BadKeys", badKeys},
}

func absentIsNil(t *storeProbe) {
	t.want("absent", nil)
	t.put("key", nil, []byte("value"), t.far())
	t.want("absent", nil)
	t.want("ke", nil)
	t.want("key/", nil)
}

func emptyIsNotAbsent(t *storeProbe) {
	empty := []byte{}
	t.refuse("absent", empty, []byte("new"), nil)
	t.refuse("absent", empty, nil, nil)

	t.put("key", nil, empty, t.far())
	t.want("key", empty)
	t.refuse("key", nil, []byte("new"), empty)
	t.refuse("key", nil, empty, empty)

	t.put("key", empty, []byte("value"), t.far())
	t.refuse("key", empty, nil, []byte("value"))
	t.put("key", []byte("value"), empty, t.far())
	t.want("key", empty)
	t.put("key", empty, nil, t.far())
	t.want("key", nil)
}

func createReplaceDelete(t *storeProbe) {
	a, b := []byte("a"), []byte("b")
	for _, step := range []struct{ at, old, new []byte }{
		{nil, a, b}, // replace what is absent
		{nil, a, nil},
		{nil, nil, a},
		{a, nil, b}, // create what is present
		{a, nil, a},
		{a, b, a}, // replace another value, even with what is there
		{a, b, nil},
		{a, a, a}, // replace with itself
		{a, a, b},
		{b, a, b},
		{b, b, nil},
		{nil, b, nil},
		{nil, nil, b}, // create again
		{b, b, a},
		{a, a, nil},
		{nil, nil, a}, // and with a value it once had
		{a, a, nil},
		{nil, nil, nil},
	} {
		if same(step.at, step.old) {
			t.put("key", step.old, step.new, t.far())
			t.want("key", step.new)
		} else {
			t.refuse("key", step.old, step.new, step.at)
		}
	}
}

// absentForAbsent: the contract has no exception for it, so swapping nothing
// for nothing is a swap, and leaves nothing.
func absentForAbsent(t *storeProbe) {
	t.put("key", nil, nil, t.far())
	t.want("key", nil)
	t.put("key", nil, nil, t.far())
	t.put("key", nil, []byte("value"), t.far())
	t.refuse("key", nil, nil, []byte("value"))
}

func mismatchReturnsCurrent(t *storeProbe) {
	t.refuse("key", []byte("old"), []byte("new"), nil)
	t.refuse("key", []byte("old"), nil, nil)
	for _, value := range [][]byte{[]byte("value"), {}, bytes.Repeat([]byte("long"), 1000)} {
		t.put("key", nil, value, t.far())
		t.refuse("key", []byte("old"), []byte("new"), value)
		t.refuse("key", []byte("old"), nil, value)
		t.refuse("key", nil, []byte("new"), value)
		t.refuse("key", nil, nil, value)
		t.put("key", value, nil, t.far())
	}
}

func nearlyOldDoesNotMatch(t *storeProbe) {
	value := []byte("Value 1")
	t.put("key", nil, value, t.far())
	for _, old := range []string{
		"Value ", "Value 10", "value 1", "VALUE 1", "alue 1", " Value 1", "Value 1 ",
		"Value 1\x00", "\x00Value 1", "Value 1\n", "Value 2", "V", "Value %", "Value _", "Value*",
	} {
		t.refuse("key", []byte(old), []byte("new"), value)
		t.refuse("key", []byte(old), nil, value)
	}
	long := bytes.Repeat([]byte{'x'}, 4000)
	t.put("long", nil, long, t.far())
	for _, i := range []int{0, 1, 255, 256, 2000, 3998, 3999} {
		old := bytes.Clone(long)
		old[i] ^= 1
		t.refuse("long", old, []byte("new"), long)
		t.refuse("long", long[:i], []byte("new"), long)
	}
}

func binaryValues(t *storeProbe) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	var old []byte
	for _, value := range [][]byte{
		all, {0}, {0, 0}, {}, []byte("\x00end"), []byte("end\x00"), []byte("\xff\xfe\x80"),
		[]byte("\r\n\t \\'\"%_;--"), []byte("null"), []byte("{}"), []byte("\u00e9e\u0301\u2028"),
	} {
		t.put("key", old, value, t.far())
		t.want("key", value)
		t.refuse("key", []byte("other"), nil, value)
		old = value
	}
	t.race(16, func(i int) {
		for j := i; j < len(all); j += 16 {
			t.put(fmt.Sprintf("byte/%d", j), nil, all[j:j+1], t.far())
		}
	})
	for i := range all {
		t.want(fmt.Sprintf("byte/%d", i), all[i:i+1])
	}
}

func largeValues(t *storeProbe) {
	value := make([]byte, store.MaxValue)
	for i := range value {
		value[i] = byte(i * i / 251)
	}
	large := append(bytes.Clone(value), 0)
	tooLarge := func(key string, old []byte) {
		t.Helper()
		if current, swapped, err := t.s.CompareAndSwap(t.ctx, key, old, large, t.far()); swapped || !errors.Is(err, store.ErrValue) {
			t.Fatalf("CompareAndSwap to %d bytes returned %s, %t, %v; want store.ErrValue", len(large), show(current), swapped, err)
		}
		t.want(key, old)
	}
	tooLarge("key", nil)
	t.put("key", nil, value, t.far())
	t.want("key", value)
	tooLarge("key", value)

	// A store may refuse an old that no value can be, but it must not match.
	if _, swapped, err := t.s.CompareAndSwap(t.ctx, "key", large, []byte("new"), t.far()); swapped {
		t.Fatalf("a value of %d bytes matched an old one of %d", len(value), len(large))
	} else if err != nil && !errors.Is(err, store.ErrValue) {
		t.Fatalf("CompareAndSwap from %d bytes: %v", len(large), err)
	}
	t.refuse("key", value[:len(value)-1], nil, value)
	t.put("key", value, []byte("small"), t.far())
	t.want("key", []byte("small"))
}

// keys uses every byte that a key may have, and keys that differ in little.
func keys(t *storeProbe) {
	long := strings.Repeat("k", store.MaxKey-1)
	names := []string{"a", "A", "aa", "a/", "a/b", "a:b", "a.b", "a%", "a_", "%", "_", "*", "?", "[a]", "{a}", "..", ".", "/", "~", "0", "00", long + "a", long + "b", long}
	for c := byte('!'); c <= '~'; c++ {
		names = append(names, "byte"+string(c), string(c)+"byte")
	}
	t.race(16, func(i int) {
		for j := i; j < len(names); j += 16 {
			t.put(names[j], nil, []byte("value of "+names[j]), t.far())
			t.sum(names[j], int64(j), int64(j))
		}
	})
	for i, name := range names {
		t.want(name, []byte("value of "+name))
		t.sum(name, 0, int64(i))
	}
}

func badKeys(t *storeProbe) {
	long := strings.Repeat("k", store.MaxKey)
	t.put(long, nil, []byte("value"), t.far())
	for _, key := range []string{"", long + "k", strings.Repeat("k", 70_000), "a b", " ", "a\x00", "\x00", "a\n", "\x7f", "\x80", "\xff", "é", "a\tb"} {
		if v, err := t.s.Get(t.ctx, key); v != nil || !errors.Is(err, store.ErrKey) {
			t.Fatalf("Get(%.150q) = %s, %v; want store.ErrKey", key, show(v), err)
		}
		for _, new := range [][]byte{[]byte("new"), nil} {
			if v, swapped, err := t.s.CompareAndSwap(t.ctx, key, nil, new, t.far()); v != nil || swapped || !errors.Is(err, store.ErrKey) {
				t.Fatalf("CompareAndSwap(%.150q) = %s, %t, %v; want store.ErrKey", key, show(v), swapped, err)
			}
		}
		if sum, err := t.s.Add(t.ctx, key, 1, t.far()); !errors.Is(err, store.ErrKey) {
			t.Fatalf("Add(%.150q) = %d, %v; want store.ErrKey", key, sum, err)
		}
	}
	t.want(long, []byte("value"))
	t.sum(long, 0, 0)
	t.want("a", nil)
}
