package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/passcode-go/passcode/adapters/smtpsender"
	"github.com/passcode-go/passcode/adapters/snssender"
	"github.com/passcode-go/passcode/adapters/twiliosender"
	"github.com/passcode-go/passcode/adapters/webhooksender"
	"github.com/passcode-go/passcode/adapters/whatsappsender"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/delivery/textfile"
)

// A providerConfig is one account at one provider: [providers.NAME.KIND], with
// what all kinds have in [providers.NAME].
type providerConfig struct {
	Timeout  duration `toml:"timeout"`  // of one try
	Failures int      `toml:"failures"` // within a minute, that make it rest
	Rest     duration `toml:"rest"`

	Twilio   *twilioConfig   `toml:"twilio"`
	WhatsApp *whatsappConfig `toml:"whatsapp"`
	SMTP     *smtpConfig     `toml:"smtp"`
	SNS      *snsConfig      `toml:"sns"`
	Webhook  *webhookConfig  `toml:"webhook"`
	Console  *struct{}       `toml:"console"` // prints messages, codes in clear
}

type twilioConfig struct {
	AccountSID string    `toml:"account_sid"`
	KeyID      string    `toml:"key_id"`
	Secret     secret    `toml:"secret"`
	SMS        *lineConf `toml:"sms"`
	WhatsApp   *lineConf `toml:"whatsapp"`
	BaseURL    string    `toml:"base_url"`
	Tokens     []secret  `toml:"tokens"` // that sign callbacks
}

type lineConf struct {
	Service   string            `toml:"service"`
	From      string            `toml:"from"`
	Templates map[string]string `toml:"templates"` // by locale; "default" for all other
}

type whatsappConfig struct {
	PhoneNumberID string                  `toml:"phone_number_id"`
	Token         secret                  `toml:"token"`
	AppSecret     secret                  `toml:"app_secret"`
	Templates     map[string]templateConf `toml:"templates"` // by locale; "default" for all other
	Version       string                  `toml:"version"`
	BaseURL       string                  `toml:"base_url"`
	VerifyToken   secret                  `toml:"verify_token"` // of callbacks, as AppSecrets
	AppSecrets    []secret                `toml:"app_secrets"`
}

type templateConf struct {
	Name     string `toml:"name"`
	Language string `toml:"language"`
}

type smtpConfig struct {
	Host            string `toml:"host"`
	Port            int    `toml:"port"`
	ImplicitTLS     bool   `toml:"implicit_tls"`
	UnsafePlaintext bool   `toml:"unsafe_plaintext"`
	Username        string `toml:"username"`
	Password        secret `toml:"password"`
	Mechanism       string `toml:"mechanism"`
	From            string `toml:"from"`
	Helo            string `toml:"helo"`
	MaxConns        int    `toml:"max_conns"`
	CAFile          string `toml:"ca_file"` // authorities of its certificate, in PEM; default: those of the system
}

type snsConfig struct {
	Region               string            `toml:"region"`
	AccessKeyID          string            `toml:"access_key_id"`
	SecretKey            secret            `toml:"secret_key"`
	SessionToken         secret            `toml:"session_token"`
	Origination          string            `toml:"origination"`
	ConfigurationSet     string            `toml:"configuration_set"`
	ProtectConfiguration string            `toml:"protect_configuration"`
	MaxPrice             float64           `toml:"max_price"`
	CountryParameters    map[string]string `toml:"country_parameters"`
	Endpoint             string            `toml:"endpoint"` // in the place of AWS
	UnsafePlaintext      bool              `toml:"unsafe_plaintext"`
	Topics               []string          `toml:"topics"` // of SNS, whose messages are callbacks
	UnsafeSHA1           bool              `toml:"unsafe_sha1"`
}

type webhookConfig struct {
	URL             string   `toml:"url"`
	UnsafePlaintext bool     `toml:"unsafe_plaintext"`
	Keys            []secret `toml:"keys"`
	Idempotent      bool     `toml:"idempotent"`  // the service answers a message that it has seen as before
	ReportKeys      []secret `toml:"report_keys"` // that sign callbacks
}

// A provider is a sender with what hears from it.
type provider struct {
	sender     delivery.Sender
	carries    []delivery.Channel // nil: all
	callback   http.Handler       // nil if the provider tells nothing
	idempotent bool
	close      func() error
	breaker    *delivery.Breaker // around the sender
}

// provider makes the sender of a provider, or notes what is wrong with it.
func (f *parsedFile) provider(name string, m *messaging, out *console.Sender, observe delivery.Observer) (p provider) {
	c := f.Providers[name]
	key := "providers." + name
	kinds := 0
	has := func(kind bool) bool {
		if kind {
			kinds++
		}
		return kind
	}
	if has(c.Twilio != nil) {
		p = f.twilio(name, key+".twilio", c.Twilio, observe)
	}
	if has(c.WhatsApp != nil) {
		p = f.whatsapp(name, key+".whatsapp", c.WhatsApp, observe)
	}
	if has(c.SMTP != nil) {
		p = f.smtp(name, key+".smtp", c.SMTP, m.files)
	}
	if has(c.SNS != nil) {
		p = f.sns(name, key+".sns", c.SNS, observe)
	}
	if has(c.Webhook != nil) {
		p = f.webhook(name, key+".webhook", c.Webhook, observe)
	}
	if has(c.Console != nil) {
		p = provider{sender: out}
	}
	if kinds != 1 {
		f.fault(key, "needs exactly one of [%s.twilio], [%s.whatsapp], [%s.smtp], [%s.sns], [%s.webhook] and [%s.console]", key, key, key, key, key, key)
	}
	return p
}

// callbackPath is where a provider's callbacks are taken.
func callbackPath(name string) string { return "/callbacks/" + name }

// callbackURL returns the public URL of a provider's callbacks, "" if there is
// none. A problem is noted if it is needed.
func (f *parsedFile) callbackURL(name, key string, needed bool) string {
	if f.Callbacks.URL == "" {
		if needed {
			f.fault(key, "callbacks need callbacks.url, the address by which the provider reaches this program")
		}
		return ""
	}
	return strings.TrimSuffix(f.Callbacks.URL, "/") + callbackPath(name)
}

// checkCallbacks notes what is wrong with callbacks.url.
func (f *parsedFile) checkCallbacks() {
	if f.Callbacks.URL == "" {
		return
	}
	u, err := url.Parse(f.Callbacks.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		f.fault("callbacks.url", "is not a URL such as https://codes.example.com")
	}
}

func (f *parsedFile) secrets(key string, refs []secret) (values []delivery.Secret) {
	for _, s := range refs {
		values = append(values, f.secret(key, s))
	}
	return values
}

// byLocale gives templates the names that the senders know.
func byLocale[T any](templates map[string]T) map[string]T {
	named := maps.Clone(templates)
	if t, ok := named["default"]; ok {
		named[""] = t
		delete(named, "default")
	}
	return named
}

func (f *parsedFile) twilio(name, key string, c *twilioConfig, observe delivery.Observer) (p provider) {
	line := func(l *lineConf) twiliosender.Line {
		if l == nil {
			return twiliosender.Line{}
		}
		return twiliosender.Line{Service: l.Service, From: l.From, Templates: byLocale(l.Templates)}
	}
	cfg := twiliosender.Config{
		Name: name, AccountSID: c.AccountSID, KeyID: c.KeyID, Secret: f.secret(key+".secret", c.Secret),
		SMS: line(c.SMS), WhatsApp: line(c.WhatsApp), BaseURL: c.BaseURL, Timeout: f.Providers[name].Timeout.Duration,
	}
	p.carries = []delivery.Channel{} // nothing without a line, which the sender refuses itself
	if c.SMS != nil {
		p.carries = append(p.carries, delivery.SMS)
	}
	if c.WhatsApp != nil {
		p.carries = append(p.carries, delivery.WhatsApp)
	}
	if len(c.Tokens) > 0 {
		to := f.callbackURL(name, key+".tokens", true)
		if to != "" {
			to += "#rc=3&rp=all" // told again if we could not take it
		}
		callback, err := twiliosender.NewCallback(twiliosender.CallbackConfig{
			Name: name, AccountSID: c.AccountSID, Tokens: f.secrets(key+".tokens", c.Tokens), URL: to, Observe: observe,
		})
		if err != nil && to != "" {
			f.fault(key, "%v", err)
		}
		p.callback, cfg.CallbackURL = callback, to
	}
	s, err := twiliosender.New(cfg)
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.sender = s
	return p
}

func (f *parsedFile) whatsapp(name, key string, c *whatsappConfig, observe delivery.Observer) (p provider) {
	templates := make(map[string]whatsappsender.Template)
	for locale, t := range byLocale(c.Templates) {
		templates[locale] = whatsappsender.Template{Name: t.Name, Language: t.Language}
	}
	s, err := whatsappsender.New(whatsappsender.Config{
		Name: name, PhoneNumberID: c.PhoneNumberID, Token: f.secret(key+".token", c.Token), AppSecret: f.secret(key+".app_secret", c.AppSecret),
		Templates: templates, Version: c.Version, BaseURL: c.BaseURL, Timeout: f.Providers[name].Timeout.Duration,
	})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.sender, p.carries = s, []delivery.Channel{delivery.WhatsApp}
	if c.VerifyToken.ref == "" && len(c.AppSecrets) == 0 {
		return p
	}
	callback, err := whatsappsender.NewCallback(whatsappsender.CallbackConfig{
		Name: name, PhoneNumberID: c.PhoneNumberID, VerifyToken: f.secret(key+".verify_token", c.VerifyToken),
		AppSecrets: f.secrets(key+".app_secrets", c.AppSecrets), Observe: observe,
	})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.callback = callback
	return p
}

func (f *parsedFile) smtp(name, key string, c *smtpConfig, files *textfile.Files) (p provider) {
	cfg := smtpsender.Config{
		Name: name, Host: c.Host, Port: c.Port, ImplicitTLS: c.ImplicitTLS, UnsafePlaintext: c.UnsafePlaintext,
		Username: c.Username, Password: f.secret(key+".password", c.Password), Mechanism: c.Mechanism,
		From: c.From, Helo: c.Helo, MaxConns: c.MaxConns, Timeout: f.Providers[name].Timeout.Duration,
	}
	if c.CAFile != "" {
		cfg.TLS = &tls.Config{RootCAs: f.roots(key+".ca_file", c.CAFile)}
		if c.UnsafePlaintext {
			f.fault(key+".ca_file", "there is no certificate with unsafe_plaintext")
		}
	}
	if files != nil {
		cfg.Pages = func(p smtpsender.Page) (string, bool, error) {
			return files.HTML(delivery.Text{Channel: delivery.Email, Purpose: p.Purpose, Locale: p.Locale, Code: p.Code, Expires: p.Expires}, p.Subject)
		}
	}
	s, err := smtpsender.New(cfg)
	if err != nil {
		f.fault(key, "%v", err)
		return p
	}
	return provider{sender: s, carries: []delivery.Channel{delivery.Email}, close: func() error { s.Close(); return nil }}
}

// roots reads the certificates of authorities.
func (f *parsedFile) roots(key, name string) *x509.CertPool {
	content, err := readUnaltered(f.beside(name))
	if err != nil {
		f.fault(key, "%v", err)
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		f.fault(key, "%s has no certificate in PEM", name)
	}
	return pool
}

// account returns how AWS is called. Keys that are not in the file are found
// where AWS's own programs find them, when the first message is sent: in the
// environment, in the files of ~/.aws, or from the machine's or the task's role.
func (f *parsedFile) account(key string, c *snsConfig) aws.Config {
	id, secret, token := c.AccessKeyID != "", c.SecretKey.ref != "", c.SessionToken.ref != ""
	if !id && !secret && !token {
		account, err := awsconfig.LoadDefaultConfig(context.Background(), awsconfig.WithRegion(c.Region), awsconfig.WithLogger(logging.Nop{}))
		if err != nil {
			f.fault(key, "%v", err)
			return aws.Config{Region: c.Region, Credentials: aws.AnonymousCredentials{}}
		}
		return account
	}
	switch {
	case id && !secret:
		f.fault(key+".access_key_id", "goes with secret_key: have both, or neither for the credentials of the machine")
	case !id && secret:
		f.fault(key+".secret_key", "goes with access_key_id: have both, or neither for the credentials of the machine")
	case !id:
		f.fault(key+".session_token", "goes with access_key_id and secret_key")
	}
	return aws.Config{Region: c.Region, Credentials: snssender.Keys(c.AccessKeyID, f.secret(key+".secret_key", c.SecretKey), f.secret(key+".session_token", c.SessionToken))}
}

func (f *parsedFile) sns(name, key string, c *snsConfig, observe delivery.Observer) (p provider) {
	account := f.account(key, c)
	if c.Endpoint != "" {
		account.BaseEndpoint = &c.Endpoint
	}
	s, err := snssender.NewFromConfig(account, snssender.Config{
		Name: name, Origination: c.Origination, ConfigurationSet: c.ConfigurationSet, ProtectConfiguration: c.ProtectConfiguration,
		MaxPrice: c.MaxPrice, CountryParameters: c.CountryParameters, UnsafePlaintext: c.UnsafePlaintext,
		Timeout: f.Providers[name].Timeout.Duration,
	})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.sender, p.carries = s, []delivery.Channel{delivery.SMS}
	if len(c.Topics) == 0 {
		if c.UnsafeSHA1 {
			f.fault(key+".unsafe_sha1", "there are no topics")
		}
		return p
	}
	if c.ConfigurationSet == "" {
		f.fault(key+".topics", "callbacks need configuration_set: without one AWS tells no topic anything")
	}
	callback, err := snssender.NewCallback(snssender.CallbackConfig{Name: name, Topics: c.Topics, UnsafeSHA1: c.UnsafeSHA1, Observe: observe})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.callback = callback
	return p
}

func (f *parsedFile) webhook(name, key string, c *webhookConfig, observe delivery.Observer) (p provider) {
	keys, err := webhooksender.ParseKeys(f.secrets(key+".keys", c.Keys)...)
	if err != nil {
		f.fault(key+".keys", "%v", err)
		return p
	}
	s, err := webhooksender.New(webhooksender.Config{Name: name, URL: c.URL, UnsafePlaintext: c.UnsafePlaintext, Keys: keys, Timeout: f.Providers[name].Timeout.Duration})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p = provider{sender: s, idempotent: c.Idempotent}
	if len(c.ReportKeys) == 0 {
		return p
	}
	if keys, err = webhooksender.ParseKeys(f.secrets(key+".report_keys", c.ReportKeys)...); err != nil {
		f.fault(key+".report_keys", "%v", err)
		return p
	}
	callback, err := webhooksender.NewCallback(webhooksender.CallbackConfig{Name: name, Keys: keys, Observe: observe})
	if err != nil {
		f.fault(key, "%v", err)
	}
	p.callback = callback
	return p
}

// providerNames returns the names of all providers in alphabetical order.
func (f *parsedFile) providerNames() []string { return slices.Sorted(maps.Keys(f.Providers)) }
