package delivery

import (
	"sync"
	"time"
)

// A Circuit is what a [Breaker] does with messages.
type Circuit string

// The states of a circuit.
const (
	CircuitClosed   Circuit = "closed"    // every message is tried
	CircuitOpen     Circuit = "open"      // none is, the provider rests
	CircuitHalfOpen Circuit = "half-open" // one at a time probes whether it works again
)

// Health is what a [Breaker] knows of its provider, for a health page. It holds
// neither code nor address.
type Health struct {
	Name     string    // the Breaker's
	Circuit  Circuit   // what is done with the next message
	Failures int       // failed tries that count, while the circuit is closed
	Cause    Kind      // unless the circuit is closed: the kind of error that opened it
	Reason   string    // unless the circuit is closed: what the provider said
	Until    time.Time // unless the circuit is closed: until when the provider rests, or rested
}

// A circuit is the memory of a Breaker. It reads no clock.
type circuit struct {
	window, rest, maxRest time.Duration
	lease                 time.Duration // the longest that a probe may be out

	mu     sync.Mutex
	turns  uint64    // how often it was opened or closed
	cause  Kind      // what opened it; "" while it is closed
	reason string    // in the provider's words
	until  time.Time // end of the rest
	probe  time.Time // until when nobody else probes; zero if there is no probe
	tries  uint64    // since it was closed
	fails  []failure // the last ones since it was closed, in a ring
	next   int       // where the next one goes: the oldest of the ring
}

// A failure is a try that failed.
type failure struct {
	at  time.Time
	try uint64 // its number, from 1
}

// A pass lets one message through.
type pass struct {
	turn  uint64
	probe bool
}

// A turn is what the outcome of one message did to a circuit.
type turn struct {
	opened, closed bool
	until          time.Time // with opened
}

// resting reports how long the provider has to be left alone. More than the
// longest rest is a clock that was set back.
func (c *circuit) resting(now time.Time) (wait time.Duration, yes bool) {
	wait = c.until.Sub(now)
	return wait, c.cause != "" && wait > 0 && wait <= c.maxRest
}

// enter asks for a message to be let through.
func (c *circuit) enter(now time.Time) (pass, *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == "" {
		return pass{turn: c.turns}, nil
	}
	if wait, yes := c.resting(now); yes {
		return pass{}, c.refusal("circuit open until "+c.until.UTC().Format(time.RFC3339), wait)
	}
	if wait := c.probe.Sub(now); wait > 0 && wait <= c.lease {
		return pass{}, c.refusal("circuit half open, a probe is out", wait)
	}
	c.probe = now.Add(c.lease)
	return pass{c.turns, true}, nil
}

// refusal says why a message was not let through. It is never Ambiguous, even
// if that opened the circuit: nothing of this message has gone out.
func (c *circuit) refusal(why string, wait time.Duration) *Error {
	kind := c.cause
	if kind == Ambiguous {
		kind = Temporary
	}
	return &Error{Kind: kind, Reason: cut(why+": "+c.reason, maxReason), RetryAfter: wait}
}

// leave tells what became of a message that was let through: e, nil if it was
// taken. gone says that its caller did not wait for it.
func (c *circuit) leave(p pass, now time.Time, e *Error, gone bool) turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	current := p.turn == c.turns
	if p.probe && current {
		c.probe = time.Time{}
	}
	switch {
	case e != nil && e.Kind == Throttled:
		rest := e.RetryAfter
		if rest == 0 {
			rest = c.rest
		}
		return c.open(now, min(rest, c.maxRest), e)
	case e != nil && e.Kind == Configuration:
		return c.open(now, c.maxRest, e)
	case !current:
		return turn{} // it was on its way when others have turned the circuit
	case e == nil || e.Kind == Rejected:
		if p.probe {
			c.cause, c.reason = "", ""
			c.restart()
			return turn{closed: true}
		}
		c.tries++
	case gone:
	case p.probe || c.fail(now):
		return c.open(now, c.rest, e)
	}
	return turn{}
}

// fail counts a failed try. It reports whether it is one too many.
func (c *circuit) fail(now time.Time) bool {
	c.tries++
	c.fails[c.next] = failure{now, c.tries}
	c.next = (c.next + 1) % len(c.fails)
	oldest := c.fails[c.next]
	return oldest.try > 0 && now.Sub(oldest.at) <= c.window && c.tries-oldest.try < 2*uint64(len(c.fails))
}

// open lets the provider rest. If it rests already it rests for the longer of
// both times, and that counts as opened only if a Configuration error is new.
func (c *circuit) open(now time.Time, rest time.Duration, e *Error) turn {
	until := now.Add(rest)
	_, already := c.resting(now)
	if already && c.until.After(until) {
		until = c.until
	}
	c.until = until
	if already && (e.Kind != Configuration || c.cause == Configuration) {
		return turn{}
	}
	c.cause, c.reason = e.Kind, e.Reason
	c.restart()
	return turn{opened: true, until: until}
}

// restart begins a new turn.
func (c *circuit) restart() {
	c.turns++
	c.tries, c.next, c.probe = 0, 0, time.Time{}
	clear(c.fails)
}

// health returns what is known, save for the name.
func (c *circuit) health(now time.Time) Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != "" {
		h := Health{Circuit: CircuitHalfOpen, Cause: c.cause, Reason: c.reason, Until: c.until}
		if _, yes := c.resting(now); yes {
			h.Circuit = CircuitOpen
		}
		return h
	}
	h := Health{Circuit: CircuitClosed}
	for _, f := range c.fails {
		if f.try > 0 && now.Sub(f.at) <= c.window {
			h.Failures++
		}
	}
	return h
}
