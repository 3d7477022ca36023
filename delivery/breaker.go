package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A BreakerConfig says how a provider is guarded.
type BreakerConfig struct {
	// Name is how the provider is called in errors, events and on health
	// pages: 1 to 64 bytes that print. Required.
	Name string

	// Sender is the provider. Required.
	Sender Sender

	// Timeout bounds one try. Default 5 seconds. A try that takes longer is
	// Ambiguous, unless the sender knows that nothing went out and says
	// Temporary. A Sender that does not return when its ctx is done is waited
	// for: nothing here starts a goroutine that could leave it behind.
	Timeout time.Duration

	// Idempotent says that the provider takes Message.ID as an idempotency
	// key, and so a second request with it as the first. Then a try that was
	// Ambiguous is made again, once, here and nowhere else. Default: it is not
	// made again, because the message may be on its way.
	Idempotent bool

	// Failures opens the circuit: so many Temporary or Ambiguous tries within
	// Window, if at least half of the tries between the first and the last of
	// them failed. Default 5; 1 to 1000.
	Failures int

	// Window is how long a failed try counts. Default 1 minute.
	Window time.Duration

	// Rest is how long an open circuit stays so before one message probes it,
	// and how long a throttled provider rests that named no time. Default 30
	// seconds.
	Rest time.Duration

	// MaxRest is how long a provider rests after a Configuration error, and at
	// most when it is Throttled, whatever it asks for. Default 5 minutes, and
	// no less than Rest.
	MaxRest time.Duration

	// Observe, if set, is called with every event, on the goroutine of the
	// Send that caused it. It must be quick and safe for concurrent use. On
	// EventMisconfigured it should wake somebody.
	Observe func(Event)

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Breaker is a [Sender] that guards one provider. It bounds every try, keeps
// messages away from a provider that does not take them, and turns whatever
// happens, a panic of the sender too, into an [*Error] that is fit to be
// logged.
//
// While its circuit is closed every message is tried. Failures open it, as
// Failures says; a Throttled answer opens it for the time that the provider
// asked for, and a Configuration error at once, with an EventMisconfigured.
// While it is open messages are refused without being tried, with the kind of
// error that opened it, or Temporary for Ambiguous, since nothing went out, and
// with the time that is left as RetryAfter. After that it
// is half open: one message at a time probes the provider, and closes the
// circuit if it is taken, or Rejected, which says that the provider works.
//
// An Ambiguous try counts as failed: the message may not be sent again, but
// the next one should not wait as long. What was cut short because its caller
// went away (context.Canceled) says nothing of the provider.
//
// Throttled and Configuration speak for the whole account. A sender that knows
// that one address alone is meant says Rejected or Temporary, or that address
// rests the provider for everybody.
//
// Give one Breaker to every Failover and Route that uses the provider: what one
// learns of it all know then. It is safe for concurrent use.
type Breaker struct {
	name       string
	sender     Sender
	timeout    time.Duration
	idempotent bool
	circuit    circuit
	notify     func(Event)
	now        func() time.Time
}

var _ Sender = (*Breaker)(nil)

// NewBreaker returns a Breaker, or an error that names the field that cannot
// be used.
func NewBreaker(cfg BreakerConfig) (*Breaker, error) {
	b := &Breaker{
		name:       cfg.Name,
		sender:     cfg.Sender,
		timeout:    cmp.Or(cfg.Timeout, 5*time.Second),
		idempotent: cfg.Idempotent,
		notify:     cfg.Observe,
		now:        cfg.Now,
		circuit: circuit{
			window: cmp.Or(cfg.Window, time.Minute),
			rest:   cmp.Or(cfg.Rest, 30*time.Second),
		},
	}
	c := &b.circuit
	c.maxRest = cmp.Or(cfg.MaxRest, max(5*time.Minute, c.rest))
	if b.now == nil {
		b.now = time.Now
	}
	failures := cmp.Or(cfg.Failures, 5)
	switch {
	case cfg.Name == "" || len(cfg.Name) > 64 || strings.ContainsFunc(cfg.Name, unprintable):
		return nil, errors.New("delivery: BreakerConfig.Name has to have 1 to 64 bytes that print")
	case missing(cfg.Sender):
		return nil, fmt.Errorf("delivery: BreakerConfig.Sender of %q is missing", cfg.Name)
	case failures < 1 || failures > 1000:
		return nil, fmt.Errorf("delivery: BreakerConfig.Failures of %q is outside 1 to 1000", cfg.Name)
	case c.maxRest < c.rest:
		return nil, fmt.Errorf("delivery: BreakerConfig.MaxRest of %q is less than Rest", cfg.Name)
	}
	for field, value := range map[string]time.Duration{"Timeout": b.timeout, "Window": c.window, "Rest": c.rest, "MaxRest": c.maxRest} {
		if value < 0 {
			return nil, fmt.Errorf("delivery: BreakerConfig.%s of %q is negative", field, cfg.Name)
		}
	}
	c.fails = make([]failure, failures)
	c.lease = b.timeout
	if b.idempotent {
		c.lease *= 2
	}
	return b, nil
}

// missing reports whether there is nothing behind a Sender, not even in the
// way of a nil pointer or function.
func missing(s Sender) bool {
	if s == nil {
		return true
	}
	switch v := reflect.ValueOf(s); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// Send hands m to the provider, if its circuit lets it. An error is an
// [*Error].
func (b *Breaker) Send(ctx context.Context, m Message) (Receipt, error) {
	receipt, e := b.send(ctx, &m, 2*b.timeout)
	if e != nil {
		return Receipt{}, e
	}
	return receipt, nil
}

// send is Send with a bound for all of its tries.
func (b *Breaker) send(ctx context.Context, m *Message, limit time.Duration) (Receipt, *Error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, &Error{Kind: Temporary, Provider: b.name, Reason: "not asked: " + err.Error()}
	}
	began := b.now()
	pass, refusal := b.circuit.enter(began)
	if refusal != nil {
		refusal.Provider = b.name
		Event{Kind: EventSkipped, Time: began, Provider: b.name, Err: refusal}.observe(b.notify, m)
		return Receipt{}, refusal
	}
	receipt, e, now := b.try(ctx, m, min(limit, b.timeout), began)
	learned := e // what the circuit learns from
	if limit -= now.Sub(began); e != nil && e.Kind == Ambiguous && b.idempotent && limit > 0 && ctx.Err() == nil {
		var again Receipt
		again, learned, now = b.try(ctx, m, min(limit, b.timeout), now)
		// Only these two tell what became of the first: it was taken, or no
		// request for this address ever is.
		if learned == nil || learned.Kind == Rejected {
			receipt, e = again, learned
		}
	}
	turned := b.circuit.leave(pass, now, learned, errors.Is(ctx.Err(), context.Canceled))
	if turned.opened && e == learned {
		told := *e // the observer may have e
		told.RetryAfter = max(told.RetryAfter, turned.until.Sub(now))
		e, learned = &told, &told
	}
	if b.notify != nil {
		b.announce(m, now, turned, learned)
	}
	return receipt, e
}

// announce tells of a turn that a message brought about, and e why.
func (b *Breaker) announce(m *Message, now time.Time, turned turn, e *Error) {
	ev := Event{Time: now, Provider: b.name}
	switch {
	case turned.closed:
		ev.Kind = EventClosed
		ev.observe(b.notify, m)
	case turned.opened:
		ev.Kind, ev.Until, ev.Err = EventOpened, turned.until, e
		ev.observe(b.notify, m)
		if e.Kind == Configuration {
			ev.Kind = EventMisconfigured
			ev.observe(b.notify, m)
		}
	}
}

// try asks the provider once. It returns the time at which it has answered.
func (b *Breaker) try(ctx context.Context, m *Message, limit time.Duration, began time.Time) (Receipt, *Error, time.Time) {
	receipt, e := b.ask(ctx, m, limit)
	now := b.now()
	ev := Event{Kind: EventTaken, Time: now, Provider: b.name, Receipt: receipt, Took: now.Sub(began), Err: e}
	if e != nil {
		ev.Kind = EventFailed
	}
	ev.observe(b.notify, m)
	return receipt, e, now
}

// ask calls the sender.
func (b *Breaker) ask(ctx context.Context, m *Message, limit time.Duration) (receipt Receipt, e *Error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			receipt, e = Receipt{}, AsError(&Error{Kind: Ambiguous, Provider: b.name, Reason: fmt.Sprint("the sender panicked: ", v)}, *m)
		}
	}()
	receipt, err := b.sender.Send(ctx, *m)
	if err != nil {
		e = AsError(err, *m)
		e.Provider = cmp.Or(e.Provider, b.name)
		return Receipt{}, e
	}
	receipt.Provider = cmp.Or(receipt.Provider, b.name)
	return receipt, nil
}

// Health returns what the Breaker knows of its provider.
func (b *Breaker) Health() Health {
	h := b.circuit.health(b.now())
	h.Name = b.name
	return h
}
