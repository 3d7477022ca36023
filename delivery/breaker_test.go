package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// A fakeProvider answers what answer says, and remembers what it was asked.
type fakeProvider struct {
	mu     sync.Mutex
	answer func(ctx context.Context, m delivery.Message) error
	asked  []string // ids of the messages
	events []delivery.Event
	now    time.Time
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newFake() *fakeProvider { return &fakeProvider{now: start} }

func (p *fakeProvider) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	p.mu.Lock()
	p.asked = append(p.asked, m.ID)
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, m); err != nil {
			return delivery.Receipt{}, err
		}
	}
	return delivery.Receipt{ID: "r-" + m.ID}, nil
}

func (p *fakeProvider) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *fakeProvider) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *fakeProvider) observe(e delivery.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// answers has every following message answered with an error of this kind, ""
// for none.
func (p *fakeProvider) answers(kind delivery.Kind) {
	p.fails(&delivery.Error{Kind: kind, Reason: "because"})
}

func (p *fakeProvider) fails(e *delivery.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(context.Context, delivery.Message) error {
		if e.Kind == "" {
			return nil
		}
		return e
	}
}

// calls returns how often the provider was asked.
func (p *fakeProvider) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// kinds returns the kinds of the events since the last call.
func (p *fakeProvider) kinds() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kinds []string
	for _, e := range p.events {
		kinds = append(kinds, string(e.Kind))
	}
	p.events = nil
	return strings.Join(kinds, " ")
}

// breaker returns a Breaker on the provider and its clock.
func (p *fakeProvider) breaker(t testing.TB, name string, configure ...func(*delivery.BreakerConfig)) *delivery.Breaker {
	t.Helper()
	cfg := delivery.BreakerConfig{Name: name, Sender: p, Observe: p.observe, Now: p.Now}
	for _, f := range configure {
		f(&cfg)
	}
	b, err := delivery.NewBreaker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// note returns the n-th message of a test.
func note(n int) delivery.Message {
	code := fmt.Sprintf("9%05d", 36417+n)
	return delivery.Message{
		ID:      fmt.Sprintf("m%d", n),
		Channel: delivery.SMS,
		To:      delivery.NewAddress("+12025550162"),
		Region:  "US",
		Code:    delivery.NewSecret(code),
		Body:    delivery.NewSecret("Your code is " + code + "."),
		Locale:  "en",
		Purpose: "login",
		Expires: time.Minute,
	}
}

// send sends a message, which must be answered with an error of this kind, or
// be taken if that is "".
func send(t testing.TB, s delivery.Sender, want delivery.Kind) *delivery.Error {
	t.Helper()
	return sendCtx(t.Context(), t, s, want)
}

func sendCtx(ctx context.Context, t testing.TB, s delivery.Sender, want delivery.Kind) *delivery.Error {
	t.Helper()
	receipt, err := s.Send(ctx, note(0))
	if err == nil {
		if want != "" || receipt.Provider == "" {
			t.Fatalf("taken, %+v, want %q", receipt, want)
		}
		return nil
	}
	e, ok := err.(*delivery.Error)
	if !ok || e.Kind != want || receipt != (delivery.Receipt{}) {
		t.Fatalf("%+v, %v, want %q", receipt, err, want)
	}
	return e
}

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

// hold sends a message that is not answered before answer is called, which
// returns when it is done.
func (p *fakeProvider) hold(s delivery.Sender) (answer func(error)) {
	out, back, done := make(chan struct{}), make(chan error), make(chan struct{})
	p.mu.Lock()
	p.answer = func(context.Context, delivery.Message) error {
		close(out)
		return <-back
	}
	p.mu.Unlock()
	go func() {
		defer close(done)
		s.Send(context.Background(), note(1))
	}()
	<-out
	return func(err error) {
		back <- err
		<-done
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

// slow returns a sender that takes its time. If it knows that nothing has gone
// out when its ctx ends, it says so.
func slow(takes time.Duration, knows bool) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
			return delivery.Receipt{Provider: "slow", ID: m.ID}, nil
		case <-ctx.Done():
			if knows {
				return delivery.Receipt{}, &delivery.Error{Kind: delivery.Temporary, Reason: "dial: " + ctx.Err().Error()}
			}
			return delivery.Receipt{}, ctx.Err()
		}
	})
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

// guard, failover and route build what the tests nest, with defaults.
func guard(t testing.TB, name string, s delivery.Sender) *delivery.Breaker {
	t.Helper()
	b, err := delivery.NewBreaker(delivery.BreakerConfig{Name: name, Sender: s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func failover(t testing.TB, providers ...*delivery.Breaker) *delivery.Failover {
	t.Helper()
	f, err := delivery.NewFailover(delivery.FailoverConfig{Providers: providers})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func route(t testing.TB, rules ...delivery.Rule) *delivery.Route {
	t.Helper()
	r, err := delivery.NewRoute(delivery.RouteConfig{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
