package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// What is said when nobody takes a message.
func TestFailoverAllRefuse(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	temporary, throttled := delivery.Temporary, delivery.Throttled
	misconfigured, rejected, ambiguous := delivery.Configuration, delivery.Rejected, delivery.Ambiguous
	for _, tt := range []struct {
		kinds    []delivery.Kind
		want     delivery.Kind
		provider string
		after    time.Duration
		asked    int
	}{
		{[]delivery.Kind{temporary, temporary}, temporary, "p1", 0, 2},
		{[]delivery.Kind{temporary, throttled}, temporary, "p0", 2 * m, 2},
		{[]delivery.Kind{throttled, throttled}, throttled, "p1", 1 * m, 2},
		{[]delivery.Kind{throttled, misconfigured}, throttled, "p0", 1 * m, 2},
		{[]delivery.Kind{misconfigured, misconfigured}, misconfigured, "p1", 5 * m, 2},
		{[]delivery.Kind{misconfigured, temporary, throttled}, temporary, "p1", 3 * m, 3},
		{[]delivery.Kind{throttled, rejected, temporary}, rejected, "p1", 0, 2},
		{[]delivery.Kind{throttled, ambiguous, temporary}, ambiguous, "p1", 0, 2},
	} {
		var providers []*delivery.Breaker
		var fakes []*fakeProvider
		for i, kind := range tt.kinds {
			p := newFake()
			after := time.Duration(0)
			if kind == throttled {
				after = time.Duration(i+1) * m
			}
			p.fails(&delivery.Error{Kind: kind, Reason: fmt.Sprintf("reason %d", i), RetryAfter: after})
			fakes, providers = append(fakes, p), append(providers, p.breaker(t, fmt.Sprintf("p%d", i)))
		}
		e := send(t, failover(t, providers...), tt.want)
		tries := e.Tries()
		if e.Provider != tt.provider || e.RetryAfter != tt.after || len(tries) != tt.asked {
			t.Errorf("%q: %+v", tt.kinds, e)
		}
		for i, p := range fakes {
			if asked := p.calls() == 1; asked != (i < tt.asked) {
				t.Errorf("%q: provider %d was asked: %t", tt.kinds, i, asked)
			}
			if i >= tt.asked {
				continue
			}
			if tries[i].Kind != tt.kinds[i] || tries[i].Provider != fmt.Sprintf("p%d", i) || tries[i].Reason != fmt.Sprintf("reason %d", i) {
				t.Errorf("%q: try %d is %+v", tt.kinds, i, tries[i])
			}
			if !strings.Contains(e.Error(), fmt.Sprintf("reason %d", i)) {
				t.Errorf("%q: %v has no reason %d", tt.kinds, e, i)
			}
		}
	}
}

// A Failover in a Failover is one list of providers to whoever reads the error.
func TestFailoverNested(t *testing.T) {
	t.Parallel()
	p := newFake()
	p.answers(delivery.Temporary)
	inner := failover(t, p.breaker(t, "a"), p.breaker(t, "b"))
	tries := send(t, failover(t, guard(t, "group", inner), p.breaker(t, "c")), delivery.Temporary).Tries()
	if len(tries) != 3 || tries[0].Provider != "a" || tries[1].Provider != "b" || tries[2].Provider != "c" {
		t.Errorf("%+v", tries)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	one := &delivery.Error{Kind: delivery.Rejected, Provider: "whatsapp", Reason: "not there", RetryAfter: 1}
	two := &delivery.Error{Kind: delivery.Temporary, Provider: "sms", Reason: "503", RetryAfter: time.Second}
	if e := delivery.Join(); e != nil {
		t.Errorf("Join of nothing is %v", e)
	}
	if e := delivery.Join(nil, one, nil); *e != *one || e == one {
		t.Errorf("Join of one is %+v", e)
	}
	e := delivery.Join(one, two)
	if e.Kind != delivery.Temporary || e.RetryAfter != time.Second || e.Error() != "delivery: temporary: sms: 503; also whatsapp: rejected: not there" {
		t.Errorf("%v, %+v", e, e)
	}
	if again := delivery.Join(e, one).Tries(); len(again) != 3 || again[0] != *one || again[1] != *two || again[2] != *one {
		t.Errorf("%+v", again)
	}
	e.Tries()[0].Reason = "changed"
	if e.Tries()[0].Reason != "not there" {
		t.Error("Tries hands out its own list")
	}
	if e := delivery.Join(&delivery.Error{Kind: delivery.Temporary}, &delivery.Error{Kind: delivery.Throttled}); e.Error() != "delivery: temporary: throttled: " {
		t.Errorf("%q", e.Error())
	}
}

// Of many long reasons each keeps its share, and no character is cut in two.
func TestJoinShares(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 10, 100} {
		var tries []*delivery.Error
		for i := range n {
			tries = append(tries, &delivery.Error{Kind: delivery.Throttled, Provider: fmt.Sprintf("p%03d", i), Reason: strings.Repeat("né", 256)})
		}
		e := delivery.Join(tries...)
		if len(e.Reason) > 512 || !utf8.ValidString(e.Reason) || len(e.Tries()) != n {
			t.Errorf("%d tries: %d bytes, valid: %t", n, len(e.Reason), utf8.ValidString(e.Reason))
		}
		if n <= 10 {
			for i := range n - 1 {
				if !strings.Contains(e.Reason, fmt.Sprintf("p%03d: throttled: n", i)) {
					t.Errorf("%d tries: the reason of %d is lost: %q", n, i, e.Reason)
				}
			}
		}
	}
}

// Whatever is joined, nothing of the message is left in any part of it once
// AsError has seen it.
func TestAsErrorScrubsTries(t *testing.T) {
	t.Parallel()
	m := note(0)
	dirty := "to " + m.To.Reveal() + ": " + m.Body.Reveal()
	joined := delivery.Join(&delivery.Error{Kind: "made up", Reason: dirty, Provider: dirty, RetryAfter: -1}, &delivery.Error{Kind: delivery.Temporary, Reason: dirty})
	e := delivery.AsError(fmt.Errorf("wrapped: %w", joined), m)
	tries := e.Tries()
	if len(tries) != 2 || tries[0].Kind != delivery.Ambiguous || tries[0].RetryAfter != 0 || tries[1].Kind != delivery.Temporary {
		t.Errorf("%+v", tries)
	}
	noSecrets(t, fmt.Sprintf("%+v %#v %+v", e, *e, tries), m)
	if joined.Tries()[0].Reason != dirty {
		t.Error("AsError changed the sender's own value")
	}
}

func noSecrets(t testing.TB, text string, m delivery.Message) {
	t.Helper()
	for _, secret := range []string{m.Code.Reveal(), m.To.Reveal(), strings.TrimPrefix(m.To.Reveal(), "+")} {
		if strings.Contains(text, secret) {
			t.Fatalf("%q is shown: %s", secret, text)
		}
	}
}

// Nothing that stands between senders shows a code or an address, in whatever
// way it is printed, even where the provider echoes them.
func TestBetweenLeaksNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	show := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			encoded, _ := json.Marshal(v)
			out.Write(encoded)
		}
	}
	p := newFake()
	first := p.breaker(t, "first", func(c *delivery.BreakerConfig) { c.Idempotent = true })
	second := p.breaker(t, "second", func(c *delivery.BreakerConfig) { c.Failures = 1 })
	r, err := delivery.NewRoute(delivery.RouteConfig{Observe: p.observe, Rules: []delivery.Rule{
		{Regions: []string{"US"}, Sender: failover(t, first, second)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 60 {
		m := note(0)
		p.answer = func(_ context.Context, m delivery.Message) error {
			echo := "no: " + m.To.Reveal() + " " + m.Body.Reveal()
			switch kinds := []delivery.Kind{delivery.Temporary, delivery.Throttled, delivery.Rejected, delivery.Configuration, delivery.Ambiguous}; n % 8 {
			case 5:
				panic(echo)
			case 6:
				return errors.New(echo)
			case 7:
				return nil
			default:
				return fmt.Errorf("wrapped: %w", &delivery.Error{Kind: kinds[n%8], Reason: echo, Provider: m.To.Reveal()})
			}
		}
		if n%7 == 0 {
			m.Region, m.Purpose = "SE", "for "+m.To.Reveal()
		}
		_, err := r.Send(t.Context(), m)
		show(err, first.Health(), second.Health(), r)
		if e, ok := err.(*delivery.Error); ok {
			show(e.Tries())
		}
		p.advance(20 * time.Second)
	}
	for _, e := range p.events {
		show(e, &e)
		show(e.Err)
	}
	for _, kind := range []string{"taken", "failed", "skipped", "opened", "closed", "misconfigured", "[redacted]", "panicked"} {
		if !strings.Contains(out.String(), kind) {
			t.Errorf("nothing %s was looked at", kind)
		}
	}
	noSecrets(t, out.String(), note(0))
}
