package whatsappsender

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// ErrConfig is what every error of New and NewCallback wraps.
var ErrConfig = errors.New("whatsappsender: not usable")

const (
	defaultName    = "whatsapp"
	defaultBaseURL = "https://graph.facebook.com"
	defaultVersion = "v25.0"
)

// A Config says how a Sender sends.
type Config struct {
	// Name is the sender's name in receipts, errors and reports.
	// Default: "whatsapp".
	Name string

	// PhoneNumberID is Meta's id of the business phone number that sends, all
	// digits; it is not the number. Required.
	PhoneNumberID string

	// Token is an access token with the permission whatsapp_business_messaging;
	// one of a system user, as others expire. Required.
	Token delivery.Secret

	// AppSecret is the secret of the app that Token belongs to. With it every
	// request has an appsecret_proof, which apps may demand. Default: none.
	AppSecret delivery.Secret

	// Templates are the authentication templates by locale as
	// delivery.Locales spells it; the one of "" is for all other locales, and
	// required. List a locale only if its template is approved: a user who can
	// choose a language without one would make Meta refuse what looks like a
	// mistake of the account.
	Templates map[string]Template

	// Version is that of the Graph API. Default: "v25.0".
	Version string

	// BaseURL is where the API is. Default: "https://graph.facebook.com".
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

// A Template is an approved authentication template in one language.
type Template struct {
	// Name is the template's name: small letters, digits and underscores.
	Name string

	// Language is the language it was approved in, as Meta spells it:
	// "en_US". Default: the language of the locale without a region, where
	// Meta has it: "en", "pt_BR", "zh_CN"; of "" it is "en".
	Language string
}

// languages are Meta's names of the languages of delivery's locales. It is
// never written to.
var languages = map[string]string{
	"": "en", "en": "en", "es": "es", "fr": "fr", "pt-br": "pt_BR", "it": "it", "de-DE": "de", "zh-Hans": "zh_CN", "ca-ES": "ca",
	"ja": "ja", "ru": "ru", "nl": "nl", "pl": "pl", "tr": "tr", "fa": "fa", "vi": "vi", "cs": "cs",
}

// A Sender sends through Meta. It is safe for concurrent use.
type Sender struct {
	name      string
	client    *callout.Client
	url       delivery.Secret // of the messages endpoint, with the proof
	token     delivery.Secret
	templates map[string]Template
}

var _ delivery.Sender = (*Sender)(nil)

var (
	templateName = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)
	language     = regexp.MustCompile(`^[a-z]{2,3}(_[A-Za-z]{2,4})?$`)
	version      = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)
)

// New returns a Sender. Its error wraps [ErrConfig] and names every field that
// is wrong.
func New(cfg Config) (*Sender, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(callout.IsDigits(cfg.PhoneNumberID), "PhoneNumberID is not all digits")
	f.Unless(cfg.Token.Reveal() != "", "Token is missing")
	f.Unless(!strings.ContainsAny(cfg.Token.Reveal(), "\r\n\x00 "), "Token has a space or the end of a line in it")
	f.Unless(cfg.Timeout >= 0, "Timeout is negative")
	base := strings.TrimSuffix(cmp.Or(cfg.BaseURL, defaultBaseURL), "/")
	f.URL("BaseURL", base, false)
	f.Unless(!strings.ContainsAny(base, "?#"), "BaseURL has a query or a fragment")
	graph := cmp.Or(cfg.Version, defaultVersion)
	f.Unless(version.MatchString(graph), `Version is not of the form "v25.0"`)
	templates := checkTemplates(f, cfg.Templates)
	if err := f.Err(); err != nil {
		return nil, err
	}
	s := &Sender{name: cmp.Or(cfg.Name, defaultName), token: cfg.Token, templates: templates}
	url := base + "/" + graph + "/" + cfg.PhoneNumberID + "/messages"
	secrets := []string{cfg.Token.Reveal()}
	if secret := cfg.AppSecret.Reveal(); secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(cfg.Token.Reveal()))
		proof := hex.EncodeToString(mac.Sum(nil))
		url += "?appsecret_proof=" + proof
		secrets = append(secrets, secret, proof)
	}
	s.url = delivery.NewSecret(url)
	s.client = callout.New(callout.Config{Provider: s.name, HTTP: cfg.HTTP, Timeout: cfg.Timeout, Now: cfg.Now, Secrets: secrets})
	return s, nil
}

// checkTemplates returns a copy of the templates, with the locales as messages
// spell them and the defaults filled in, and adds what is wrong with them.
func checkTemplates(f *callout.Faults, given map[string]Template) map[string]Template {
	templates := make(map[string]Template, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		t := given[key]
		f.Unless(templateName.MatchString(t.Name), "Templates[%q].Name is not of small letters, digits and underscores", key)
		locale, ok := "", true
		if key != "" {
			locale, ok = delivery.MatchLocale(delivery.WhatsApp, key)
		}
		if f.Unless(ok, "Templates[%q]: there is no such locale", key); !ok {
			continue
		}
		t.Language = cmp.Or(t.Language, languages[locale])
		f.Unless(language.MatchString(t.Language), `Templates[%q].Language is not of the form "en" or "en_US"`, key)
		_, twice := templates[locale]
		f.Unless(!twice, "Templates has %q twice", locale)
		templates[locale] = t
	}
	_, ok := given[""]
	f.Unless(ok, `Templates has none of ""`)
	return templates
}
