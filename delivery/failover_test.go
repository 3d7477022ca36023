package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

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
