package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/delivery/textfile"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/policy"
)

// A messaging is everything between the engine and the providers.
type messaging struct {
	channels  engine.Channels
	texts     delivery.Texts
	rules     map[delivery.Channel]policy.Rule // countries; only where the file has some
	breakers  []*delivery.Breaker
	callbacks map[string]http.Handler // by path
	after     map[delivery.Channel]duration
	closers   []func() error
}

// providerName is what a provider may be called: it stands in a path.
var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// openMessaging builds what the file of -config says, or prints all messages
// where there is none.
func openMessaging(cfg config, out *console.Sender, kept *receipts.Receipts, log *slog.Logger) (*messaging, error) {
	if cfg.file == "" {
		return printed(out, cfg.texts), nil
	}
	f, err := readConfigFile(cfg.file, cfg.env)
	if err != nil {
		return nil, err
	}
	return f.messaging(cfg.texts, codeLength, out, kept, log)
}

// codeLength is that of the policy.
const codeLength = 6

// printed prints the messages of all channels.
func printed(out delivery.Sender, texts delivery.Texts) *messaging {
	return &messaging{texts: texts, channels: engine.Channels{
		delivery.SMS:      {Sender: out, Parse: countries.Mobile},
		delivery.WhatsApp: {Sender: out, Parse: countries.Mobile},
		delivery.Email:    {Sender: out, Parse: delivery.ParseEmail},
	}}
}

// messaging builds what the file says. Nobody is asked anything. kept takes
// reports and outcomes, nil when the file is only looked at.
func (f *parsedFile) messaging(texts delivery.Texts, codeLength int, out *console.Sender, kept *receipts.Receipts, log *slog.Logger) (*messaging, error) {
	m := &messaging{
		channels: make(engine.Channels), texts: f.texts(texts, codeLength), rules: make(map[delivery.Channel]policy.Rule),
		callbacks: make(map[string]http.Handler), after: make(map[delivery.Channel]duration),
	}
	f.checkCallbacks()
	providers := make(map[string]*delivery.Breaker)
	for _, name := range f.providerNames() {
		if breaker := f.breaker(m, name, out, kept, log); breaker != nil {
			providers[name] = breaker
		}
	}
	if len(f.Channels) == 0 && len(f.problems) == 0 {
		f.fault("channels", "there is none: at least one of [channels.sms], [channels.whatsapp] and [channels.email] is needed")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Channels)) {
		f.channel(m, delivery.Channel(name), providers, kept, log)
	}
	if err := f.err(); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// close closes the senders that keep connections.
func (m *messaging) close() error {
	var errs []error
	for _, closing := range m.closers {
		errs = append(errs, closing())
	}
	return errors.Join(errs...)
}

// texts returns the texts of messages, with those of the operator's directory.
func (f *parsedFile) texts(texts delivery.Texts, codeLength int) delivery.Texts {
	texts.AppHash, texts.MaxSMS = f.Texts.AppHash, f.Texts.MaxSMS
	if err := texts.Check(codeLength); err != nil {
		f.fault("texts", "%v", err)
	}
	if f.Texts.Directory == "" {
		return texts
	}
	dir := f.Texts.Directory
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(f.path), dir)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		f.fault("texts.directory", "%s is not a directory", dir)
		return texts
	}
	files, err := textfile.Load(os.DirFS(dir), textfile.Config{Texts: texts, CodeLength: codeLength})
	if err != nil {
		f.fault("texts.directory", "%v", err)
		return texts
	}
	texts.Custom = files
	return texts
}

// breaker makes a provider with what guards it.
func (f *parsedFile) breaker(m *messaging, name string, out *console.Sender, kept *receipts.Receipts, log *slog.Logger) *delivery.Breaker {
	key, c := "providers."+name, f.Providers[name]
	if !providerName.MatchString(name) {
		f.fault(key, "a provider's name has small letters, digits, hyphens and underscores, 32 at most")
		return nil
	}
	observe := func(context.Context, delivery.Report) error { return nil }
	if kept != nil {
		observe = kept.Report
	}
	before := len(f.problems)
	p := f.provider(name, out, observe)
	if p.close != nil {
		m.closers = append(m.closers, p.close)
	}
	if len(f.problems) > before {
		return nil
	}
	if p.callback != nil {
		m.callbacks[callbackPath(name)] = p.callback
	}
	breaker, err := delivery.NewBreaker(delivery.BreakerConfig{
		Name: name, Sender: p.sender, Timeout: c.Timeout.Duration, Failures: c.Failures, Rest: c.Rest.Duration, Idempotent: p.idempotent,
		Observe: func(e delivery.Event) { logDelivery(log, e) },
	})
	if err != nil {
		f.fault(key, "%v", err)
		return nil
	}
	m.breakers = append(m.breakers, breaker)
	return breaker
}

// channel makes a channel of the engine.
func (f *parsedFile) channel(m *messaging, name delivery.Channel, providers map[string]*delivery.Breaker, kept *receipts.Receipts, log *slog.Logger) {
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
	if len(c.Countries) > 0 {
		m.rules[name] = policy.AllowOnly(f.regions(key+".countries", c.Countries)...)
	}
	if name.Class() != delivery.ClassPhone && (len(c.Countries) > 0 || len(c.Regions) > 0 || c.PerRegion != 0) {
		f.fault(key, "e-mail knows no countries")
	}
	if c.Fallback != "" {
		if _, ok := f.Channels[c.Fallback]; !ok || c.Fallback == string(name) {
			f.fault(key+".fallback", "%q is not another channel of this file", c.Fallback)
		}
	}
	if c.FallbackAfter.Duration != 0 {
		if c.Fallback == "" {
			f.fault(key+".fallback_after", "there is no fallback")
		}
		m.after[name] = c.FallbackAfter
	}
	m.channels[name] = channel
}

// channelSender makes the sender of a channel: its routes, and its providers
// for what no route takes.
func (f *parsedFile) channelSender(key string, name delivery.Channel, providers map[string]*delivery.Breaker, log *slog.Logger) delivery.Sender {
	c := f.Channels[string(name)]
	before := len(f.problems)
	var rules []delivery.Rule
	for i, r := range c.Routes {
		at := key + ".routes." + strconv.Itoa(i)
		rule := delivery.Rule{Locales: r.Locales, Purposes: r.Purposes}
		for _, code := range f.regions(at+".regions", r.Regions) {
			rule.Regions = append(rule.Regions, string(code))
		}
		switch {
		case len(r.Split) > 0 && len(r.Providers) > 0:
			f.fault(at, "has providers and a split: one of them is enough")
		case len(r.Split) > 0:
			for _, provider := range slices.Sorted(maps.Keys(r.Split)) {
				if s := f.failover(at+".split", []string{provider}, providers); s != nil {
					rule.Split = append(rule.Split, delivery.Share{Sender: s, Weight: r.Split[provider]})
				}
			}
		default:
			if s := f.failover(at+".providers", r.Providers, providers); s != nil {
				rule.Sender = s
			}
		}
		rules = append(rules, rule)
	}
	if len(c.Providers) > 0 || len(rules) == 0 {
		s := f.failover(key+".providers", c.Providers, providers)
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

// failover makes a sender of providers in order.
func (f *parsedFile) failover(key string, names []string, providers map[string]*delivery.Breaker) delivery.Sender {
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
		case ok:
			all = append(all, p)
		}
	}
	if len(all) < len(names) {
		return nil
	}
	s, err := delivery.NewFailover(delivery.FailoverConfig{Providers: all})
	if err != nil {
		f.fault(key, "%v", err)
		return nil
	}
	return s
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

// health is what the health page says.
func (m *messaging) health() []delivery.Health {
	var all []delivery.Health
	for _, b := range m.breakers {
		all = append(all, b.Health())
	}
	slices.SortFunc(all, func(a, b delivery.Health) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
