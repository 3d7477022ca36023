// Package engine makes, sends and checks one-time passcodes.
//
// [New] builds an [Engine] from a store, keys and channels. [Engine.Start]
// sends a code to an address and returns a [Challenge]; [Engine.Verify] takes
// the challenge's id and what the person typed, and returns a [Proof] or an
// [*Error] that says why not. [Engine.Resend] sends a new code within a
// challenge's flow, [Engine.Cancel] ends it.
//
//	ch, err := eng.Start(ctx, engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"})
//	…
//	proof, err := eng.Verify(ctx, ch.ID, "123456")
//
// # What a proof proves
//
// That the code sent for this challenge came back. Keep the challenge's id and
// the address together on the server, in the session of whoever asked. If the
// address comes back from the client instead, compare [Proof.Subject] with
// [Engine.Subject] of the address that you are about to trust; else somebody
// starts a challenge for an address of their own and presents it for another.
//
// A program that knows people by an address or a method id, and has no place
// to keep challenge ids, checks with [Engine.VerifyAddress]. It can be called
// by anybody who knows the address, so anybody can use up a code's tries;
// prefer Verify.
//
// # What is kept
//
// One record per subject in the store. A subject is a keyed digest of tenant,
// purpose, class of address and address; the record holds the MAC of the live
// code, the wrong guesses and the sends, and it changes only by
// compare-and-swap. So at most one of any number of concurrent calls accepts a
// code, a guess is counted before it is answered, and neither a new code nor a
// new client address nor a restart gives new guesses. A failing store means
// [ErrUnavailable], never an accept.
//
// SMS and WhatsApp to one number share the record, and so the code, the tries
// and the budgets.
//
// # When a message does not arrive
//
// A channel can have a [Channel.Fallback]: a number that is not on WhatsApp
// gets its code by SMS. It is the same code under the same challenge, so its
// tries and the sends of the address are counted once; [Challenge.FellBack] says
// what to show. When the provider took the message and nothing more is heard of
// it, the program says when it has waited enough, with [Engine.Fallback].
//
// # Money
//
// The budgets of [policy.Policy] protect an address. A [Channel.Spend] protects
// the bill, from somebody with many addresses: messages a day, in all and to
// each region. It is off until you set it, and counts for all tenants together.
//
// # Odds
//
// New computes the chance of guessing a code within a day and refuses a policy
// above [policy.MaxOdds]. The chance is per address and purpose: choose the
// purpose in the program, never from what a client sends.
//
// # Time
//
// All times come from Config.Now. A clock that is set back neither revives a
// code nor gives new sends, beyond what the clock was set back by; codes that
// seem to come from the future are dead.
//
// An Engine is safe for concurrent use and starts no goroutine.
package engine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
)

// A Config says what an engine is made of.
type Config struct {
	// Store keeps the records. Required.
	Store store.Store

	// Keys are the secrets. Required.
	Keys Keys

	// Channels are the ways to send. At least one is required.
	Channels Channels

	// Policy says how strict the engine is. Default: policy.Default().
	Policy policy.Policy

	// Texts are the name and the origin that messages show. Default: neither.
	Texts delivery.Texts

	// SendTimeout bounds one call of a Sender. Default 15 seconds. A send that
	// takes longer counts as sent, unconfirmed: the message may be on its way.
	SendTimeout time.Duration

	// Cache is how many records the engine remembers, of those that it stored
	// last, so that checking a code that it sent itself takes one call of the
	// store in place of two. It is bounded, takes some 200 bytes a record, and
	// nothing is ever decided by it alone. Default: DefaultCache, or none with a
	// store that is a store.Local, such as memstore; negative: none.
	Cache int

	// Observe, if set, is called with every event, on the goroutine of the
	// call that caused it and after its outcome was stored. It must be quick
	// and safe for concurrent use.
	Observe func(Event)

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// UnsafeOdds lets New accept a policy whose odds of guessing a code are
	// above policy.MaxOdds. An attacker who asks for codes and guesses, day
	// after day, gets into one account in so many.
	UnsafeOdds bool
}

// Channels are the channels of an engine.
type Channels map[delivery.Channel]Channel

// A Channel is one way to send.
type Channel struct {
	// Sender carries the messages. Required.
	Sender delivery.Sender

	// Parse reads addresses. Required for SMS and WhatsApp, where
	// countries.Mobile does it; for Email the default is delivery.ParseEmail.
	Parse Parser

	// Fallback is the channel by which a code goes when the provider of this
	// one has Rejected its address, as for a number that is not on WhatsApp,
	// and when Engine.Fallback is called. It has to be one of Config.Channels,
	// with addresses of the same class and no Fallback of its own. Its own
	// country rules hold. Default: none.
	Fallback delivery.Channel

	// Sent, if set, is called with each challenge that was sent by this channel
	// and can still fall back: for a program that has challenges nowhere else
	// and wants to call Engine.Fallback. It is called on the goroutine of Start,
	// before that returns, and must be quick and safe for concurrent use.
	Sent func(Challenge)

	// Spend limits the messages of a day, as exactly as the Store keeps its
	// counters: one that comes back with older data lets as many more through as
	// it has lost. Default: no limit.
	Spend policy.Spend
}

// A Parser reads an address as somebody gave it and returns its one canonical
// form, or an error. For a phone number it returns besides the ISO 3166 region
// that the number belongs to and its type, by which the policy decides.
//
// An error means ErrAddress. One that has a method Refused() string returning
// "country" or "type" means ErrCountry or ErrNumberType instead. Its text goes
// to logs and must not repeat the address.
type Parser func(raw string) (address, region, kind string, err error)

// An Engine makes, sends and checks codes.
type Engine struct {
	store    store.Store
	keys     atomic.Pointer[keySet]
	channels Channels
	policy   policy.Policy
	texts    delivery.Texts
	timeout  time.Duration
	observe  func(Event)
	now      func() time.Time
	cache    *cache
	spaces   sync.Pool // of *workspace
}

// New returns an engine, or an error that names what is missing from the
// config or cannot be used. It keeps nothing of cfg that the caller could
// change.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil {
		return nil, errors.New("passcode: Config.Store is missing")
	}
	if len(cfg.Channels) == 0 {
		return nil, errors.New("passcode: Config.Channels is empty")
	}
	channels := maps.Clone(cfg.Channels)
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		channel := channels[name]
		if name.Class() == "" {
			return nil, fmt.Errorf("passcode: channel %q is unknown", name)
		}
		if channel.Sender == nil {
			return nil, fmt.Errorf("passcode: channel %q has no Sender", name)
		}
		if channel.Parse == nil && name.Class() == delivery.ClassEmail {
			channel.Parse = delivery.ParseEmail
		}
		if channel.Parse == nil {
			return nil, fmt.Errorf("passcode: channel %q has no Parse, so no country could be refused: set countries.Mobile", name)
		}
		if err := channels.checkFallback(name); err != nil {
			return nil, err
		}
		if err := channel.Spend.Validate(); err != nil {
			return nil, fmt.Errorf("passcode: channel %q: Spend: %w", name, err)
		}
		channel.Spend.Regions = maps.Clone(channel.Spend.Regions)
		channels[name] = channel
	}
	rules := cfg.Policy.WithDefaults()
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	if odds := rules.Odds(); odds > policy.MaxOdds && !cfg.UnsafeOdds {
		return nil, fmt.Errorf("%w: the odds of guessing an address's code within a day are %.2g, above %.2g: "+
			"allow fewer guesses, make codes longer, or set Config.UnsafeOdds", policy.ErrPolicy, odds, policy.MaxOdds)
	}
	if err := cfg.Texts.Check(rules.Code.Length); err != nil {
		return nil, fmt.Errorf("passcode: Config.Texts: %w", err)
	}
	if cfg.SendTimeout < 0 {
		return nil, errors.New("passcode: Config.SendTimeout is negative")
	}
	e := &Engine{
		store:    cfg.Store,
		channels: channels,
		policy:   rules,
		texts:    cfg.Texts,
		timeout:  cmp.Or(cfg.SendTimeout, 15*time.Second),
		observe:  cfg.Observe,
		now:      cfg.Now,
		cache:    newCache(cacheSize(cfg)),
		spaces:   sync.Pool{New: func() any { return new(workspace) }},
	}
	if e.now == nil {
		e.now = time.Now
	}
	if err := e.SetKeys(cfg.Keys); err != nil {
		return nil, err
	}
	return e, nil
}

// SetKeys replaces the ring while the engine runs: a new key at the front, or
// an old one gone. The index key cannot change. On error the old keys stay.
func (e *Engine) SetKeys(keys Keys) error {
	set, err := newKeySet(keys)
	if err != nil {
		return err
	}
	if old := e.keys.Load(); old != nil && old.subject("", "", "", "") != set.subject("", "", "", "") {
		return errors.New("passcode: the index key cannot change while the engine runs")
	}
	e.keys.Store(set)
	return nil
}

// Channels returns the configured channels in alphabetical order.
func (e *Engine) Channels() []delivery.Channel {
	return slices.Sorted(maps.Keys(e.channels))
}
