package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// The table of what is done with each kind of answer of the first provider.
func TestFailoverByKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		first  delivery.Kind
		want   delivery.Kind // of the whole
		asked  bool          // the second provider was
		events string        // of the first
	}{
		{"", "", false, "taken"},
		{delivery.Temporary, "", true, "failed"},
		{delivery.Throttled, "", true, "failed opened"},
		{delivery.Configuration, "", true, "failed opened misconfigured"},
		{delivery.Rejected, delivery.Rejected, false, "failed"},
		{delivery.Ambiguous, delivery.Ambiguous, false, "failed"},
	} {
		first, second := newFake(), newFake()
		f := failover(t, first.breaker(t, "first"), second.breaker(t, "second"))
		first.answers(tt.first)
		e := send(t, f, tt.want)
		if asked := second.calls() == 1; asked != tt.asked || first.calls() != 1 {
			t.Errorf("%q: the second was asked: %t", tt.first, asked)
		}
		if got := first.kinds(); got != tt.events {
			t.Errorf("%q: events %s", tt.first, got)
		}
		if e != nil && (e.Provider != "first" || e.Reason != "because" || len(e.Tries()) != 1) {
			t.Errorf("%q: %+v", tt.first, e)
		}
	}
}

// A provider that rests is passed over, and comes back.
func TestFailoverPassesOver(t *testing.T) {
	t.Parallel()
	first, second := newFake(), newFake()
	f := failover(t, first.breaker(t, "first"), second.breaker(t, "second"))
	first.fails(&delivery.Error{Kind: delivery.Throttled, RetryAfter: time.Minute})
	for range 10 {
		send(t, f, "")
	}
	if first.calls() != 1 || second.calls() != 10 {
		t.Errorf("%d and %d calls", first.calls(), second.calls())
	}
	second.answers(delivery.Rejected)
	e := send(t, f, delivery.Rejected)
	if tries := e.Tries(); len(tries) != 2 || !strings.HasPrefix(tries[0].Reason, "circuit open until 2026-03-01T12:01:00Z") || e.RetryAfter != 0 {
		t.Errorf("%+v", tries)
	}
	first.answers("")
	first.advance(time.Minute)
	send(t, f, "")
	if second.calls() != 11 {
		t.Error("the first provider does not come back")
	}
}

// However slow one of two providers is, a message is held no longer than the
// deadline of a try, or the overall one; and a slow one is left alone soon.
func TestFailoverSlowProvider(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			good := newFake()
			f := failover(t, guard(t, "slow", slow(30*time.Second, knows)), guard(t, "good", good))
			for n := range 10 {
				began := time.Now()
				_, err := f.Send(t.Context(), note(n))
				took := time.Since(began)
				asked := good.calls() == n+1
				switch {
				case n < 5 && !knows: // it may have gone out
					if !errors.Is(err, delivery.ErrAmbiguous) || took != 5*time.Second || good.calls() != 0 {
						t.Errorf("message %d: %v after %v", n, err, took)
					}
				case n < 5:
					if err != nil || took != 5*time.Second || !asked {
						t.Errorf("message %d: %v after %v", n, err, took)
					}
				default: // the circuit is open
					if err != nil || took != 0 {
						t.Errorf("message %d: %v after %v", n, err, took)
					}
				}
			}
		})
	}
}

func TestFailoverDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var providers []*delivery.Breaker
		for n := range 4 {
			providers = append(providers, guard(t, fmt.Sprintf("slow%d", n), slow(30*time.Second, true)))
		}
		f := failover(t, providers...)
		began := time.Now()
		e := send(t, f, delivery.Temporary)
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("held for %v", took)
		}
		if tries := e.Tries(); len(tries) != 4 || !strings.HasPrefix(tries[2].Reason, "dial") || tries[3].Reason != "not asked: no time left" {
			t.Errorf("%+v", tries)
		}
		// A second try of a provider with idempotency keys is within it too.
		var tries atomic.Int32
		counted := delivery.SenderFunc(func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
			tries.Add(1)
			return slow(30*time.Second, false).Send(ctx, m)
		})
		twice, err := delivery.NewBreaker(delivery.BreakerConfig{Name: "twice", Sender: counted, Timeout: 8 * time.Second, Idempotent: true})
		if err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		send(t, failover(t, twice), delivery.Ambiguous)
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("held for %v", took)
		}
		tight, err := delivery.NewFailover(delivery.FailoverConfig{Providers: []*delivery.Breaker{twice}, Timeout: 8 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		asked := tries.Load()
		send(t, tight, delivery.Ambiguous)
		if tries.Load() != asked+1 {
			t.Error("a second try was made with no time left for it")
		}
		began = time.Now()
		send(t, twice, delivery.Ambiguous)
		if took := time.Since(began); took != 16*time.Second {
			t.Errorf("two tries took %v", took)
		}
		// And so is the caller's deadline.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		good := newFake()
		e = sendCtx(ctx, t, failover(t, guard(t, "a", slow(30*time.Second, true)), guard(t, "b", good)), delivery.Temporary)
		if took := time.Since(began); took != time.Second || good.calls() != 0 || len(e.Tries()) != 2 {
			t.Errorf("%v after %v", e, took)
		}
	})
}

// Thousands of messages through a provider of which a tenth goes wrong, in
// every way that there is: each is delivered once, or refused with a reason;
// none twice.
func TestFailoverDeliversOnce(t *testing.T) {
	t.Parallel()
	const messages, senders = 10_000, 8
	var mu sync.Mutex
	delivered := make(map[string]int)
	arrives := func(m delivery.Message) {
		mu.Lock()
		defer mu.Unlock()
		delivered[m.ID]++
	}
	clock := newFake()
	flaky := func(seed uint64) delivery.SenderFunc {
		var mu sync.Mutex
		r := rand.New(rand.NewPCG(seed, 1))
		return func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
			mu.Lock()
			n, way := r.IntN(10), r.IntN(60)
			mu.Unlock()
			if n > 0 {
				arrives(m)
				return delivery.Receipt{Provider: "flaky", ID: m.ID}, nil
			}
			switch {
			case way < 20:
				return delivery.Receipt{}, &delivery.Error{Kind: delivery.Temporary, Reason: "503"}
			case way < 25:
				return delivery.Receipt{}, &delivery.Error{Kind: delivery.Throttled, RetryAfter: 50 * time.Millisecond}
			case way < 35:
				return delivery.Receipt{}, &delivery.Error{Kind: delivery.Rejected, Reason: "no such number"}
			case way < 45: // it went out, and nobody hears of it
				arrives(m)
				return delivery.Receipt{}, context.DeadlineExceeded
			case way < 50:
				return delivery.Receipt{}, errors.New("connection reset")
			case way < 55:
				arrives(m)
				panic("bug")
			case way < 59:
				panic("another bug")
			}
			return delivery.Receipt{}, &delivery.Error{Kind: delivery.Configuration, Reason: "401"}
		}
	}
	breaker := func(name string, s delivery.Sender) *delivery.Breaker {
		b, err := delivery.NewBreaker(delivery.BreakerConfig{Name: name, Sender: s, Now: clock.Now, Rest: 50 * time.Millisecond, MaxRest: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := route(t, delivery.Rule{Split: []delivery.Share{
		{Sender: failover(t, breaker("a", flaky(1)), breaker("b", flaky(2))), Weight: 1},
		{Sender: failover(t, breaker("c", flaky(3)), breaker("d", flaky(4))), Weight: 1},
	}})
	outcomes := make([]error, messages)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := s; n < messages; n += senders {
				clock.advance(time.Millisecond)
				_, outcomes[n] = r.Send(t.Context(), note(n))
			}
		})
	}
	wg.Wait()

	tally := make(map[delivery.Kind]int)
	for n, err := range outcomes {
		times := delivered[note(n).ID]
		if err == nil {
			tally[""]++
			if times != 1 {
				t.Fatalf("message %d was taken, and delivered %d times", n, times)
			}
			continue
		}
		var e *delivery.Error
		if !errors.As(err, &e) || e.Provider == "" || len(e.Tries()) == 0 || e.Kind != delivery.Throttled && e.Reason == "" {
			t.Fatalf("message %d was refused without a reason: %#v", n, err)
		}
		tally[e.Kind]++
		if times > 1 || times == 1 && e.Kind != delivery.Ambiguous {
			t.Fatalf("message %d: %v, and it was delivered %d times", n, err, times)
		}
	}
	t.Logf("outcomes: %v", tally)
	if tally[""] < messages*85/100 || tally[delivery.Rejected] == 0 || tally[delivery.Ambiguous] == 0 {
		t.Errorf("outcomes: %v", tally)
	}
}

func TestNewFailoverRefuses(t *testing.T) {
	t.Parallel()
	a := guard(t, "a", newFake())
	for want, cfg := range map[string]delivery.FailoverConfig{
		"FailoverConfig.Providers is empty":                             {},
		"FailoverConfig.Providers[1] is missing":                        {Providers: []*delivery.Breaker{a, nil}},
		`FailoverConfig.Providers[1] has the name of Providers[0], "a"`: {Providers: []*delivery.Breaker{a, a}},
		`FailoverConfig.Providers[2] has the name of Providers[0], "a"`: {Providers: []*delivery.Breaker{a, guard(t, "b", newFake()), guard(t, "a", newFake())}},
		"FailoverConfig.Timeout is negative":                            {Providers: []*delivery.Breaker{a}, Timeout: -1},
	} {
		f, err := delivery.NewFailover(cfg)
		if f != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewFailover = %v, %v; want %q", f, err, want)
		}
	}
	providers := []*delivery.Breaker{a}
	f := failover(t, providers...)
	providers[0] = nil
	send(t, f, "")
}
