package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
)

const (
	// maxWaiting bounds the messages that are waited for. One more is not: its
	// owner can ask for another code.
	maxWaiting = 100_000

	// slots bounds what is looked up and sent at a time, however many messages a
	// provider is silent about.
	slots = 32

	// The record of a message is looked at soon, then less and less often: what
	// another program of the same store was told is nowhere else.
	firstPause   = time.Second
	longestPause = 15 * time.Second

	lookTimeout = 5 * time.Second
	sendTimeout = 30 * time.Second // the engine gives a sender 15
)

// A waiter lets codes fall back to another channel: when the provider reports
// that a message will not arrive, or has not reported within a time that it did.
// Only the program that has sent a code can send it again, so what waits ends
// with it. The report may come to any program that shares the store.
type waiter struct {
	after    map[delivery.Channel]duration // how long silence is borne; without one, for ever
	log      *slog.Logger
	fallback func(context.Context, engine.Challenge, *delivery.Error) (engine.Challenge, error)
	state    func(context.Context, string) (receipts.Record, error)

	mu      sync.Mutex
	stopped bool
	waiting map[string]waiting // by message
	due     []string           // messages whose records are to be looked at
	working int                // slots in use
	running sync.WaitGroup     // their goroutines
}

type waiting struct {
	challenge engine.Challenge
	silent    time.Time     // from when on silence means that it did not arrive; zero: it never does
	pause     time.Duration // before the next look
	timer     *time.Timer   // of the next look; nil before the first
}

// sent takes a challenge that can fall back, and whose message a provider has
// taken.
func (w *waiter) sent(c engine.Challenge) {
	w.mu.Lock()
	switch {
	case w.stopped:
		w.mu.Unlock()
		return
	case len(w.waiting) >= maxWaiting || len(w.due) >= maxWaiting:
		w.mu.Unlock()
		w.log.Warn("too many messages are waited for: this one does not fall back", "message", c.Message)
		return
	}
	entry := waiting{challenge: c, pause: firstPause}
	if after := w.after[c.Channel].Duration; after > 0 {
		entry.silent = time.Now().Add(after)
	}
	w.waiting[c.Message] = entry
	w.mu.Unlock()
	w.look(c.Message) // the report may have come before
}

// news takes what has become of a message.
func (w *waiter) news(r receipts.Record) {
	switch r.State {
	case receipts.Delivered:
		w.take(r.Message)
	case receipts.Failed:
		w.look(r.Message)
	}
}

// take takes a message out of those that are waited for, and reports whether it
// was one.
func (w *waiter) take(message string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	entry, ok := w.waiting[message]
	if ok && entry.timer != nil {
		entry.timer.Stop()
	}
	delete(w.waiting, message)
	return ok
}

// look has the record of a message looked at as soon as a slot is free.
func (w *waiter) look(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.waiting[message]; !ok {
		return
	}
	w.due = append(w.due, message)
	if w.working < slots {
		w.working++
		w.running.Go(w.work)
	}
}

// work looks at records until none is due.
func (w *waiter) work() {
	for {
		w.mu.Lock()
		if len(w.due) == 0 {
			w.working--
			w.mu.Unlock()
			return
		}
		message := w.due[0]
		w.due = w.due[1:]
		entry, ok := w.waiting[message]
		w.mu.Unlock()
		if ok {
			w.decide(entry)
		}
	}
}

// decide does what the record of a message demands.
func (w *waiter) decide(entry waiting) {
	c, patient := entry.challenge, entry.silent.IsZero()
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	record, err := w.state(ctx, c.Message)
	cancel()
	now := time.Now()
	switch {
	case err != nil && !errors.Is(err, receipts.ErrNotFound):
		w.wait(entry) // nobody knows: it may have arrived
	case record.State == receipts.Delivered:
		w.take(c.Message)
	case record.State == receipts.Failed:
		w.fall(c, &delivery.Error{Kind: record.Kind, Provider: record.Provider, Reason: record.Reason})
	case !patient && !now.Before(entry.silent):
		w.fall(c, nil)
	case patient && !now.Before(c.Expires):
		w.take(c.Message)
	default:
		w.wait(entry)
	}
}

// wait has a message looked at again later.
func (w *waiter) wait(entry waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entry, ok := w.waiting[entry.challenge.Message]
	if !ok {
		return
	}
	end := entry.silent
	if end.IsZero() {
		end = entry.challenge.Expires
	}
	pause := entry.pause
	if left := time.Until(end); left > 0 {
		pause = min(pause, left)
	}
	entry.pause = min(2*entry.pause, longestPause)
	if entry.timer == nil {
		entry.timer = time.AfterFunc(pause, func() { w.look(entry.challenge.Message) })
	} else {
		entry.timer.Reset(pause)
	}
	w.waiting[entry.challenge.Message] = entry
}

// fall sends the code of a challenge by the fallback of its channel.
func (w *waiter) fall(c engine.Challenge, why *delivery.Error) {
	if !w.take(c.Message) {
		return // somebody was faster
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	_, err := w.fallback(ctx, c, why)
	switch {
	case errors.Is(err, engine.ErrUsed) || errors.Is(err, engine.ErrExpired):
		// It was entered, or is of no use any more.
	case err != nil:
		w.log.Error("a code could not fall back", "message", c.Message, "error", err)
	}
}

// stop forgets what waits, and returns when what is under way has ended.
func (w *waiter) stop() {
	w.mu.Lock()
	w.stopped = true
	for _, entry := range w.waiting {
		if entry.timer != nil {
			entry.timer.Stop()
		}
	}
	clear(w.waiting)
	w.mu.Unlock()
	w.running.Wait()
}
