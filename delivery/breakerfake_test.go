package delivery_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
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
