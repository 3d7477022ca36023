package engine_test

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

// A code of one subject, purpose, tenant or channel class must open no other,
// even where the store's contents were moved.
func TestCodeIsBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	requests := []engine.Request{
		someone,
		{Channel: delivery.SMS, To: number(1), Purpose: "login"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "pay"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "login", Tenant: "t"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "ogin", Tenant: "l"},
		{Channel: delivery.Email, To: "a@example.com", Purpose: "login"},
	}
	subjects := make(map[string]bool)
	var ids, codes []string
	for _, req := range requests {
		challenge, code := b.start(req)
		subjects[challenge.Subject] = true
		ids, codes = append(ids, challenge.ID), append(codes, code)
	}
	if len(subjects) != len(requests) {
		t.Fatalf("%d subjects for %d requests", len(subjects), len(requests))
	}
	const key = 24
	for i := range ids {
		for j := range ids {
			if i == j {
				continue
			}
			// Put the record of i in the place of j's, in a store of its own.
			value, err := b.Store.Get(t.Context(), ids[i][:key])
			if err != nil || value == nil {
				t.Fatal(err)
			}
			moved := newBench(t)
			if _, ok, err := moved.Store.CompareAndSwap(t.Context(), ids[j][:key], nil, value, start.Add(time.Hour)); !ok || err != nil {
				t.Fatal(ok, err)
			}
			moved.verify(ids[j][:key]+ids[i][key:], codes[i], engine.ErrWrong)
		}
	}
}

// The channel is part of the code's MAC: a record cannot be made to say that
// the code went another way.
func TestChannelIsBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	key := challenge.ID[:24]
	old, _ := b.Store.Get(t.Context(), key)
	forged := append([]byte(nil), old...)
	const channel = 4 // its place in the record
	if forged[channel] != 1 {
		t.Fatalf("byte %d is %d, not SMS", channel, forged[channel])
	}
	forged[channel] = 2
	if _, ok, err := b.Store.CompareAndSwap(t.Context(), key, old, forged, start.Add(time.Hour)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.verify(challenge.ID, code, engine.ErrWrong)
}
