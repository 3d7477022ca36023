package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store/memstore"
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

// A code goes by WhatsApp. When the program's own timer fires it looks at what
// has become of the message, and has the same code sent by SMS.
func ExampleEngine_Fallback() {
	ctx := context.Background()
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	kept, err := receipts.New(receipts.Config{Store: records})
	if err != nil {
		log.Fatal(err)
	}
	whatsapp, phone := deliverytest.New(), deliverytest.New()
	eng, err := engine.New(engine.Config{Store: records, Keys: engine.RandomKeys(), Channels: engine.Channels{
		delivery.WhatsApp: {Sender: kept.Sender(whatsapp), Parse: countries.Mobile, Fallback: delivery.SMS},
		delivery.SMS:      {Sender: kept.Sender(phone), Parse: countries.Mobile, Spend: policy.Spend{PerDay: 10_000, PerRegion: 2000}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.WhatsApp, To: "+12025550162", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}

	// Meanwhile the handler of the provider's callback may have told this.
	err = kept.Report(ctx, delivery.Report{Provider: "inbox", ID: challenge.Receipt.ID, Message: challenge.Message,
		Status: delivery.Failed, Kind: delivery.Rejected, Reason: "no such user"})
	if err != nil {
		log.Fatal(err)
	}

	// The timer fires.
	record, err := kept.Message(ctx, challenge.Message)
	if err != nil {
		log.Fatal(err)
	}
	if record.State == receipts.Delivered {
		return
	}
	var why *delivery.Error
	if record.State == receipts.Failed {
		why = &delivery.Error{Kind: record.Kind, Provider: record.Provider, Reason: record.Reason}
	}
	challenge, err = eng.Fallback(ctx, challenge, why)
	if err != nil {
		log.Fatal(err)
	}
	if challenge.FellBack.Kind == delivery.Rejected {
		fmt.Println("This number is not on WhatsApp. We sent the code by", challenge.Channel)
	} else {
		fmt.Println("WhatsApp takes its time. We sent the same code by", challenge.Channel)
	}
	message, _ := phone.WaitFor(ctx, "+12025550162")
	proof, err := eng.Verify(ctx, challenge.ID, message.Code.Reveal())
	fmt.Println("came back by", proof.Channel, err)
	// Output:
	// This number is not on WhatsApp. We sent the code by sms
	// came back by sms <nil>
}
