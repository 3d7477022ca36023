package storetest

import (
	"bytes"
	"fmt"
)

// A store shares no memory with its callers.
var aliasProperties = []storeProperty{
	{"CallersReuseWhatTheyPass", callersReuseWhatTheyPass},
	{"CallersOverwriteWhatTheyGet", callersOverwriteWhatTheyGet},
	{"WhatCallersGetStays", whatCallersGetStays},
}

// scribble overwrites b, also past its end where an append would.
func scribble(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = '#'
	}
}

func callersReuseWhatTheyPass(t *storeProbe) {
	first, second := []byte("the first value"), []byte("the second value")

	new := bytes.Clone(first)
	t.put("key", nil, new, t.far())
	scribble(new)
	t.want("key", first)

	old, new := bytes.Clone(first), bytes.Clone(second)
	t.put("key", old, new, t.far())
	scribble(old)
	scribble(new)
	t.want("key", second)

	// The same value again: a store that keeps old because it equals new.
	old, new = bytes.Clone(second), bytes.Clone(second)
	t.put("key", old, new, t.far())
	scribble(old)
	scribble(new)
	t.want("key", second)

	old, new = bytes.Clone(first), bytes.Clone(first)
	t.refuse("key", old, new, second)
	scribble(old)
	scribble(new)
	t.want("key", second)

	// One buffer for many records, as an encoder has.
	var buffer []byte
	for i := range 8 {
		buffer = fmt.Appendf(buffer[:0], "record number %d", i)
		t.put(fmt.Sprintf("record/%d", i), nil, buffer, t.far())
	}
	for i := range 8 {
		t.want(fmt.Sprintf("record/%d", i), fmt.Appendf(nil, "record number %d", i))
	}
}

func callersOverwriteWhatTheyGet(t *storeProbe) {
	value := bytes.Repeat([]byte("value "), 40)
	t.put("key", nil, bytes.Clone(value), t.far())

	scribble(t.get("key"))
	t.want("key", value)

	current, _ := t.cas("key", nil, []byte("new"), t.far())
	scribble(current)
	t.want("key", value)

	current, _ = t.cas("key", []byte("other"), nil, t.far())
	scribble(current)
	t.want("key", value)

	// Two callers get two slices.
	a, b := t.get("key"), t.get("key")
	scribble(a)
	if !bytes.Equal(b, value) {
		t.Fatalf("two calls of Get returned the same memory")
	}
}

// whatCallersGetStays also fails, by a fault, where a store returns memory
// that is valid only inside its transaction.
func whatCallersGetStays(t *storeProbe) {
	value := bytes.Repeat([]byte("value "), 40)
	t.put("key", nil, value, t.far())
	got := t.get("key")
	current, _ := t.cas("key", nil, []byte("new"), t.far())

	other := bytes.Repeat([]byte("other "), 40)
	t.put("key", value, other, t.far())
	t.churn(64)
	t.put("key", other, nil, t.far())
	t.churn(64)
	t.put("key", nil, other, t.far())
	if !bytes.Equal(got, value) {
		t.Fatalf("what Get returned became %s after later writes", show(got))
	}
	if !bytes.Equal(current, value) {
		t.Fatalf("what CompareAndSwap returned became %s after later writes", show(current))
	}
	t.want("key", other)
}
