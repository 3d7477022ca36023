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

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := newBench(t).Config
	for want, change := range map[string]func(*engine.Config){
		"Store is missing":        func(c *engine.Config) { c.Store = nil },
		"Channels is empty":       func(c *engine.Config) { c.Channels = nil },
		`"pigeon" is unknown`:     func(c *engine.Config) { c.Channels = engine.Channels{"pigeon": c.Channels[delivery.SMS]} },
		`"email" has no Sender`:   func(c *engine.Config) { c.Channels = engine.Channels{delivery.Email: {}} },
		"Ring is empty":           func(c *engine.Config) { c.Keys.Ring = nil },
		"Tries":                   func(c *engine.Config) { c.Policy.Tries = 50 },
		"Config.Texts":            func(c *engine.Config) { c.Texts.Origin = "http://example.com/" },
		"SendTimeout is negative": func(c *engine.Config) { c.SendTimeout = -1 },
		"odds":                    func(c *engine.Config) { c.Policy.PerDay = 101 },
		`"whatsapp" has no Parse`: func(c *engine.Config) {
			c.Channels = engine.Channels{delivery.WhatsApp: {Sender: c.Channels[delivery.SMS].Sender}}
		},
	} {
		cfg := good
		change(&cfg)
		e, err := engine.New(cfg)
		if e != nil && err != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, %v; want an error with %q", e, err, want)
		}
	}
}

func TestOddsAreRefusedUnlessToldUnsafe(t *testing.T) {
	t.Parallel()
	cfg := newBench(t).Config
	cfg.Policy.PerDay = 200
	if _, err := engine.New(cfg); !errors.Is(err, policy.ErrPolicy) || !strings.Contains(err.Error(), "UnsafeOdds") {
		t.Errorf("New = %v", err)
	}
	cfg.UnsafeOdds = true
	if _, err := engine.New(cfg); err != nil {
		t.Error(err)
	}
	cfg.UnsafeOdds = false
	cfg.Policy.Code.Length = 7
	if _, err := engine.New(cfg); err != nil {
		t.Error(err)
	}
}

func TestNewCopiesItsConfig(t *testing.T) {
	t.Parallel()
	channels := engine.Channels{}
	b := newBench(t, func(c *engine.Config) {
		for name, channel := range c.Channels {
			channels[name] = channel
		}
		c.Channels = channels
		c.Policy.Countries = map[string]policy.Rule{"sms": policy.AllowOnly("US")}
	})
	if channels[delivery.Email].Parse != nil {
		t.Error("New changed the caller's channels")
	}
	delete(channels, delivery.SMS)
	b.Config.Policy.Countries["sms"].Allow[0] = "GB"
	b.start(someone)
	want := []delivery.Channel{delivery.Email, delivery.SMS, delivery.WhatsApp}
	if got := b.Engine.Channels(); len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("Channels() = %v", got)
	}
}

func TestLettersAndLengths(t *testing.T) {
	t.Parallel()
	for _, shape := range []policy.Code{{Length: 10}, {Length: 8, Alphabet: policy.Unambiguous}} {
		b := newBench(t, func(c *engine.Config) { c.Policy.Code = shape })
		challenge, code := b.start(someone)
		if len(code) != shape.Length {
			t.Errorf("a code of %d characters", len(code))
		}
		b.verify(challenge.ID, strings.ToLower(code[:4])+" "+code[4:], nil)
	}
}

// A wrong clock may cost a code its life; it must not give it a longer one,
// nor new sends, nor close an address for ever.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, 10 * time.Minute, 24 * time.Hour, 365 * 24 * time.Hour} {
		b := newBench(t)
		challenge, code := b.start(someone)
		b.advance(-step)
		b.verify(challenge.ID, code, engine.ErrUsed)

		b = newBench(t)
		for range 5 {
			b.start(someone)
		}
		b.advance(-step)
		_, err := b.Engine.Start(t.Context(), someone)
		if e := b.check("Start", err, engine.ErrLimited); e.RetryAfter > 10*time.Minute+time.Second {
			t.Errorf("set back by %v: retry after %v", step, e.RetryAfter)
		}
		b.advance(10*time.Minute + time.Second)
		b.start(someone)
	}
	b := newBench(t)
	challenge, code := b.start(someone)
	b.advance(-4 * time.Second) // another node's clock, within the allowance
	b.verify(challenge.ID, code, nil)
}

func TestFarFuture(t *testing.T) {
	t.Parallel()
	for _, year := range []int{2038, 2106, 2155} {
		b := newBench(t)
		b.advance(time.Date(year, 2, 8, 0, 0, 0, 0, time.UTC).Sub(start))
		for range 5 {
			challenge, code := b.start(someone)
			b.verify(challenge.ID, wrong(code), engine.ErrWrong)
			b.verify(challenge.ID, code, nil)
		}
		_, err := b.Engine.Start(t.Context(), someone)
		b.check("Start", err, engine.ErrLimited)
	}
}
