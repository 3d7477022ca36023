package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store/storetest"
)

// If the fallback's provider refuses too, one error has both answers.
func TestBothChannelsRefuse(t *testing.T) {
	t.Parallel()
	for second, want := range map[delivery.Kind]error{
		delivery.Temporary:     delivery.ErrTemporary,
		delivery.Throttled:     delivery.ErrThrottled,
		delivery.Rejected:      delivery.ErrRejected,
		delivery.Configuration: delivery.ErrConfiguration,
	} {
		b := newBench(t, withFallback)
		b.fail = func(ctx context.Context, m delivery.Message) error {
			if m.Channel == delivery.SMS {
				return refuse(delivery.SMS, second)(ctx, m)
			}
			return refuse(delivery.WhatsApp, delivery.Rejected)(ctx, m)
		}
		_, err := b.Engine.Start(t.Context(), onWhatsApp)
		e := b.check("Start", err, engine.ErrDelivery)
		var failure *delivery.Error
		if !errors.Is(err, want) || !errors.As(err, &failure) || e.RetryAfter != time.Second {
			t.Fatalf("%v", err)
		}
		if tries := failure.Tries(); len(tries) != 2 || tries[0].Provider != "whatsapp-co" || tries[1].Provider != "sms-co" {
			t.Errorf("%+v", tries)
		}
		if e := b.events[2]; e.Channel != delivery.SMS || e.Provider != "sms-co" {
			t.Errorf("%+v", e)
		}
		if got := b.kinds(); got != "started fell_back delivery_failed" {
			t.Errorf("events: %s", got)
		}
		_, err = b.Engine.VerifyAddress(t.Context(), onWhatsApp, b.last().Code.Reveal())
		b.check("VerifyAddress", err, engine.ErrUsed)
	}
}

// Of any number of calls one falls back.
func TestFallbackOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, old *bench) {
		b := newBench(t, withFallback, func(c *engine.Config) { c.Store = old.Store })
		for n := range 5 {
			req := onWhatsApp
			req.To = number(n)
			challenge, code := b.start(req)
			sent := b.sent()
			var fell, used, rest atomic.Int32
			race(50, func(int) {
				switch _, err := b.Engine.Fallback(t.Context(), challenge, nil); {
				case err == nil:
					fell.Add(1)
				case errors.Is(err, engine.ErrUsed):
					used.Add(1)
				default:
					rest.Add(1)
				}
			})
			if fell.Load() != 1 || used.Load() != 49 || b.sent() != sent+1 {
				t.Fatalf("%d fell back, %d were refused, %d otherwise, %d messages", fell.Load(), used.Load(), rest.Load(), b.sent()-sent)
			}
			b.verify(challenge.ID, code, nil)
		}
	})
}

func TestFallbackRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   func(b *bench, challenge *engine.Challenge, code string)
		want error
	}{
		"used":     {func(b *bench, c *engine.Challenge, code string) { b.verify(c.ID, code, nil) }, engine.ErrUsed},
		"replaced": {func(b *bench, _ *engine.Challenge, _ string) { b.start(onWhatsApp) }, engine.ErrUsed},
		"cancelled": {func(b *bench, c *engine.Challenge, _ string) {
			b.check("Cancel", b.Engine.Cancel(b.t.Context(), c.ID), nil)
		}, engine.ErrUsed},
		"expired": {func(b *bench, _ *engine.Challenge, _ string) { b.advance(2 * time.Minute) }, engine.ErrExpired},
		"tries spent": {func(b *bench, c *engine.Challenge, code string) {
			for range 5 {
				b.verify(c.ID, wrong(code), engine.ErrWrong)
			}
		}, engine.ErrUsed},
		"locked": {func(b *bench, c *engine.Challenge, code string) {
			for range 5 {
				b.verify(c.ID, wrong(code), engine.ErrWrong)
			}
			*c, code = b.start(onWhatsApp)
			for range 5 {
				b.verify(c.ID, wrong(code), engine.ErrWrong)
			}
		}, engine.ErrLocked},
		"not of this program": {func(_ *bench, c *engine.Challenge, _ string) {
			*c = engine.Challenge{ID: c.ID, Subject: c.Subject, Channel: c.Channel}
		}, engine.ErrRequest},
		"none":             {func(_ *bench, c *engine.Challenge, _ string) { *c = engine.Challenge{} }, engine.ErrRequest},
		"without fallback": {func(b *bench, c *engine.Challenge, _ string) { *c, _ = b.start(someone) }, engine.ErrRequest},
		"id changed":       {func(_ *bench, c *engine.Challenge, _ string) { c.ID = "c.x" }, engine.ErrRequest},
		"channel changed":  {func(_ *bench, c *engine.Challenge, _ string) { c.Channel = delivery.Email }, engine.ErrRequest},
		"subject changed":  {func(_ *bench, c *engine.Challenge, _ string) { c.Subject = "other" }, engine.ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, withFallback)
			challenge, code := b.start(onWhatsApp)
			tt.do(b, &challenge, code)
			sent := b.sent()
			b.kinds()
			fallen, err := b.Engine.Fallback(t.Context(), challenge, nil)
			b.check("Fallback", err, tt.want)
			if b.sent() != sent || fallen.ID != "" {
				t.Errorf("%+v, and %d messages", fallen, b.sent()-sent)
			}
			want := ""
			if tt.want == engine.ErrLocked {
				want = "locked"
			}
			if got := b.kinds(); got != want {
				t.Errorf("events: %s", got)
			}
		})
	}
}

// What is checked before the record is looked at holds when it is changed: the
// code may expire between, and another program's policy may be stricter.
func TestFallbackAtTheSwap(t *testing.T) {
	t.Parallel()
	plain, plan := faultyBench(t)
	b := newBench(t, withFallback, spends(delivery.SMS, policy.Spend{PerDay: 1}), func(c *engine.Config) { c.Store = plain.Store })
	challenge, _ := b.start(onWhatsApp)
	slow := func(call storetest.Call) storetest.Fault {
		if call.Op == storetest.Add {
			b.advance(2 * time.Minute)
		}
		return storetest.None
	}
	plan.Store(&slow)
	_, err := b.Engine.Fallback(t.Context(), challenge, nil)
	b.check("Fallback", err, engine.ErrExpired)
	plan.Store(nil)

	strict := newBench(t, withFallback, func(c *engine.Config) { c.Store, c.Policy.Tries = b.Store, 2 })
	strict.advance(b.Now().Sub(start))
	challenge, code := b.start(onWhatsApp)
	for range 3 {
		b.verify(challenge.ID, wrong(code), engine.ErrWrong)
	}
	_, err = strict.Engine.Fallback(t.Context(), challenge, nil)
	b.check("strict Fallback", err, engine.ErrUsed)
	_, err = b.Engine.Fallback(t.Context(), challenge, nil)
	b.check("Fallback", err, nil)
}

// If the fallback takes nothing the code goes on by its first channel, and may
// try again.
func TestFallbackNotTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	b.fail = refuse(delivery.SMS, delivery.Temporary)
	challenge, code := b.start(onWhatsApp)
	_, err := b.Engine.Fallback(t.Context(), challenge, nil)
	if e := b.check("Fallback", err, engine.ErrDelivery); !errors.Is(err, delivery.ErrTemporary) || e.RetryAfter != time.Second {
		t.Error(err)
	}
	if got := b.kinds(); got != "started sent fell_back delivery_failed" {
		t.Errorf("events: %s", got)
	}
	proof, err := b.Engine.Verify(t.Context(), challenge.ID, code)
	if err != nil || proof.Channel != delivery.WhatsApp {
		t.Errorf("%+v, %v: nothing was ever sent by SMS", proof, err)
	}

	challenge, code = b.start(onWhatsApp)
	b.Engine.Fallback(t.Context(), challenge, nil)
	b.fail = nil
	if challenge, err = b.Engine.Fallback(t.Context(), challenge, nil); err != nil || challenge.Channel != delivery.SMS {
		t.Fatalf("%+v, %v", challenge, err)
	}
	b.verify(challenge.ID, code, nil)
}

// Whatever the store fails at, nothing is sent that is perhaps not recorded,
// and the code goes on.
func TestFallbackStoreFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
		plain, plan := faultyBench(t)
		b := newBench(t, withFallback, func(c *engine.Config) { c.Store = plain.Store })
		challenge, code := b.start(onWhatsApp)
		plan.Store(failOn(storetest.CompareAndSwap, fault))
		_, err := b.Engine.Fallback(t.Context(), challenge, nil)
		b.check("Fallback", err, engine.ErrUnavailable)
		if b.sent() != 1 {
			t.Error("something was sent")
		}
		plan.Store(nil)
		_, err = b.Engine.Fallback(t.Context(), challenge, nil)
		if fault == storetest.Before {
			b.check("second Fallback", err, nil)
		} else {
			b.check("second Fallback", err, engine.ErrUsed)
		}
		b.verify(challenge.ID, code, nil)

		// The same while Start falls back by itself.
		b.fail = func(ctx context.Context, m delivery.Message) error {
			plan.Store(failOn(storetest.CompareAndSwap, fault))
			return refuse(delivery.WhatsApp, delivery.Rejected)(ctx, m)
		}
		sent := b.sent()
		b.kinds()
		_, err = b.Engine.Start(t.Context(), onWhatsApp)
		b.check("Start", err, engine.ErrUnavailable)
		if got := b.kinds(); b.sent() != sent+1 || got != "started delivery_failed" {
			t.Errorf("%d messages, events: %s", b.sent()-sent, got)
		}
		plan.Store(nil)
	}
}

func TestNewRefusesFallbacks(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]map[delivery.Channel]delivery.Channel{
		`"sms" has the Fallback "sms", which has one itself`:             {delivery.SMS: delivery.SMS},
		`"sms" has the Fallback "whatsapp", which has one itself`:        {delivery.SMS: delivery.WhatsApp, delivery.WhatsApp: delivery.SMS},
		`"whatsapp" has the Fallback "email", which has other addresses`: {delivery.WhatsApp: delivery.Email},
		`"whatsapp" has the Fallback "pigeon", which is no channel`:      {delivery.WhatsApp: "pigeon"},
	} {
		cfg := newBench(t).Config
		for from, to := range change {
			channel := cfg.Channels[from]
			channel.Fallback = to
			cfg.Channels[from] = channel
		}
		if e, err := engine.New(cfg); e != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, %v; want %q", e, err, want)
		}
	}
}
