package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// spends limits a channel, and lets SMS reach every country.
func spends(channel delivery.Channel, s policy.Spend) func(*engine.Config) {
	return func(c *engine.Config) {
		changed := c.Channels[channel]
		changed.Spend = s
		c.Channels[channel] = changed
		c.Policy.Countries = map[string]policy.Rule{}
	}
}

// text starts a challenge by SMS for the n-th number.
func (b *bench) text(to string, want error) *engine.Error {
	b.t.Helper()
	_, err := b.Engine.Start(b.t.Context(), engine.Request{Channel: delivery.SMS, To: to})
	return b.check("Start", err, want)
}

func TestSpendPerDay(t *testing.T) {
	t.Parallel()
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 3}))
	b.advance(time.Minute)
	for n := range 3 {
		b.text(number(n), nil)
	}
	b.kinds()
	for range 2 {
		e := b.text("+46701234567", engine.ErrLimited)
		if e.RetryAfter != 12*time.Hour-time.Minute || !errors.Is(e, policy.ErrSpent) || !strings.Contains(e.Error(), "3 by sms") {
			t.Errorf("%v, retry after %v", e, e.RetryAfter)
		}
	}
	if e := b.events[0]; e.Kind != engine.EventLimited || !errors.Is(e.Err, policy.ErrSpent) || e.Channel != delivery.SMS || e.Region != "SE" || b.sent() != 3 {
		t.Errorf("%+v after %d messages", e, b.sent())
	}
	// Other channels have budgets of their own, if any.
	for n := range 5 {
		b.start(engine.Request{Channel: delivery.WhatsApp, To: number(n)})
	}
	b.advance(12*time.Hour - time.Minute - 1)
	b.text(number(9), engine.ErrLimited)
	b.advance(1)
	b.text(number(9), nil)
}

func TestSpendPerRegion(t *testing.T) {
	t.Parallel()
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 6, PerRegion: 2, Regions: map[policy.Region]int{"US": 5}}))
	for range 2 {
		b.text("+46701234567", nil)
	}
	if e := b.text("+46701234567", engine.ErrLimited); !strings.Contains(e.Error(), "2 by sms to SE") {
		t.Error(e)
	}
	for n := range 4 {
		b.text(number(n), nil)
	}
	if e := b.text(number(5), engine.ErrLimited); !strings.Contains(e.Error(), "6 by sms") {
		t.Error(e)
	}
	mail := newBench(t, spends(delivery.Email, policy.Spend{PerDay: 2, PerRegion: 1}))
	for range 2 {
		mail.start(engine.Request{Channel: delivery.Email, To: "ada@example.com"})
	}
	_, err := mail.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: "ada@example.com"})
	mail.check("Start", err, engine.ErrLimited)
}

// What a provider refused costs nothing and is given back; what it may have
// taken is not. The sends of the address count either way.
func TestSpendIsGivenBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind  delivery.Kind
		given bool
	}{
		{"", false},
		{delivery.Ambiguous, false},
		{delivery.Temporary, true},
		{delivery.Throttled, true},
		{delivery.Rejected, true},
		{delivery.Configuration, true},
	} {
		b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 1, PerRegion: 1}))
		if tt.kind != "" {
			b.fail = refuse(delivery.SMS, tt.kind)
		}
		for range 5 {
			b.Engine.Start(t.Context(), someone)
		}
		b.fail = nil
		_, err := b.Engine.Start(t.Context(), someone)
		if e := b.check("sixth Start", err, engine.ErrLimited); tt.given && errors.Is(e, policy.ErrSpent) {
			t.Errorf("%q: %v", tt.kind, e)
		}
		want := error(engine.ErrLimited)
		if tt.given {
			want = nil
		}
		b.text(number(7), want)
	}
}

// What was refused leaves nothing behind, neither in the day nor in the region.
func TestSpendRefusedIsNotCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 1, PerRegion: 1}))
	b.fail = func(context.Context, delivery.Message) error {
		for range 3 { // while the one message of the day is out
			b.text("+46701234567", engine.ErrLimited)
		}
		return &delivery.Error{Kind: delivery.Temporary}
	}
	b.text(number(1), engine.ErrDelivery)
	b.fail = nil
	b.text("+46701234567", nil)
}

// A send that the address's own budget refuses costs nothing either.
func TestSpendAfterTheAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 6}))
	for range 5 {
		b.text(number(1), nil)
	}
	for range 10 {
		if e := b.text(number(1), engine.ErrLimited); errors.Is(e, policy.ErrSpent) {
			t.Fatal(e)
		}
	}
	b.text(number(2), nil)
	b.text(number(3), engine.ErrLimited)
}

// A message that falls back is spent on the channel by which it goes, and that
// channel's limit holds.
func TestSpendOfFallback(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback, spends(delivery.SMS, policy.Spend{PerDay: 2}), spends(delivery.WhatsApp, policy.Spend{PerDay: 4}))
	b.fail = refuse(delivery.WhatsApp, delivery.Rejected)
	text := func(n int) engine.Request { return engine.Request{Channel: delivery.WhatsApp, To: number(n)} }
	b.start(text(1))
	b.start(text(2))
	b.kinds()
	_, err := b.Engine.Start(t.Context(), text(3))
	if e := b.check("Start", err, engine.ErrLimited); !errors.Is(e, policy.ErrSpent) {
		t.Error(e)
	}
	if got := b.kinds(); got != "started limited delivery_failed" {
		t.Errorf("events: %s", got)
	}
	_, err = b.Engine.VerifyAddress(t.Context(), text(3), b.last().Code.Reveal())
	b.check("VerifyAddress", err, engine.ErrUsed)

	// Nothing is left of the rejected ones on the first channel.
	b.fail = nil
	var challenge engine.Challenge
	for n := range 4 {
		challenge, _ = b.start(text(10 + n))
	}
	_, err = b.Engine.Start(t.Context(), text(20))
	b.check("Start", err, engine.ErrLimited)
	_, err = b.Engine.Fallback(t.Context(), challenge, nil)
	if e := b.check("Fallback", err, engine.ErrLimited); !errors.Is(e, policy.ErrSpent) {
		t.Error(e)
	}
	b.verify(challenge.ID, b.last().Code.Reveal(), nil)

	// A fallback that does not happen, or is not taken, is given back.
	b = newBench(t, withFallback, spends(delivery.SMS, policy.Spend{PerDay: 1}))
	challenge, code := b.start(text(1))
	b.fail = refuse(delivery.SMS, delivery.Temporary)
	_, err = b.Engine.Fallback(t.Context(), challenge, nil)
	b.check("Fallback", err, engine.ErrDelivery)
	b.fail = nil
	b.verify(challenge.ID, code, nil)
	_, err = b.Engine.Fallback(t.Context(), challenge, nil)
	b.check("Fallback", err, engine.ErrUsed)
	b.text(number(5), nil)
	b.text(number(6), engine.ErrLimited)
}

func TestSpendRace(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, old *bench) {
		b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 30, PerRegion: 20}), func(c *engine.Config) { c.Store = old.Store })
		var sent, limited atomic.Int32
		race(100, func(n int) {
			_, err := b.Engine.Start(t.Context(), engine.Request{Channel: delivery.SMS, To: number(n)})
			if err == nil {
				sent.Add(1)
			} else if errors.Is(err, policy.ErrSpent) {
				limited.Add(1)
			}
		})
		// Those that were over may have kept others out, but only for a moment.
		if sent.Load() > 20 || sent.Load()+limited.Load() != 100 || b.sent() != int(sent.Load()) {
			t.Fatalf("%d sent, %d limited, %d messages", sent.Load(), limited.Load(), b.sent())
		}
		for n := int(sent.Load()); n < 20; n++ {
			b.text(number(1000+n), nil)
		}
		b.text(number(2000), engine.ErrLimited)
	})
}

// A counter that cannot be read refuses; nothing is sent, and what was counted
// is given back where it can be.
func TestSpendStoreFails(t *testing.T) {
	t.Parallel()
	for _, failing := range []int{1, 2} {
		plain, plan := faultyBench(t)
		b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 1, PerRegion: 1}), func(c *engine.Config) { c.Store = plain.Store })
		adds := 0
		f := func(call storetest.Call) storetest.Fault {
			if call.Op == storetest.Add {
				if adds++; adds == failing {
					return storetest.Before
				}
			}
			return storetest.None
		}
		plan.Store(&f)
		b.text(number(1), engine.ErrUnavailable)
		if b.sent() != 0 {
			t.Error("something was sent")
		}
		plan.Store(nil)
		b.text(number(1), nil)
	}
}

// A record that cannot be stored gives back what was spent; the context of the
// caller need not live for that.
func TestSpendIsGivenBackByWhoGoes(t *testing.T) {
	t.Parallel()
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 1}))
	ctx, cancel := context.WithCancel(t.Context())
	b.fail = func(context.Context, delivery.Message) error {
		cancel()
		return &delivery.Error{Kind: delivery.Temporary}
	}
	_, err := b.Engine.Start(ctx, someone)
	b.check("Start", err, engine.ErrDelivery)
	b.fail = nil
	b.text(number(1), nil)

	plain, plan := faultyBench(t)
	b = newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 1}), func(c *engine.Config) { c.Store = plain.Store })
	plan.Store(failOn(storetest.CompareAndSwap, storetest.Before))
	b.text(number(1), engine.ErrUnavailable)
	plan.Store(nil)
	b.text(number(1), nil)
}

// The store is told no region and no channel, and engines with other keys
// count for themselves.
func TestSpendKeys(t *testing.T) {
	t.Parallel()
	keys := new(keysSeen)
	b := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 9, PerRegion: 9}), func(c *engine.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		keys.Store = memory
		c.Store = keys
	})
	b.text(number(1), nil)
	b.text("+46701234567", nil)
	b.advance(policy.Day)
	b.text(number(1), nil)
	if len(keys.all) != 6 || keys.all[0] == keys.all[1] || keys.all[1] != keys.all[3] || keys.all[0] == keys.all[2] || keys.all[0] == keys.all[4] || keys.all[1] == keys.all[5] {
		t.Errorf("%q", keys.all)
	}
	other := newBench(t, spends(delivery.SMS, policy.Spend{PerDay: 9}), func(c *engine.Config) {
		c.Store, c.Keys.Index = keys, testKey(0, 'j')
	})
	other.text(number(1), nil)
	seen := make(map[string]bool)
	for _, key := range keys.all[:6] {
		seen[key] = true
		if len(key) != 24 || !strings.HasPrefix(key, "s.") || store.CheckKey(key) != nil || strings.Contains(key, "sms") {
			t.Errorf("key %q", key)
		}
	}
	if seen[keys.all[6]] {
		t.Error("engines with different keys share a counter")
	}
	for _, expires := range keys.expires[:4] {
		if expires.Before(start.Add(12 * time.Hour)) {
			t.Errorf("a counter may be dropped at %v, within its day", expires)
		}
	}
}

// keysSeen remembers the counters that a store is asked for.
type keysSeen struct {
	store.Store
	mu      sync.Mutex
	all     []string
	expires []time.Time
}

func (k *keysSeen) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	k.mu.Lock()
	k.all, k.expires = append(k.all, key), append(k.expires, expires)
	k.mu.Unlock()
	return k.Store.Add(ctx, key, delta, expires)
}

func TestNewRefusesSpend(t *testing.T) {
	t.Parallel()
	cfg := newBench(t, spends(delivery.SMS, policy.Spend{})).Config
	spends(delivery.SMS, policy.Spend{PerDay: -1})(&cfg)
	if _, err := engine.New(cfg); !errors.Is(err, policy.ErrPolicy) || !strings.Contains(err.Error(), `channel "sms": Spend: `) {
		t.Errorf("New = %v", err)
	}
	regions := map[policy.Region]int{"US": 1}
	b := newBench(t, spends(delivery.SMS, policy.Spend{Regions: regions}))
	regions["US"] = 5
	b.text(number(1), nil)
	b.text(number(2), engine.ErrLimited)
}
