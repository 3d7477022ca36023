package delivery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// A caller who goes away says nothing of the provider, whatever its sender
// makes of it.
func TestBreakerCallerGone(t *testing.T) {
	t.Parallel()
	p := newFake()
	b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Failures, c.Idempotent = 1, true })
	for _, answer := range []error{context.Canceled, &delivery.Error{Kind: delivery.Temporary}} {
		ctx, cancel := context.WithCancel(t.Context())
		p.answer = func(context.Context, delivery.Message) error {
			cancel()
			return answer
		}
		if _, err := b.Send(ctx, note(0)); err == nil {
			t.Error("taken")
		}
	}
	if h := b.Health(); h.Circuit != delivery.CircuitClosed || h.Failures != 0 {
		t.Errorf("%+v", h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := sendCtx(ctx, t, b, delivery.Temporary); p.calls() != 2 || e.Reason != "not asked: context canceled" {
		t.Errorf("%v after %d calls", e, p.calls())
	}
	// A probe that is cut short leaves the place to the next.
	p.answers(delivery.Temporary)
	send(t, b, delivery.Temporary)
	p.advance(30 * time.Second)
	ctx, cancel = context.WithCancel(t.Context())
	p.answer = func(context.Context, delivery.Message) error {
		cancel()
		return context.Canceled
	}
	sendCtx(ctx, t, b, delivery.Ambiguous)
	p.answers("")
	send(t, b, "")
}

func TestBreakerTimeout(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, err := delivery.NewBreaker(delivery.BreakerConfig{Name: "acme", Sender: slow(30*time.Second, knows)})
			if err != nil {
				t.Fatal(err)
			}
			want := delivery.Ambiguous
			if knows {
				want = delivery.Temporary
			}
			began := time.Now()
			send(t, b, want)
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("a try took %v", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began = time.Now()
			sendCtx(ctx, t, b, want)
			if took := time.Since(began); took != time.Second {
				t.Errorf("a try with a second left took %v", took)
			}
		})
	}
}

// A provider that takes an idempotency key is asked a second time, with the
// same one, and only after an Ambiguous try.
func TestBreakerIdempotent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		first, second, want delivery.Kind
		asked               int
		events              string
	}{
		{"", "", "", 1, "taken"},
		{delivery.Temporary, "", delivery.Temporary, 1, "failed"},
		{delivery.Rejected, "", delivery.Rejected, 1, "failed"},
		{delivery.Ambiguous, "", "", 2, "failed taken"},
		{delivery.Ambiguous, delivery.Rejected, delivery.Rejected, 2, "failed failed"},
		{delivery.Ambiguous, delivery.Ambiguous, delivery.Ambiguous, 2, "failed failed"},
		// These say nothing of the first.
		{delivery.Ambiguous, delivery.Temporary, delivery.Ambiguous, 2, "failed failed"},
		{delivery.Ambiguous, delivery.Throttled, delivery.Ambiguous, 2, "failed failed opened"},
		{delivery.Ambiguous, delivery.Configuration, delivery.Ambiguous, 2, "failed failed opened misconfigured"},
	} {
		p := newFake()
		b := p.breaker(t, "acme", func(c *delivery.BreakerConfig) { c.Idempotent = true })
		p.answer = func(context.Context, delivery.Message) error {
			kind := tt.first
			if p.calls() == 2 {
				kind = tt.second
			}
			if kind == "" {
				return nil
			}
			return &delivery.Error{Kind: kind}
		}
		send(t, b, tt.want)
		if p.calls() != tt.asked || p.asked[0] != p.asked[len(p.asked)-1] {
			t.Errorf("%q, then %q: asked %q", tt.first, tt.second, p.asked)
		}
		if got := p.kinds(); got != tt.events {
			t.Errorf("%q, then %q: events %s", tt.first, tt.second, got)
		}
	}
	p := newFake()
	p.answers(delivery.Ambiguous)
	send(t, p.breaker(t, "acme"), delivery.Ambiguous)
	if p.calls() != 1 {
		t.Error("a provider without idempotency keys was asked twice")
	}
}

func TestBreakerPanic(t *testing.T) {
	t.Parallel()
	p := newFake()
	b := p.breaker(t, "acme")
	for _, value := range []any{"no " + note(0).Body.Reveal(), errors.New("to +1 202 555 0162"), note(0), nil, 7} {
		p.answer = func(context.Context, delivery.Message) error { panic(value) }
		e := send(t, b, delivery.Ambiguous)
		if !strings.HasPrefix(e.Reason, "the sender panicked: ") || strings.Contains(e.Reason, "936417") || strings.Contains(e.Reason, "555") {
			t.Errorf("%+v", e)
		}
	}
	if h := b.Health(); h.Circuit != delivery.CircuitOpen {
		t.Errorf("%+v", h)
	}
}

func TestNewBreakerRefuses(t *testing.T) {
	t.Parallel()
	good := delivery.BreakerConfig{Name: "acme", Sender: newFake()}
	if _, err := delivery.NewBreaker(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*delivery.BreakerConfig){
		"BreakerConfig.Name has":                            func(c *delivery.BreakerConfig) { c.Name = "" },
		"BreakerConfig.Name has to":                         func(c *delivery.BreakerConfig) { c.Name = "a\nb" },
		"BreakerConfig.Name has to have":                    func(c *delivery.BreakerConfig) { c.Name = strings.Repeat("a", 65) },
		`BreakerConfig.Sender of "acme" is missing`:         func(c *delivery.BreakerConfig) { c.Sender = nil },
		`BreakerConfig.Sender of "acme"`:                    func(c *delivery.BreakerConfig) { c.Sender = (*fakeProvider)(nil) },
		`BreakerConfig.Sender of`:                           func(c *delivery.BreakerConfig) { c.Sender = delivery.SenderFunc(nil) },
		`BreakerConfig.Timeout of "acme" is negative`:       func(c *delivery.BreakerConfig) { c.Timeout = -1 },
		`BreakerConfig.Window of "acme" is negative`:        func(c *delivery.BreakerConfig) { c.Window = -1 },
		`BreakerConfig.Rest of "acme" is negative`:          func(c *delivery.BreakerConfig) { c.Rest = -1 },
		`BreakerConfig.MaxRest of "acme" is less than Rest`: func(c *delivery.BreakerConfig) { c.MaxRest = time.Second },
		`BreakerConfig.Failures of "acme" is outside`:       func(c *delivery.BreakerConfig) { c.Failures = -1 },
		`BreakerConfig.Failures of`:                         func(c *delivery.BreakerConfig) { c.Failures = 1001 },
	} {
		cfg := good
		change(&cfg)
		b, err := delivery.NewBreaker(cfg)
		if b != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewBreaker = %v, %v; want %q", b, err, want)
		}
	}
	long := good
	long.Rest = time.Hour
	if _, err := delivery.NewBreaker(long); err != nil {
		t.Errorf("a rest above the default of MaxRest: %v", err)
	}
}

// What stands between senders is a sender, by the rules of all.
func TestBetweenConforms(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(t *testing.T, s delivery.Sender) delivery.Sender{
		"Breaker": func(t *testing.T, s delivery.Sender) delivery.Sender { return guard(t, "acme", s) },
		"Failover": func(t *testing.T, s delivery.Sender) delivery.Sender {
			return failover(t, guard(t, "acme", s), guard(t, "other", s))
		},
		"Route": func(t *testing.T, s delivery.Sender) delivery.Sender {
			return route(t, delivery.Rule{Channels: []delivery.Channel{delivery.SMS}, Sender: s})
		},
		"all": func(t *testing.T, s delivery.Sender) delivery.Sender {
			inner := failover(t, guard(t, "acme", s))
			return route(t, delivery.Rule{Split: []delivery.Share{{Sender: failover(t, guard(t, "group", inner)), Weight: 1}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, delivery.SMS, func(t *testing.T) deliverytest.Fixture {
				inbox := deliverytest.New()
				broken := false
				s := wrap(t, delivery.SenderFunc(func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
					if broken {
						return delivery.Receipt{}, &delivery.Error{Kind: delivery.Temporary, Reason: "not " + m.Body.Reveal() + " to " + m.To.Reveal()}
					}
					return inbox.Send(ctx, m)
				}))
				return deliverytest.Fixture{
					Sender: guard(t, "outer", s), // so that a Route's sender echoes nothing
					Sent: func() (sent []string) {
						for _, m := range inbox.All() {
							sent = append(sent, m.Body.Reveal())
						}
						return sent
					},
					Break: func() { broken = true },
				}
			})
		})
	}
}
