// Package deliverytest helps to test code that sends passcodes, and code that
// is a sender.
//
// An [Inbox] is a [delivery.Sender] that keeps its messages for the test to
// read. It can be told to fail ([Inbox.FailNext]), or to leave its callers
// without an answer ([Inbox.Hold]). For anything more particular wrap it in a
// [delivery.SenderFunc].
//
// [Run] checks that a sender does what delivery.Sender asks of it.
package deliverytest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/passcode-go/passcode/delivery"
)

// Limit is how many messages an Inbox keeps. It refuses more with a Throttled
// error, so that a test that runs away does not take the memory with it.
const Limit = 10_000

// An Inbox keeps the messages sent to it. It never sleeps and starts no
// goroutines, and so can be used inside a bubble of testing/synctest, if it
// was made there. It is safe for concurrent use.
type Inbox struct {
	mu      sync.Mutex
	letters []*letter
	arrived chan struct{} // closed, and replaced, when a letter comes
	fails   int           // so many sends fail yet,
	failure error         // with this
	held    chan struct{} // closed on release; nil if nothing is held
}

type letter struct {
	delivery.Message
	read bool // WaitFor has returned it
}

var _ delivery.Sender = (*Inbox)(nil)

// New returns an empty Inbox.
func New() *Inbox { return &Inbox{arrived: make(chan struct{})} }

// Send keeps m. It keeps nothing if ctx is done, if FailNext asked it to fail,
// or if the Inbox is full.
func (in *Inbox) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	held, err := in.take(ctx, m)
	if err != nil {
		return delivery.Receipt{}, err
	}
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return delivery.Receipt{}, ctx.Err()
		}
	}
	return delivery.Receipt{Provider: "inbox", ID: m.ID}, nil
}

// take is the part of Send under the lock. held is what to wait for, if not nil.
func (in *Inbox) take(ctx context.Context, m delivery.Message) (held <-chan struct{}, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, &delivery.Error{Kind: delivery.Temporary, Provider: "inbox", Reason: ctx.Err().Error()}
	case in.fails > 0:
		in.fails--
		return nil, in.failure
	case len(in.letters) >= Limit:
		return nil, &delivery.Error{Kind: delivery.Throttled, Provider: "inbox", Reason: "the inbox is full"}
	}
	in.letters = append(in.letters, &letter{Message: m})
	close(in.arrived)
	in.arrived = make(chan struct{})
	return in.held, nil
}

// WaitFor returns the oldest message to address that it has not returned yet,
// and waits for one if there is none. When ctx is done first, the error wraps
// ctx.Err(). Each message is returned to one caller.
func (in *Inbox) WaitFor(ctx context.Context, address string) (delivery.Message, error) {
	for {
		m, ok, arrived := in.unread(address)
		if ok {
			return m, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return delivery.Message{}, fmt.Errorf("deliverytest: no message to %s: %w", delivery.Mask(address), ctx.Err())
		}
	}
}

// unread marks the oldest unread message to address as read and returns it.
// If there is none, arrived is closed by the next to come.
func (in *Inbox) unread(address string) (m delivery.Message, ok bool, arrived <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, l := range in.letters {
		if !l.read && l.To.Reveal() == address {
			l.read = true
			return l.Message, true, nil
		}
	}
	return delivery.Message{}, false, in.arrived
}

// Last returns the newest message to address, read or not, and whether there
// is one.
func (in *Inbox) Last(address string) (delivery.Message, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, l := range slices.Backward(in.letters) {
		if l.To.Reveal() == address {
			return l.Message, true
		}
	}
	return delivery.Message{}, false
}

// All returns every message that was sent, oldest first.
func (in *Inbox) All() []delivery.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := make([]delivery.Message, len(in.letters))
	for i, l := range in.letters {
		all[i] = l.Message
	}
	return all
}

// Len returns how many messages were sent.
func (in *Inbox) Len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.letters)
}

// FailNext makes the next n sends return err and keep nothing. It replaces
// what an earlier call asked for; n of 0 makes sends succeed again.
func (in *Inbox) FailNext(n int, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fails, in.failure = n, err
}

// Hold makes sends from now on keep their message but not return before
// release is called or their ctx is done, when they return ctx.Err(). This is
// a provider that takes a message and whose answer is lost: the person has
// the code and the program does not know. Release may be called more than
// once. While sends are held, Hold returns the release of the first call.
func (in *Inbox) Hold() (release func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.held == nil {
		in.held = make(chan struct{})
	}
	held := in.held
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.held == held {
			close(held)
			in.held = nil
		}
	}
}
