// Package callout is what the senders share that speak HTTP to a provider: the
// one bounded call that hands a message over ([Client]), and the bounded
// callback in which the provider tells later what became of it ([ReadBody],
// [Tell]).
//
// What a provider answers is told apart by the question that decides what may
// be done next: can the message have been taken? An error of [Client.Post] is
// of the kind
//
//	Temporary      nothing of the request can have reached the provider
//	Configuration  the provider's certificate was not accepted
//	Ambiguous      all else: the request, or a part of it, went out
//
// and of every answer the status is known, so that the sender decides, with
// [KindOf] for what the provider's own words leave open.
package callout

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	// MaxBody bounds the bytes of an answer that are read.
	MaxBody = 64 << 10

	// DefaultTimeout bounds a call whose ctx does not end earlier.
	DefaultTimeout = 10 * time.Second
)

// A Config says how a Client calls.
type Config struct {
	// Provider is the name of the sender in errors.
	Provider string

	// HTTP sends the requests. It must not repeat them by itself. Its
	// redirects and cookies are turned off in a copy. Default: a client with a
	// transport of its own (see NewTransport).
	HTTP *http.Client

	// Timeout bounds a call from the dial to the end of the answer.
	// Default: DefaultTimeout.
	Timeout time.Duration

	// Now is the clock that dates in answers are compared with.
	// Default: time.Now.
	Now func() time.Time

	// Secrets are what no error may show besides what the message holds.
	Secrets []string
}

// A Client calls one provider. It is safe for concurrent use.
type Client struct {
	http     http.Client
	standard bool // the transport is net/http's own
	provider string
	timeout  time.Duration
	now      func() time.Time
	secrets  *strings.Replacer
}

// New returns a Client.
func New(cfg Config) *Client {
	c := &Client{
		provider: cfg.Provider,
		timeout:  cmp.Or(cfg.Timeout, DefaultTimeout),
		now:      cfg.Now,
	}
	if cfg.HTTP != nil {
		c.http = *cfg.HTTP
	} else {
		c.http.Transport = NewTransport()
	}
	if c.now == nil {
		c.now = time.Now
	}
	// A redirected POST is another request, to somebody else.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http.Jar = nil
	transport := c.http.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	_, c.standard = transport.(*http.Transport)
	var pairs []string
	for _, secret := range cfg.Secrets {
		for _, s := range []string{secret, url.QueryEscape(secret)} {
			if s != "" {
				pairs = append(pairs, s, "[redacted]")
			}
		}
	}
	c.secrets = strings.NewReplacer(pairs...)
	return c
}

// NewTransport returns a transport for calls to one provider: TLS 1.2 or
// newer, HTTP/2 where the provider speaks it, proxies as the environment says,
// at most 100 connections over HTTP/1.1. Connections that were idle for 30
// seconds are closed: most servers wait longer, and a request that crosses the
// server's closing of its connection may or may not have been read.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        100,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: MaxBody,
	}
}

// Post sends body to target once and returns the answer, whatever its status.
// The reason of an error holds neither the URL nor the header.
//
// net/http sends a request again by itself in two cases only, and in both none
// of it was processed: the connection was closed before a byte was written to
// it, and an HTTP/2 server says so. It would also take an Idempotency-Key in
// the header for leave to repeat the request, so there must be none.
func (c *Client) Post(ctx context.Context, target string, header http.Header, body []byte) (Answer, *delivery.Error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, &delivery.Error{Kind: delivery.Temporary, Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out := way{standard: c.standard}
	traced := httptrace.WithClientTrace(ctx, out.trace())
	request, err := http.NewRequestWithContext(traced, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return Answer{}, &delivery.Error{Kind: delivery.Configuration, Reason: "the URL cannot be used"}
	}
	request.Header = header.Clone()
	request.Header.Set("User-Agent", "passcode")
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, &delivery.Error{Kind: out.kind(err, ctx.Err() != nil), Reason: cause(err)}
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, RetryAfter: retryAfter(response.Header, c.now())}
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	answer.Whole = err == nil && len(answer.Body) <= MaxBody
	answer.Body = answer.Body[:min(len(answer.Body), MaxBody)]
	return answer, nil
}

// cause is the text of an error without the URL that net/http puts before it.
func cause(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}

// Scrub makes an error of a call to m fit to be logged: it names the provider,
// and the secrets of the Config and of m are cut out of its reason.
func (c *Client) Scrub(e *delivery.Error, m delivery.Message) error {
	clean := *e
	clean.Provider = c.provider
	clean.Reason = c.secrets.Replace(e.Reason)
	return delivery.AsError(&clean, m)
}
