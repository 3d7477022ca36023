package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"

	"github.com/passcode-go/passcode/countries"
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
	files     *textfile.Files                  // of the operator's own texts; nil: there are none
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
		channels: make(engine.Channels), rules: make(map[delivery.Channel]policy.Rule),
		callbacks: make(map[string]http.Handler), after: make(map[delivery.Channel]duration),
	}
	m.texts, m.files = f.texts(texts, codeLength)
	f.checkCallbacks()
	providers := make(map[string]provider)
	for _, name := range f.providerNames() {
		if p, ok := f.guarded(m, name, out, kept, log); ok {
			providers[name] = p
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
func (f *parsedFile) texts(texts delivery.Texts, codeLength int) (delivery.Texts, *textfile.Files) {
	texts.AppHash, texts.MaxSMS = f.Texts.AppHash, f.Texts.MaxSMS
	if err := texts.Check(codeLength); err != nil {
		f.fault("texts", "%v", err)
	}
	if f.Texts.Directory == "" {
		return texts, nil
	}
	dir := f.beside(f.Texts.Directory)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		f.fault("texts.directory", "%s is not a directory", dir)
		return texts, nil
	}
	files, err := textfile.Load(os.DirFS(dir), textfile.Config{Texts: texts, CodeLength: codeLength})
	if err != nil {
		f.fault("texts.directory", "%v", err)
		return texts, nil
	}
	texts.Custom = files
	return texts, files
}

// guarded makes a provider with what guards it. It returns false if that is
// not possible.
func (f *parsedFile) guarded(m *messaging, name string, out *console.Sender, kept *receipts.Receipts, log *slog.Logger) (p provider, ok bool) {
	key, c := "providers."+name, f.Providers[name]
	if !providerName.MatchString(name) {
		f.fault(key, "a provider's name has small letters, digits, hyphens and underscores, 32 at most")
		return p, false
	}
	observe := func(ctx context.Context, r delivery.Report) error {
		logReport(log, r)
		return kept.Report(ctx, r)
	}
	before := len(f.problems)
	p = f.provider(name, m, out, observe)
	if p.close != nil {
		m.closers = append(m.closers, p.close)
	}
	if len(f.problems) > before {
		return p, false
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
		return p, false
	}
	p.breaker = breaker
	m.breakers = append(m.breakers, breaker)
	return p, true
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
