package delivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

func TestBreakerOpensOnFailures(t *testing.T) {
	t.Parallel()
	for _, kind := range []delivery.Kind{delivery.Temporary, delivery.Ambiguous} {
		p := newFake()
		b := p.breaker(t, "acme")
		p.answers(kind)
		for n := range 5 {
			if h := b.Health(); h.Circuit != delivery.CircuitClosed || h.Failures != n || h.Name != "acme" {
				t.Fatalf("after %d failures: %+v", n, h)
			}
			if e := send(t, b, kind); (n == 4) != (e.RetryAfter == 30*time.Second) {
				t.Errorf("failure %d: retry after %v", n+1, e.RetryAfter)
			}
		}
		if told := p.events[4]; told.Kind != delivery.EventFailed || told.Err.RetryAfter != 0 {
			t.Errorf("what an observer was given has changed: %+v", told)
		}
		want := delivery.Health{Name: "acme", Circuit: delivery.CircuitOpen, Cause: kind, Reason: "because", Until: start.Add(30 * time.Second)}
		if h := b.Health(); h != want {
			t.Errorf("%+v, want %+v", h, want)
		}
		if got := p.kinds(); got != "failed failed failed failed failed opened" {
			t.Errorf("events: %s", got)
		}

		p.answers("")
		p.advance(10 * time.Second)
		e := send(t, b, delivery.Temporary) // this one has not gone out, whatever became of those before
		if e.RetryAfter != 20*time.Second || e.Provider != "acme" || e.Reason != "circuit open until 2026-03-01T12:00:30Z: because" {
			t.Errorf("%+v", e)
		}
		if p.calls() != 5 || p.kinds() != "skipped" {
			t.Error("a provider that rests was asked")
		}
		p.advance(20 * time.Second)
		if h := b.Health(); h.Circuit != delivery.CircuitHalfOpen {
			t.Errorf("after the rest: %+v", h)
		}
		send(t, b, "")
		if h := b.Health(); h != (delivery.Health{Name: "acme", Circuit: delivery.CircuitClosed}) {
			t.Errorf("after the probe: %+v", h)
		}
		if got := p.kinds(); got != "taken closed" {
			t.Errorf("events: %s", got)
		}
	}
}

// What a probe's answer does.
func TestBreakerProbe(t *testing.T) {
	t.Parallel()
	for kind, want := range map[delivery.Kind]string{
		"":                     "taken closed",
		delivery.Rejected:      "failed closed",
		delivery.Temporary:     "failed opened",
		delivery.Ambiguous:     "failed opened",
		delivery.Throttled:     "failed opened",
		delivery.Configuration: "failed opened misconfigured",
	} {
		p := newFake()
		b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures = 2 })
		p.answers(delivery.Temporary)
		send(t, b, delivery.Temporary)
		send(t, b, delivery.Temporary)
		p.advance(30 * time.Second)
		p.kinds()
		p.answers(kind)
		send(t, b, kind)
		if got := p.kinds(); got != want {
			t.Errorf("%q: events %s, want %s", kind, got, want)
		}
		calls := p.calls()
		b.Send(t.Context(), note(1))
		if open := strings.Contains(want, "opened"); (p.calls() == calls) != open {
			t.Errorf("%q: the next message was asked for: %t", kind, open)
		}
	}
}

// While a probe is out nobody else is let through, until it has had its time,
// or the clock is set back.
func TestBreakerOneProbe(t *testing.T) {
	t.Parallel()
	for _, idempotent := range []bool{false, true} {
		for _, back := range []bool{false, true} {
			p := newFake()
			b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures, c.Idempotent = 1, idempotent })
			p.answers(delivery.Temporary)
			send(t, b, delivery.Temporary)
			p.advance(30 * time.Second)

			answer := p.hold(b) // as a sender that does not look at its ctx
			p.answers("")
			e := send(t, b, delivery.Temporary)
			lease := 5 * time.Second
			if idempotent {
				lease *= 2
			}
			if !strings.HasPrefix(e.Reason, "circuit half open, a probe is out") || e.RetryAfter != lease || p.calls() != 2 {
				t.Errorf("%+v after %d calls", e, p.calls())
			}
			p.advance(lease)
			if back {
				p.advance(-time.Hour)
			}
			send(t, b, "")
			if h := b.Health(); h.Circuit != delivery.CircuitClosed {
				t.Errorf("%+v", h)
			}
			answer(nil)
		}
	}
}

func TestBreakerThrottled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ asked, rest time.Duration }{
		{0, 30 * time.Second},
		{time.Second, time.Second},
		{2 * time.Minute, 2 * time.Minute},
		{24 * time.Hour, 5 * time.Minute},
		{-time.Second, 30 * time.Second},
	} {
		p := newFake()
		b := p.breaker(t, "acme")
		p.fails(&delivery.Error{Kind: delivery.Throttled, RetryAfter: tt.asked})
		if e := send(t, b, delivery.Throttled); e.RetryAfter != max(tt.asked, tt.rest) {
			t.Errorf("asked for %v: retry after %v", tt.asked, e.RetryAfter)
		}
		p.answers("")
		p.advance(tt.rest - 1)
		if e := send(t, b, delivery.Throttled); p.calls() != 1 || e.RetryAfter != 1 {
			t.Errorf("asked for %v: %d calls, retry after %v", tt.asked, p.calls(), e.RetryAfter)
		}
		p.advance(1)
		send(t, b, "")
		if got := p.kinds(); got != "failed opened skipped taken closed" {
			t.Errorf("events: %s", got)
		}
	}
}

func TestBreakerConfiguration(t *testing.T) {
	t.Parallel()
	p := newFake()
	b := p.breaker(t, "acme")
	p.answers(delivery.Configuration)
	send(t, b, delivery.Configuration)
	e := p.events[2]
	if e.Kind != delivery.EventMisconfigured || e.Provider != "acme" || e.Message != "m0" || e.Channel != delivery.SMS || e.Region != "US" ||
		e.Err.Reason != "because" || !e.Until.Equal(start.Add(5*time.Minute)) || !e.Time.Equal(start) {
		t.Errorf("%+v", e)
	}
	send(t, b, delivery.Configuration)
	if p.calls() != 1 || p.kinds() != "failed opened misconfigured skipped" {
		t.Error("a provider that is misconfigured was asked again")
	}
}

// However many messages find out at once, one event wakes somebody; and a
// Configuration error outranks what the provider rests for already.
func TestBreakerWakesOnce(t *testing.T) {
	t.Parallel()
	for _, first := range []delivery.Kind{delivery.Configuration, delivery.Throttled, delivery.Temporary} {
		p := newFake()
		b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures = 1 })
		var answers []func(error)
		for range 10 {
			answers = append(answers, p.hold(b))
		}
		for n, answer := range answers {
			kind := delivery.Configuration
			if n == 0 {
				kind = first
			}
			answer(&delivery.Error{Kind: kind})
		}
		woken := strings.Count(p.kinds(), "misconfigured")
		if h := b.Health(); woken != 1 || h.Cause != delivery.Configuration || !h.Until.Equal(start.Add(5*time.Minute)) {
			t.Errorf("%s first: woken %d times, %+v", first, woken, h)
		}
	}
}

// Of two throttled answers the longer rest counts, whichever comes first.
func TestBreakerLongerRest(t *testing.T) {
	t.Parallel()
	for _, rests := range [][2]time.Duration{{time.Minute, time.Second}, {time.Second, time.Minute}} {
		p := newFake()
		b := p.breaker(t, "acme")
		first, second := p.hold(b), p.hold(b)
		first(&delivery.Error{Kind: delivery.Throttled, RetryAfter: rests[0]})
		second(&delivery.Error{Kind: delivery.Throttled, RetryAfter: rests[1]})
		if h := b.Health(); !h.Until.Equal(start.Add(time.Minute)) || strings.Count(p.kinds(), "opened") != 1 {
			t.Errorf("%v: %+v", rests, h)
		}
	}
}

// Failures count while they are young, and if they are half of the tries.
func TestBreakerCounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		pattern string // of answers: x fails, . is taken, r is rejected
		pace    time.Duration
		open    bool
	}{
		{"a row", "xxxxx", time.Second, true},
		{"too few", "xxxx", time.Second, false},
		{"every second", "x.x.x.x.x", time.Second, true},
		{"half", "x.x.x.x..x", time.Second, true},
		{"less than half", "x.x.x.x...x", time.Second, false},
		{"rejections are no failures", "xrxrxrxrrrx", time.Second, false},
		{"a tenth", strings.Repeat("x.........", 50), time.Second, false},
		{"a row after much that went well", strings.Repeat(".", 500) + "xxxxx", time.Second, true},
		{"just within the window", "xxxxx", 15 * time.Second, true},
		{"out of the window", strings.Repeat("x", 50), 15*time.Second + 1, false},
	} {
		p := newFake()
		b := p.breaker(t, "acme")
		for _, answer := range tt.pattern {
			kind := map[rune]delivery.Kind{'x': delivery.Temporary, 'r': delivery.Rejected}[answer]
			p.answers(kind)
			send(t, b, kind)
			p.advance(tt.pace)
		}
		if open := strings.Contains(p.kinds(), "opened"); open != tt.open {
			t.Errorf("%s: open: %t", tt.name, open)
		}
	}
}

// An answer to a message that went out before the circuit last turned neither
// opens nor closes it.
func TestBreakerLateAnswers(t *testing.T) {
	t.Parallel()
	for _, late := range []delivery.Kind{"", delivery.Temporary} {
		p := newFake()
		b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures = 1 })
		answer := p.hold(b)
		p.answers(delivery.Temporary)
		send(t, b, delivery.Temporary)
		want := delivery.CircuitOpen
		if late != "" { // let it be closed again
			p.advance(30 * time.Second)
			p.answers("")
			send(t, b, "")
			want = delivery.CircuitClosed
		}
		if late == "" {
			answer(nil)
		} else {
			answer(&delivery.Error{Kind: late})
		}
		if h := b.Health(); h.Circuit != want {
			t.Errorf("a late %q: %+v", late, h)
		}
	}
}

// A clock that is set back does not keep a provider from being asked for as
// long.
func TestBreakerClockSetBack(t *testing.T) {
	t.Parallel()
	p := newFake()
	b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures = 1 })
	p.answers(delivery.Temporary)
	send(t, b, delivery.Temporary)
	p.advance(-time.Hour)
	p.answers("")
	send(t, b, "")
}
