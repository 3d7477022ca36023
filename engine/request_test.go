package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
)

func TestRefusedRequestsTouchNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, tc := range map[string]struct {
		req    engine.Request
		want   error
		events string
	}{
		"unknown channel":       {engine.Request{Channel: "pigeon", To: someone.To}, engine.ErrRequest, ""},
		"bad number":            {engine.Request{Channel: delivery.SMS, To: "12025550162"}, engine.ErrAddress, ""},
		"bad address":           {engine.Request{Channel: delivery.Email, To: "a@b"}, engine.ErrAddress, ""},
		"long address":          {engine.Request{Channel: delivery.Email, To: strings.Repeat("a", 1<<20) + "@example.com"}, engine.ErrAddress, ""},
		"address not UTF-8":     {engine.Request{Channel: delivery.Email, To: "a\xff@example.com"}, engine.ErrAddress, ""},
		"unsupported country":   {engine.Request{Channel: delivery.SMS, To: "+46701234567"}, engine.ErrCountry, "refused"},
		"no country":            {engine.Request{Channel: delivery.WhatsApp, To: "+870123456789"}, engine.ErrCountry, "refused"},
		"landline":              {engine.Request{Channel: delivery.SMS, To: "+442079460000"}, engine.ErrNumberType, "refused"},
		"premium":               {engine.Request{Channel: delivery.SMS, To: "+19001234567"}, engine.ErrNumberType, "refused"},
		"lifetime too short":    {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: time.Second}, engine.ErrRequest, ""},
		"lifetime too long":     {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: 11 * time.Minute}, engine.ErrRequest, ""},
		"lifetime negative":     {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: -time.Minute}, engine.ErrRequest, ""},
		"unknown locale":        {engine.Request{Channel: delivery.SMS, To: someone.To, Locale: "tlh"}, engine.ErrRequest, ""},
		"locale not for e-mail": {engine.Request{Channel: delivery.Email, To: "a@example.com", Locale: "ja"}, engine.ErrRequest, ""},
		"long purpose":          {engine.Request{Channel: delivery.SMS, To: someone.To, Purpose: strings.Repeat("p", 129)}, engine.ErrRequest, ""},
		"long tenant":           {engine.Request{Channel: delivery.SMS, To: someone.To, Tenant: strings.Repeat("t", 129)}, engine.ErrRequest, ""},
	} {
		_, err := b.Engine.Start(t.Context(), tc.req)
		b.check(name, err, tc.want)
		if got := b.kinds(); got != tc.events {
			t.Errorf("%s: events %q, want %q", name, got, tc.events)
		}
		if _, _, err := b.Engine.Check(tc.req); !errors.Is(err, tc.want) {
			t.Errorf("%s: Check says %v", name, err)
		}
		if got := b.kinds(); got != tc.events {
			t.Errorf("%s: events of Check %q, want %q", name, got, tc.events)
		}
	}
	if b.sent() != 0 {
		t.Errorf("%d messages were sent", b.sent())
	}
	if n := b.Store.(interface{ Len() int }).Len(); n != 0 {
		t.Errorf("%d records were stored", n)
	}
	whatsapp := engine.Request{Channel: delivery.WhatsApp, To: "+46701234567"}
	b.start(whatsapp)
}

func TestCountryRefusalNamesTheRegion(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) {
		c.Policy.Countries = map[string]policy.Rule{"sms": policy.AllowOnly("CA")}
	})
	_, err := b.Engine.Start(t.Context(), someone)
	if e := b.check("Start", err, engine.ErrCountry); e.Region != "US" {
		t.Errorf("region %q", e.Region)
	}
}

// No parser is handed what no address can be.
func TestParserIsGuarded(t *testing.T) {
	t.Parallel()
	called := false
	b := newBench(t, func(c *engine.Config) {
		email := c.Channels[delivery.Email]
		email.Parse = func(raw string) (string, string, string, error) {
			called = true
			return raw, "", "", nil
		}
		c.Channels[delivery.Email] = email
	})
	for _, to := range []string{strings.Repeat("a", 321), "\xff"} {
		_, err := b.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: to})
		b.check("Start", err, engine.ErrAddress)
	}
	if called {
		t.Error("the parser was called")
	}
	_, err := b.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: ""})
	b.check("Start", err, engine.ErrAddress)
}
