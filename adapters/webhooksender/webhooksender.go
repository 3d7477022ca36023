package webhooksender

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// ErrConfig is what every error of New, ParseKeys, NewCallback and NewReceiver
// wraps.
var ErrConfig = errors.New("webhooksender: not usable")

const defaultName = "webhook"

// A Config says how a Sender sends.
type Config struct {
	// Name is the sender's name in errors, and in receipts of a service that
	// names nobody. Default: "webhook".
	Name string

	// URL is where the service takes messages: https, or http on a loopback
	// host. Required.
	URL string

	// UnsafePlaintext allows http to other hosts. Whoever sees the network
	// then reads every code and number, and can sign in as their owner.
	UnsafePlaintext bool

	// Keys sign every request, each of them. Required.
	Keys Keys

	// HTTP sends the requests. It must not repeat them by itself; redirects
	// are not followed whatever it says. Default: a client of the sender's own.
	HTTP *http.Client

	// Timeout bounds a Send whose ctx does not end earlier.
	// Default: 10 seconds.
	Timeout time.Duration

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Sender sends to the operator's service. It is safe for concurrent use.
type Sender struct {
	name   string
	client *callout.Client
	url    delivery.Secret // whose path or query may be a secret
	keys   Keys
	now    func() time.Time
}

var _ delivery.Sender = (*Sender)(nil)

// New returns a Sender. Its error wraps [ErrConfig] and names every field that
// is wrong.
func New(cfg Config) (*Sender, error) {
	f := callout.NewFaults(ErrConfig)
	f.URL("URL", cfg.URL, cfg.UnsafePlaintext)
	f.Unless(len(cfg.Keys.secrets) > 0, "Keys are missing")
	f.Unless(cfg.Timeout >= 0, "Timeout is negative")
	if err := f.Err(); err != nil {
		return nil, err
	}
	s := &Sender{
		name: cmp.Or(cfg.Name, defaultName),
		url:  delivery.NewSecret(cfg.URL),
		keys: cfg.Keys,
		now:  cfg.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	var secrets []string
	if u, err := url.Parse(cfg.URL); err == nil && len(u.RequestURI()) > 1 {
		secrets = []string{u.RequestURI()}
	}
	s.client = callout.New(callout.Config{Provider: s.name, HTTP: cfg.HTTP, Timeout: cfg.Timeout, Now: s.now, Secrets: secrets})
	return s, nil
}
