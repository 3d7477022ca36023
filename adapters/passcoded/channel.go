package main

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/policy"
)

// channel makes a channel of the engine.
func (f *parsedFile) channel(m *messaging, name delivery.Channel, providers map[string]provider, kept *receipts.Receipts, log *slog.Logger) {
	key, c := "channels."+string(name), f.Channels[string(name)]
	if name.Class() == "" {
		f.fault(key, "there is no such channel: they are sms, whatsapp and email")
		return
	}
	sender := f.channelSender(key, name, providers, log)
	if kept != nil && sender != nil {
		sender = kept.Sender(sender)
	}
	channel := engine.Channel{Sender: sender, Parse: countries.Mobile, Fallback: delivery.Channel(c.Fallback)}
	if name == delivery.Email {
		channel.Parse = delivery.ParseEmail
	}
	channel.Spend = policy.Spend{PerDay: c.PerDay, PerRegion: c.PerRegion, Regions: f.regionLimits(key, c.Regions)}
	if err := channel.Spend.Validate(); err != nil {
		f.fault(key, "%v", err)
	}
	if c.Countries != nil {
		f.notEmpty(key+".countries", c.Countries)
		m.rules[name] = policy.AllowOnly(f.regions(key+".countries", c.Countries)...)
		if slices.Contains(c.Countries, string(region.World)) {
			f.fault(key+".countries", "%s is not the code of a country", region.World)
		}
	}
	if name.Class() != delivery.ClassPhone && (c.Countries != nil || len(c.Regions) > 0 || c.PerRegion != 0) {
		f.fault(key, "e-mail knows no countries")
	}
	f.checkTimeouts(key, c)
	f.checkFallback(key, name, providers)
	if c.FallbackAfter.Duration > 0 {
		m.after[name] = c.FallbackAfter
	}
	m.channels[name] = channel
}

// How long all providers of a channel have together.
const (
	channelTimeout    = 12 * time.Second // the default of a Failover
	maxChannelTimeout = 14 * time.Second // the engine gives a channel 15
)

// checkTimeouts notes a try that would be cut off by what bounds all of them.
func (f *parsedFile) checkTimeouts(key string, c channelConfig) {
	all := cmp.Or(c.Timeout.Duration, channelTimeout)
	if all > maxChannelTimeout {
		f.fault(key+".timeout", "%v is more than %v", all, maxChannelTimeout)
		return
	}
	for _, name := range c.names() {
		if try := f.Providers[name].Timeout.Duration; try > all {
			f.fault("providers."+name+".timeout", "%v is more than the %v that %s has for all its providers: see %s.timeout", try, all, key, key)
		}
	}
}

// checkFallback notes what is wrong with the fallback of a channel.
func (f *parsedFile) checkFallback(key string, name delivery.Channel, providers map[string]provider) {
	c := f.Channels[string(name)]
	to, ok := f.Channels[c.Fallback]
	switch {
	case c.Fallback == "":
	case !ok || c.Fallback == string(name):
		f.fault(key+".fallback", "%q is not another channel of this file", c.Fallback)
	case delivery.Channel(c.Fallback).Class() != name.Class():
		f.fault(key+".fallback", "%q has other addresses", c.Fallback)
	case to.Fallback != "":
		f.fault(key+".fallback", "%q has a fallback itself: a code falls back once", c.Fallback)
	}
	after := c.FallbackAfter.Duration
	switch {
	case after == 0:
		return
	case c.Fallback == "":
		f.fault(key+".fallback_after", "there is no fallback")
	case after >= policy.MaxLifetime:
		f.fault(key+".fallback_after", "%v is not less than %v, within which every code has expired", after, policy.MaxLifetime)
	}
	for _, name := range c.names() {
		if p, ok := providers[name]; ok && p.callback == nil {
			f.fault(key+".fallback_after", "%q reports nothing, so that whatever it delivers would be sent a second time: give it callbacks", name)
		}
	}
}

// notEmpty notes a list that has nothing in it: left out it stands for
// everything, but who writes an empty one does not mean that.
func (f *parsedFile) notEmpty(key string, list []string) {
	if list != nil && len(list) == 0 {
		f.fault(key, "is empty: leave it out to have all")
	}
}

// channelSender makes the sender of a channel: its routes, and its providers
// for what no route takes.
func (f *parsedFile) channelSender(key string, name delivery.Channel, providers map[string]provider, log *slog.Logger) delivery.Sender {
	c := f.Channels[string(name)]
	before := len(f.problems)
	var rules []delivery.Rule
	for i, r := range c.Routes {
		at := key + ".routes." + strconv.Itoa(i)
		rule := delivery.Rule{Locales: r.Locales, Purposes: r.Purposes}
		f.notEmpty(at+".regions", r.Regions)
		f.notEmpty(at+".locales", r.Locales)
		f.notEmpty(at+".purposes", r.Purposes)
		for _, code := range f.regions(at+".regions", r.Regions) {
			rule.Regions = append(rule.Regions, string(code))
		}
		switch {
		case len(r.Split) > 0 && len(r.Providers) > 0:
			f.fault(at, "has providers and a split: one of them is enough")
		case len(r.Split) > 0:
			rule.Split = f.split(at+".split", name, r.Split, providers)
		default:
			if s := f.failover(at+".providers", name, r.Providers, providers); s != nil {
				rule.Sender = s
			}
		}
		rules = append(rules, rule)
	}
	if len(c.Providers) > 0 || len(rules) == 0 {
		s := f.failover(key+".providers", name, c.Providers, providers)
		if s == nil {
			return nil
		}
		if len(rules) == 0 {
			return s
		}
		rules = append(rules, delivery.Rule{Sender: s})
	}
	if len(f.problems) > before {
		return nil
	}
	route, err := delivery.NewRoute(delivery.RouteConfig{Rules: rules, Name: string(name), Observe: func(e delivery.Event) { logDelivery(log, e) }})
	if err != nil {
		f.fault(key+".routes", "%v", err)
		return nil
	}
	return route
}

// split makes the shares of a split. Each has the others behind it, the
// heaviest first: a provider that is down loses its share to them.
func (f *parsedFile) split(key string, channel delivery.Channel, weights map[string]int, providers map[string]provider) (shares []delivery.Share) {
	names := slices.SortedFunc(maps.Keys(weights), func(a, b string) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b))
	})
	if f.failover(key, channel, names, providers) == nil {
		return nil
	}
	for i, name := range names {
		order := slices.Concat([]string{name}, names[:i], names[i+1:])
		shares = append(shares, delivery.Share{Sender: f.failover(key, channel, order, providers), Weight: weights[name]})
	}
	return shares
}

// failover makes a sender of providers in order.
func (f *parsedFile) failover(key string, channel delivery.Channel, names []string, providers map[string]provider) delivery.Sender {
	if len(names) == 0 {
		f.fault(key, "no provider is named")
		return nil
	}
	var all []*delivery.Breaker
	for _, name := range names {
		p, ok := providers[name]
		switch _, named := f.Providers[name]; {
		case !named:
			f.fault(key, "there is no provider %q", name)
		case ok && p.carries != nil && !slices.Contains(p.carries, channel):
			f.fault(key, "%q carries %s alone", name, channelList(p.carries))
		case ok:
			all = append(all, p.breaker)
		}
	}
	if len(all) < len(names) {
		return nil
	}
	s, err := delivery.NewFailover(delivery.FailoverConfig{Providers: all, Timeout: f.Channels[string(channel)].Timeout.Duration})
	if err != nil {
		f.fault(key, "%v", err)
		return nil
	}
	return s
}

// channelList writes channels as in "sms and whatsapp".
func channelList(channels []delivery.Channel) string {
	var names []string
	for _, c := range channels {
		names = append(names, string(c))
	}
	return strings.Join(names, " and ")
}

// regions reads country codes.
func (f *parsedFile) regions(key string, names []string) (codes []region.Code) {
	for _, name := range names {
		code := region.Code(name)
		if !code.Known() {
			f.fault(key, "%q is no country code of ISO 3166, such as US", name)
		}
		codes = append(codes, code)
	}
	return codes
}

func (f *parsedFile) regionLimits(key string, limits map[string]int) map[policy.Region]int {
	if len(limits) == 0 {
		return nil
	}
	out := make(map[policy.Region]int)
	for _, code := range f.regions(key+".regions", slices.Sorted(maps.Keys(limits))) {
		out[policy.Region(code)] = limits[string(code)]
	}
	return out
}
