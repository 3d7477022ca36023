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

// maxWaiting bounds the messages that are waited for. One more is not: its
// owner can ask for another code.
const maxWaiting = 100_000

// A waiter lets codes fall back to another channel: when the provider reports
// that a message will not arrive, or has not reported within a time that it did.
// Only the program that has sent a code can send it again, so what waits ends
// with it.
type waiter struct {
	after    map[delivery.Channel]duration
	log      *slog.Logger
	fallback func(context.Context, engine.Challenge, *delivery.Error) (engine.Challenge, error)
	state    func(context.Context, string) (receipts.Record, error)

	mu      sync.Mutex
	stopped bool
	waiting map[string]waiting // by message
	running sync.WaitGroup     // fallbacks under way
}

type waiting struct {
	challenge engine.Challenge
	timer     *time.Timer
}

// sent takes a challenge whose message a provider has taken.
func (w *waiter) sent(c engine.Challenge) {
	after := w.after[c.Channel].Duration
	if after == 0 {
		return
	}
	w.mu.Lock()
	switch {
	case w.stopped:
		w.mu.Unlock()
		return
	case len(w.waiting) >= maxWaiting:
		w.mu.Unlock()
		w.log.Warn("too many messages are waited for: this one does not fall back", "message", c.Message)
		return
	}
	w.waiting[c.Message] = waiting{c, time.AfterFunc(after, func() { w.fall(c.Message, nil) })}
	w.mu.Unlock()
	// The report may have come before.
	if record, err := w.state(context.Background(), c.Message); err == nil {
		w.news(record)
	}
}

// news takes what has become of a message.
func (w *waiter) news(r receipts.Record) {
	switch r.State {
	case receipts.Delivered:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.take(r.Message)
	case receipts.Failed:
		w.fall(r.Message, &delivery.Error{Kind: r.Kind, Provider: r.Provider, Reason: r.Reason})
	}
}

// take takes a message out of those that are waited for. w.mu is held.
func (w *waiter) take(message string) (c engine.Challenge, ok bool) {
	entry, ok := w.waiting[message]
	if ok {
		entry.timer.Stop()
		delete(w.waiting, message)
	}
	return entry.challenge, ok
}

// fall sends the code of a message by the fallback of its channel, on a
// goroutine of its own: news come on those of providers' callbacks.
func (w *waiter) fall(message string, why *delivery.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.take(message)
	if !ok {
		return
	}
	w.running.Go(func() {
		_, err := w.fallback(context.Background(), c, why)
		switch {
		case errors.Is(err, engine.ErrUsed) || errors.Is(err, engine.ErrExpired):
			// It was entered, or is of no use any more.
		case err != nil:
			w.log.Error("a code could not fall back", "message", message, "error", err)
		}
	})
}

// stop forgets what waits, and returns when what is under way has ended.
func (w *waiter) stop() {
	w.mu.Lock()
	w.stopped = true
	for _, entry := range w.waiting {
		entry.timer.Stop()
	}
	clear(w.waiting)
	w.mu.Unlock()
	w.running.Wait()
}
