package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store/storetest"
)

// onWhatsApp is a request whose channel falls back to SMS.
var onWhatsApp = engine.Request{Channel: delivery.WhatsApp, To: "+12025550162", Purpose: "login", Tenant: "acme"}

// withFallback has WhatsApp fall back to SMS.
func withFallback(c *engine.Config) {
	whatsapp := c.Channels[delivery.WhatsApp]
	whatsapp.Fallback = delivery.SMS
	c.Channels[delivery.WhatsApp] = whatsapp
	c.Texts.Origin = "example.com"
}

// refuse has a channel's provider refuse with an error of this kind.
func refuse(channel delivery.Channel, kind delivery.Kind) func(context.Context, delivery.Message) error {
	return func(_ context.Context, m delivery.Message) error {
		if m.Channel != channel {
			return nil
		}
		return &delivery.Error{Kind: kind, Provider: string(channel) + "-co", Reason: "because", RetryAfter: time.Second}
	}
}

func TestRejectedFallsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	b.fail = refuse(delivery.WhatsApp, delivery.Rejected)
	challenge, code := b.start(onWhatsApp)
	first, second := b.messages[0], b.messages[1]
	if len(b.messages) != 2 || first.Channel != delivery.WhatsApp || second.Channel != delivery.SMS || first.Code.Reveal() != code ||
		first.ID == second.ID || !strings.HasSuffix(second.Body.Reveal(), "\n@example.com #"+code) || second.Region != "US" {
		t.Errorf("%+v, %+v", first, second)
	}
	why := challenge.FellBack
	if challenge.Channel != delivery.SMS || challenge.Message != second.ID || challenge.Receipt.ID != second.ID || challenge.Unconfirmed ||
		why == nil || why.Kind != delivery.Rejected || why.Provider != "whatsapp-co" || why.Reason != "because" || challenge.Address.Reveal() != onWhatsApp.To {
		t.Errorf("%+v", challenge)
	}
	fell, sent := b.events[1], b.events[2]
	if fell.Channel != delivery.SMS || fell.Provider != "whatsapp-co" || fell.Err == nil || fell.Message != second.ID || fell.Tenant != "acme" ||
		fell.Purpose != "login" || fell.Region != "US" || fell.Subject != challenge.Subject || fell.Masked != "+•••62" ||
		sent.Channel != delivery.SMS || sent.Provider != "test" || sent.Err != nil || sent.Message != second.ID {
		t.Errorf("%+v, %+v", fell, sent)
	}
	if got := b.kinds(); got != "started fell_back sent" {
		t.Errorf("events: %s", got)
	}
	b.verify(challenge.ID, wrong(code), engine.ErrWrong)
	proof, err := b.Engine.Verify(t.Context(), challenge.ID, code)
	if err != nil || proof.Channel != delivery.SMS || !proof.SentAt.Equal(start) {
		t.Errorf("%+v, %v", proof, err)
	}
	if _, err := b.Engine.Fallback(t.Context(), challenge, nil); !errors.Is(err, engine.ErrRequest) {
		t.Errorf("a code falls back a second time: %v", err)
	}
}

// Only the address can be a reason to fall back at once; and there is one send
// for both channels.
func TestFallbackCountsOneSend(t *testing.T) {
	t.Parallel()
	for _, kind := range []delivery.Kind{delivery.Rejected, delivery.Temporary, delivery.Throttled, delivery.Configuration, delivery.Ambiguous} {
		b := newBench(t, withFallback)
		b.fail = refuse(delivery.WhatsApp, kind)
		for range 5 {
			b.Engine.Start(t.Context(), onWhatsApp)
		}
		_, err := b.Engine.Start(t.Context(), onWhatsApp)
		b.check("sixth Start", err, engine.ErrLimited)
		want := 5
		if kind == delivery.Rejected {
			want = 10
		}
		if b.sent() != want {
			t.Errorf("%s: %d messages, want %d", kind, b.sent(), want)
		}
	}
}

// The fallback's own country rules hold; a number that they refuse is left
// with the first provider's answer.
func TestFallbackKeepsCountryRules(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	b.fail = refuse(delivery.WhatsApp, delivery.Rejected)
	swede := onWhatsApp
	swede.To = "+46701234567"
	_, err := b.Engine.Start(t.Context(), swede)
	b.check("Start", err, engine.ErrDelivery)
	if !errors.Is(err, delivery.ErrRejected) || b.sent() != 1 {
		t.Errorf("%v after %d messages", err, b.sent())
	}
	if e := b.events[1]; e.Channel != delivery.SMS || e.Region != "SE" || !errors.Is(e.Err, engine.ErrCountry) {
		t.Errorf("%+v", e)
	}
	if got := b.kinds(); got != "started refused delivery_failed" {
		t.Errorf("events: %s", got)
	}
	_, err = b.Engine.VerifyAddress(t.Context(), swede, b.last().Code.Reveal())
	b.check("VerifyAddress", err, engine.ErrUsed)

	b.fail = nil
	challenge, code := b.start(swede)
	_, err = b.Engine.Fallback(t.Context(), challenge, nil)
	b.check("Fallback", err, engine.ErrCountry)
	b.verify(challenge.ID, code, nil)
}

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

// A message that nothing is heard of: the same code goes by SMS, with what is
// left of its time and its tries.
func TestFallbackOnSilence(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	req := onWhatsApp
	req.Lifetime, req.Locale = 5*time.Minute, "fr"
	first, code := b.start(req)
	if first.FellBack != nil || first.Channel != delivery.WhatsApp {
		t.Errorf("%+v", first)
	}
	b.verify(first.ID, wrong(code), engine.ErrWrong)
	b.advance(90 * time.Second)
	second, err := b.Engine.Fallback(t.Context(), first, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := b.last()
	if m.Channel != delivery.SMS || m.Code.Reveal() != code || m.Expires != 210*time.Second || m.Locale != "fr" || m.Purpose != "login" ||
		!strings.Contains(m.Body.Reveal(), "3 min") {
		t.Errorf("%+v", m)
	}
	if second.ID != first.ID || !second.Expires.Equal(first.Expires) || second.Channel != delivery.SMS || second.FellBack.Kind != delivery.Ambiguous ||
		second.FellBack.Provider != "test" || second.FellBack.Reason != "no receipt in time" || first.FellBack != nil {
		t.Errorf("%+v", second)
	}
	if got := b.kinds(); got != "started sent wrong fell_back sent" {
		t.Errorf("events: %s", got)
	}
	if e := b.verify(second.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != 3 {
		t.Errorf("%d attempts left: the count began anew", e.AttemptsLeft)
	}
	b.advance(210*time.Second - 1)
	proof, err := b.Engine.Verify(t.Context(), first.ID, code)
	if err != nil || proof.Channel != delivery.SMS {
		t.Errorf("%+v, %v", proof, err)
	}
	for range 4 {
		b.start(onWhatsApp)
	}
	_, err = b.Engine.Start(t.Context(), onWhatsApp)
	b.check("sixth Start", err, engine.ErrLimited)
}

// A first message whose fate is unknown may fall back too, and the second's may
// be as unknown.
func TestFallbackUnconfirmed(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	b.fail = func(context.Context, delivery.Message) error { return context.DeadlineExceeded }
	challenge, code := b.start(onWhatsApp)
	second, err := b.Engine.Fallback(t.Context(), challenge, nil)
	if err != nil || !second.Unconfirmed || second.Channel != delivery.SMS {
		t.Fatalf("%+v, %v", second, err)
	}
	b.verify(challenge.ID, code, nil)

	challenge, _ = b.start(onWhatsApp)
	b.fail = nil
	if second, err = b.Engine.Fallback(t.Context(), challenge, nil); err != nil || second.Unconfirmed || !challenge.Unconfirmed {
		t.Errorf("%+v, %v", second, err)
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

// A code that has fallen back is signed by the newest key, and lives without
// the old one.
func TestFallbackSignsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	challenge, code := b.start(onWhatsApp)
	keys := b.Config.Keys
	keys.Ring = []engine.Key{testKey(2, 'b'), testKey(1, 'a')}
	if err := b.Engine.SetKeys(keys); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Engine.Fallback(t.Context(), challenge, nil); err != nil {
		t.Fatal(err)
	}
	keys.Ring = keys.Ring[:1]
	if err := b.Engine.SetKeys(keys); err != nil {
		t.Fatal(err)
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

// What a report says of a failure is shown to nobody with code or address.
func TestFallbackLeaksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, withFallback)
	challenge, code := b.start(onWhatsApp)
	echo := &delivery.Error{Kind: delivery.Rejected, Provider: onWhatsApp.To, Reason: "131026: " + onWhatsApp.To + ": " + b.last().Body.Reveal()}
	second, err := b.Engine.Fallback(t.Context(), challenge, echo)
	if err != nil || second.FellBack.Kind != delivery.Rejected || !strings.HasPrefix(second.FellBack.Reason, "131026: ") {
		t.Fatalf("%+v, %v", second, err)
	}
	encoded, _ := json.Marshal(second)
	shown := fmt.Sprintf("%v %+v %#v %v %+v %#v %s", challenge, challenge, challenge, second, second, second, encoded)
	for _, e := range b.events {
		encoded, _ := json.Marshal(e)
		shown += fmt.Sprintf("%v %+v %#v %s", e, e, e, encoded)
	}
	for _, secret := range []string{" " + code, `"` + code, onWhatsApp.To, onWhatsApp.To[1:]} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown: %s", secret, shown)
		}
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

// The region of a number goes with its message, for a Route to read.
func TestMessageRegion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tt := range []struct {
		channel    delivery.Channel
		to, region string
	}{
		{delivery.SMS, "+12025550162", "US"},
		{delivery.WhatsApp, "+46701234567", "SE"},
		{delivery.Email, "ada@example.com", ""},
	} {
		b.start(engine.Request{Channel: tt.channel, To: tt.to})
		if got := b.last().Region; got != tt.region {
			t.Errorf("%s: region %q, want %q", tt.channel, got, tt.region)
		}
	}
	// A rule that only counts on it.
	b = newBench(t, func(c *engine.Config) { c.Policy.Countries = map[string]policy.Rule{} })
	b.start(engine.Request{Channel: delivery.SMS, To: "+46701234567"})
}

// A code goes by WhatsApp, nothing is heard of it, and the program has it sent
// by SMS: its own timer has fired, or a report came that says Failed.
func ExampleEngine_Fallback() {
	ctx := context.Background()
	silent, phone := deliverytest.New(), deliverytest.New()
	cfg := engine.Config{Store: exampleStore(), Keys: engine.RandomKeys(), Channels: engine.Channels{
		delivery.WhatsApp: {Sender: silent, Parse: countries.Mobile, Fallback: delivery.SMS},
		delivery.SMS:      {Sender: phone, Parse: countries.Mobile, Spend: policy.Spend{PerDay: 10_000, PerRegion: 2000}},
	}}
	eng, err := engine.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.WhatsApp, To: "+12025550162", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}

	challenge, err = eng.Fallback(ctx, challenge, nil)
	if err != nil {
		log.Fatal(err)
	}
	if why := challenge.FellBack; why != nil && why.Kind == delivery.Rejected {
		fmt.Println("This number is not on WhatsApp. We sent the code by", challenge.Channel)
	} else if why != nil {
		fmt.Println("WhatsApp takes its time. We sent the same code by", challenge.Channel)
	}
	message, _ := phone.WaitFor(ctx, "+12025550162")
	proof, err := eng.Verify(ctx, challenge.ID, message.Code.Reveal())
	fmt.Println("came back by", proof.Channel, err)
	// Output:
	// WhatsApp takes its time. We sent the same code by sms
	// came back by sms <nil>
}
