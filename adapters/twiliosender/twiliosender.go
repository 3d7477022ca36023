package twiliosender

import (
	"cmp"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// ErrConfig is what every error of New and NewCallback wraps.
var ErrConfig = errors.New("twiliosender: not usable")

const (
	defaultName    = "twilio"
	defaultBaseURL = "https://api.twilio.com"
)

// A Config says how a Sender sends.
type Config struct {
	// Name is the sender's name in receipts, errors and reports.
	// Default: "twilio".
	Name string

	// AccountSID is the account that sends, "AC" and 32 hexadecimal digits.
	// Required.
	AccountSID string

	// KeyID is the SID of an API key of the account, "SK" and 32 hexadecimal
	// digits, which is better than the account's token: it can be revoked by
	// itself. Default: the account, with its auth token as Secret.
	KeyID string

	// Secret is the secret of the API key, or the account's auth token.
	// Required.
	Secret delivery.Secret

	// SMS and WhatsApp say how the messages of these channels leave. At least
	// one is required; messages of the other are refused.
	SMS, WhatsApp Line

	// CallbackURL is the public URL of the handler that NewCallback makes. The
	// message's ID is added to its query. A fragment may hold Twilio's
	// connection overrides, such as "#rc=3&rp=all": without them Twilio does
	// not tell a report again that the Observer could not take.
	// Default: none, and Twilio tells nothing.
	CallbackURL string

	// BaseURL is where the API is, for regions other than the United States:
	// "https://api.dublin.ie1.twilio.com". API keys and tokens belong to a
	// region. Default: "https://api.twilio.com".
	BaseURL string

	// HTTP sends the requests. It must not repeat them by itself; redirects
	// are not followed whatever it says. Default: a client of the sender's own.
	HTTP *http.Client

	// Timeout bounds a Send whose ctx does not end earlier.
	// Default: 10 seconds.
	Timeout time.Duration

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Line is how the messages of one channel leave. The zero Line is none.
type Line struct {
	// Service is the SID of a Messaging Service, "MG" and 32 hexadecimal
	// digits, that picks the sender.
	Service string

	// From is the sender itself, or that of the Service to take. SMS: a phone
	// number in E.164 form, a short code, or an alphanumeric sender ID.
	// WhatsApp: the phone number in E.164 form, without "whatsapp:".
	From string

	// Templates are Content templates, "HX" and 32 hexadecimal digits, by
	// locale as delivery.Locales spells it; the one of "" is for all other
	// locales. Their variable "1" is the code, and they have no other.
	// WhatsApp: required, with one of "". SMS: the default is the text of the
	// message.
	Templates map[string]string
}

// A Sender sends through Twilio. It is safe for concurrent use.
type Sender struct {
	name          string
	client        *callout.Client
	url           string          // of the Messages resource
	authorization delivery.Secret // the header
	lines         map[delivery.Channel]Line

	callback, fragment string // between them stands the message's ID; empty: no callbacks
}

var _ delivery.Sender = (*Sender)(nil)

// New returns a Sender. Its error wraps [ErrConfig] and names every field that
// is wrong.
func New(cfg Config) (*Sender, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(callout.IsSID(cfg.AccountSID, "AC"), `AccountSID is not "AC" and 32 hexadecimal digits`)
	f.Unless(cfg.KeyID == "" || callout.IsSID(cfg.KeyID, "SK"), `KeyID is not "SK" and 32 hexadecimal digits`)
	f.Unless(cfg.Secret.Reveal() != "", "Secret is missing")
	f.Unless(cfg.Timeout >= 0, "Timeout is negative")
	base := strings.TrimSuffix(cmp.Or(cfg.BaseURL, defaultBaseURL), "/")
	f.URL("BaseURL", base, false)
	f.Unless(!strings.ContainsAny(base, "?#"), "BaseURL has a query or a fragment")
	lines := make(map[delivery.Channel]Line)
	checkLine(f, lines, delivery.SMS, "SMS", cfg.SMS)
	checkLine(f, lines, delivery.WhatsApp, "WhatsApp", cfg.WhatsApp)
	f.Unless(!cfg.SMS.none() || !cfg.WhatsApp.none(), "neither SMS nor WhatsApp has a Service or a From")
	if cfg.CallbackURL != "" {
		checkCallback(f, "CallbackURL", cfg.CallbackURL)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	user := cmp.Or(cfg.KeyID, cfg.AccountSID)
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + cfg.Secret.Reveal()))
	s := &Sender{
		name:          cmp.Or(cfg.Name, defaultName),
		url:           base + "/2010-04-01/Accounts/" + cfg.AccountSID + "/Messages.json",
		authorization: delivery.NewSecret("Basic " + basic),
		lines:         lines,
	}
	if cfg.CallbackURL != "" {
		before, fragment, found := strings.Cut(cfg.CallbackURL, "#")
		separator := "?"
		if strings.Contains(before, "?") {
			separator = "&"
		}
		s.callback = before + separator + messageParam + "="
		if found {
			s.fragment = "#" + fragment
		}
	}
	s.client = callout.New(callout.Config{Provider: s.name, HTTP: cfg.HTTP, Timeout: cfg.Timeout, Now: cfg.Now,
		Secrets: []string{cfg.Secret.Reveal(), basic}})
	return s, nil
}

func (l Line) none() bool { return l.Service == "" && l.From == "" && len(l.Templates) == 0 }

// checkCallback checks the URL of a Callback. Without a path, what Twilio signs
// depends on whether it adds one.
func checkCallback(f *callout.Faults, field, raw string) {
	f.URL(field, raw, false)
	if u, err := url.Parse(raw); err == nil {
		f.Unless(u.Path != "", "%s has no path", field)
		f.Unless(!u.Query().Has(messageParam), "%s has a parameter %s of its own", field, messageParam)
	}
}

// checkLine puts a copy of a Line into lines, with its locales as messages
// spell them, and adds what is wrong with it.
func checkLine(f *callout.Faults, lines map[delivery.Channel]Line, ch delivery.Channel, field string, l Line) {
	if l.none() {
		return
	}
	f.Unless(l.Service != "" || l.From != "", "%s has neither Service nor From", field)
	f.Unless(l.Service == "" || callout.IsSID(l.Service, "MG"), `%s.Service is not "MG" and 32 hexadecimal digits`, field)
	templates := make(map[string]string, len(l.Templates))
	for _, key := range slices.Sorted(maps.Keys(l.Templates)) {
		f.Unless(callout.IsSID(l.Templates[key], "HX"), `%s.Templates[%q] is not "HX" and 32 hexadecimal digits`, field, key)
		locale, ok := "", true
		if key != "" {
			locale, ok = delivery.MatchLocale(ch, key)
		}
		if f.Unless(ok, "%s.Templates[%q]: there is no such locale", field, key); !ok {
			continue
		}
		_, twice := templates[locale]
		f.Unless(!twice, "%s.Templates has %q twice", field, locale)
		templates[locale] = l.Templates[key]
	}
	if ch == delivery.WhatsApp {
		f.Unless(l.From == "" || callout.IsNumber(l.From), "%s.From is not a phone number in E.164 form", field)
		f.Unless(templates[""] != "", `%s.Templates has none of ""`, field)
	} else {
		f.Unless(l.From == "" || isSender(l.From), "%s.From is neither a phone number in E.164 form, nor a short code, nor a sender ID of at most 11 characters", field)
	}
	l.Templates = templates
	lines[ch] = l
}

// isSender reports whether Twilio can take s as the sender of an SMS.
func isSender(s string) bool {
	if callout.IsNumber(s) {
		return true
	}
	if callout.IsDigits(s) {
		return len(s) >= 3 && len(s) <= 8
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return len(s) <= 11 && strings.ContainsAny(s, letters) && strings.Trim(s, letters+"0123456789 +-_&") == ""
}
