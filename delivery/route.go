package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// A Rule sends some messages one way. A message fits if it fits every
// condition; a condition that is empty fits every message.
type Rule struct {
	Channels []Channel // the channel is one of these
	Regions  []string  // the number's region is one of these, ISO 3166 in capitals such as "US"; an e-mail has none
	Locales  []string  // the locale is one of these or begins with one: "pt" fits "pt-br"; case does not matter
	Purposes []string  // the purpose is one of these

	// Sender takes the messages that fit. Either it or Split is required.
	Sender Sender

	// Split has them shared out by weight. Whoever sends one message twice
	// sends it to the same share, so that its ID serves as an idempotency key.
	Split []Share
}

// A Share is a sender's part of the messages of a [Rule].
type Share struct {
	Sender Sender
	Weight int // 1 to 1,000,000: its part is Weight in the sum of all
}

// maxWeight keeps the sum of many weights small.
const maxWeight = 1_000_000

// A RouteConfig says which way messages go.
type RouteConfig struct {
	// Rules are looked at in this order, and the first that fits decides. At
	// least one is required; one that fits every message can only be the last.
	Rules []Rule

	// Name is how the route is called in errors and events. Default "route".
	Name string

	// Observe, if set, is called with an EventMisconfigured for every message
	// that no rule fits. It must be quick and safe for concurrent use.
	Observe func(Event)

	// Now is the clock of the events. Default: time.Now.
	Now func() time.Time
}

// A Route is a [Sender] that passes every message on to the sender of the
// first rule that fits. A message that no rule fits is refused with a
// Configuration error: end with a rule without conditions if there is a sender
// for everything else. It is safe for concurrent use.
type Route struct {
	name   string
	rules  []Rule
	seed   maphash.Seed // of its own, so that a split within a split is not the same split again
	notify func(Event)
	now    func() time.Time
}

var _ Sender = (*Route)(nil)

// NewRoute returns a Route, or an error that names the field that cannot be
// used. It keeps nothing of cfg that the caller could change.
func NewRoute(cfg RouteConfig) (*Route, error) {
	if len(cfg.Rules) == 0 {
		return nil, errors.New("delivery: RouteConfig.Rules is empty")
	}
	r := &Route{name: cmp.Or(cfg.Name, "route"), seed: maphash.MakeSeed(), notify: cfg.Observe, now: cfg.Now}
	if r.now == nil {
		r.now = time.Now
	}
	for i, rule := range cfg.Rules {
		if fault := rule.fault(); fault != "" {
			return nil, fmt.Errorf("delivery: RouteConfig.Rules[%d].%s", i, fault)
		}
		if i < len(cfg.Rules)-1 && rule.fitsAll() {
			return nil, fmt.Errorf("delivery: RouteConfig.Rules[%d] fits every message, so Rules[%d] never decides", i, i+1)
		}
		r.rules = append(r.rules, Rule{
			Channels: slices.Clone(rule.Channels),
			Regions:  slices.Clone(rule.Regions),
			Locales:  slices.Clone(rule.Locales),
			Purposes: slices.Clone(rule.Purposes),
			Sender:   rule.Sender,
			Split:    slices.Clone(rule.Split),
		})
	}
	return r, nil
}

// fault returns the field of a rule that cannot be used, and why.
func (r *Rule) fault() string {
	for i, ch := range r.Channels {
		if ch.Class() == "" {
			return fmt.Sprintf("Channels[%d] %q is unknown", i, ch)
		}
	}
	for i, region := range r.Regions {
		if len(region) != 2 || strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fmt.Sprintf("Regions[%d] %q is no region; codes are those of ISO 3166-1, such as US", i, region)
		}
	}
	if i := slices.Index(r.Locales, ""); i >= 0 {
		return fmt.Sprintf("Locales[%d] is empty", i)
	}
	if r.Sender != nil && len(r.Split) > 0 {
		return "Sender and Split exclude each other"
	}
	if len(r.Split) == 0 && missing(r.Sender) {
		return "Sender is missing"
	}
	for i, share := range r.Split {
		if missing(share.Sender) {
			return fmt.Sprintf("Split[%d].Sender is missing", i)
		}
		if share.Weight < 1 || share.Weight > maxWeight {
			return fmt.Sprintf("Split[%d].Weight %d is outside 1 to %d", i, share.Weight, maxWeight)
		}
	}
	return ""
}

func (r *Rule) fitsAll() bool {
	return len(r.Channels)+len(r.Regions)+len(r.Locales)+len(r.Purposes) == 0
}

func (r *Rule) fits(m *Message) bool {
	return (len(r.Channels) == 0 || slices.Contains(r.Channels, m.Channel)) &&
		(len(r.Regions) == 0 || slices.Contains(r.Regions, m.Region)) &&
		(len(r.Purposes) == 0 || slices.Contains(r.Purposes, m.Purpose)) &&
		(len(r.Locales) == 0 || slices.ContainsFunc(r.Locales, func(l string) bool { return localeFits(l, m.Locale) }))
}

// localeFits reports whether a locale is the one wanted or a kind of it.
func localeFits(want, locale string) bool {
	n := len(want)
	return len(locale) >= n && strings.EqualFold(locale[:n], want) && (len(locale) == n || locale[n] == '-')
}

// Send passes m on. The error is the sender's, or an [*Error] of kind
// Configuration if no rule fits.
func (r *Route) Send(ctx context.Context, m Message) (Receipt, error) {
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.fits(&m) {
			continue
		}
		if rule.Sender != nil {
			return rule.Sender.Send(ctx, m)
		}
		return r.share(rule.Split, m.ID).Send(ctx, m)
	}
	e := AsError(&Error{Kind: Configuration, Provider: r.name, Reason: fmt.Sprintf(
		"no rule fits channel %q, region %q, locale %q, purpose %q", m.Channel, m.Region, m.Locale, m.Purpose)}, m)
	Event{Kind: EventMisconfigured, Time: r.now(), Provider: r.name, Err: e}.observe(r.notify, &m)
	return Receipt{}, e
}

// share returns the sender whose part of the split a message is.
func (r *Route) share(split []Share, id string) Sender {
	sum := uint64(0)
	for _, s := range split {
		sum += uint64(s.Weight)
	}
	at := maphash.String(r.seed, id) % sum
	last := len(split) - 1
	for _, s := range split[:last] {
		if at < uint64(s.Weight) {
			return s.Sender
		}
		at -= uint64(s.Weight)
	}
	return split[last].Sender
}
