package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A FailoverConfig says which providers are asked for a message.
type FailoverConfig struct {
	// Providers are asked in this order. At least one is required, none may
	// stand here twice, nor may two have one name.
	Providers []*Breaker

	// Timeout bounds all tries of a message together. Default 12 seconds,
	// which is within the 15 that the engine waits.
	Timeout time.Duration

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Failover is a [Sender] that asks several providers of one channel, one
// after the other, until one takes the message. What a provider answers
// decides what is done:
//
//	taken          done
//	Temporary      the next one is asked at once
//	Throttled      the next one is asked; this one rests
//	Configuration  the next one is asked; this one rests, and its Breaker says EventMisconfigured
//	Rejected       nobody else is asked: no provider reaches this address
//	Ambiguous      nobody else is asked: the message may be on its way
//
// A provider that rests is passed over. If nobody takes the message the error
// is one [*Error] as [Join] makes it: its kind says what may be done now, and
// its Tries are what every provider answered. It is safe for concurrent use.
type Failover struct {
	providers []*Breaker
	timeout   time.Duration
	now       func() time.Time
}

var _ Sender = (*Failover)(nil)

// NewFailover returns a Failover, or an error that names the field that cannot
// be used. It keeps nothing of cfg that the caller could change.
func NewFailover(cfg FailoverConfig) (*Failover, error) {
	if len(cfg.Providers) == 0 {
		return nil, errors.New("delivery: FailoverConfig.Providers is empty")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("delivery: FailoverConfig.Timeout is negative")
	}
	names := make(map[string]int)
	for i, p := range cfg.Providers {
		if p == nil {
			return nil, fmt.Errorf("delivery: FailoverConfig.Providers[%d] is missing", i)
		}
		if first, ok := names[p.name]; ok {
			return nil, fmt.Errorf("delivery: FailoverConfig.Providers[%d] has the name of Providers[%d], %q", i, first, p.name)
		}
		names[p.name] = i
	}
	f := &Failover{slices.Clone(cfg.Providers), cmp.Or(cfg.Timeout, 12*time.Second), cfg.Now}
	if f.now == nil {
		f.now = time.Now
	}
	return f, nil
}

// Send hands m to the first provider that takes it. An error is an [*Error].
func (f *Failover) Send(ctx context.Context, m Message) (Receipt, error) {
	end := f.now().Add(f.timeout)
	left := f.timeout
	var tries []Error
	for i, p := range f.providers {
		if i > 0 {
			left = min(left, end.Sub(f.now()))
		}
		if left <= 0 {
			tries = append(tries, Error{Kind: Temporary, Provider: p.name, Reason: "not asked: no time left"})
			continue
		}
		receipt, e := p.send(ctx, &m, left)
		if e == nil {
			return receipt, nil
		}
		tries = append(tries, e.Tries()...)
		if e.Kind == Rejected || e.Kind == Ambiguous {
			break
		}
	}
	return Receipt{}, join(tries)
}
