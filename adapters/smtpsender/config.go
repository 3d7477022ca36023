package smtpsender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
)

// ErrConfig is what every error of New is.
var ErrConfig = errors.New("smtpsender: configuration cannot be used")

// Defaults and limits of Config.
const (
	portSTARTTLS = 587 // RFC 6409
	portTLS      = 465 // RFC 8314

	defaultTimeout  = 30 * time.Second
	maxTimeout      = 10 * time.Minute // what RFC 5321 §4.5.3.2.6 gives the server after the dot
	defaultMaxConns = 4
	maxMaxConns     = 64
	defaultIdle     = 30 * time.Second
	maxName         = 32
	maxFromName     = 64
)

// Config says which server a Sender sends through, and as whom. Host and From
// are required.
type Config struct {
	// Name is the provider's name in receipts and errors. Senders of different
	// servers need different names. Default "smtp".
	Name string

	// Host is the server's name, which its certificate must show, or its
	// address.
	Host string

	// Port is the server's port. Default 587, or 465 with ImplicitTLS.
	Port int

	// ImplicitTLS speaks TLS from the first byte, as RFC 8314 recommends and
	// port 465 expects. Default: STARTTLS, without which nothing is sent.
	ImplicitTLS bool

	// UnsafePlaintext speaks no TLS at all, not even where the server offers
	// it. Whoever sees the traffic then reads the codes and can log in with
	// them. It is for a relay on the same machine.
	UnsafePlaintext bool

	// TLS adds to how TLS is spoken: RootCAs for a server with a certificate of
	// one's own authority, Certificates to show one to the server. Default:
	// TLS 1.2 or later, the system's authorities, Host as the server's name.
	// InsecureSkipVerify is refused.
	TLS *tls.Config

	// Username and Password log in. Default: no login. A username needs a
	// Password or a Token.
	Username string
	Password delivery.Secret

	// Token, in place of Password, returns an OAuth 2.0 access token for
	// XOAUTH2. It is called for each new connection, with the ctx of a Send, and
	// by many goroutines at once; it should keep its token until it expires.
	// An error counts as Temporary, and its text is not repeated.
	Token func(ctx context.Context) (delivery.Secret, error)

	// Mechanism is how to log in: one of SCRAM-SHA-256-PLUS, SCRAM-SHA-256,
	// SCRAM-SHA-1-PLUS, SCRAM-SHA-1, PLAIN, LOGIN and CRAM-MD5. Default: the
	// first of these that the server offers and the connection allows.
	Mechanism string

	// From is the sender's address, alone or as in "Example
	// <codes@example.com>". Replies and bounces go there.
	From string

	// Helo is the name that the client greets with: a host name, or an address
	// in brackets. Default: the domain of From.
	Helo string

	// HTML writes the HTML part from a Page; its name and its own templates are
	// the caller's. Executing it once, which New does, seals it. Default: a
	// plain page in the reader's colours, without remote content.
	HTML *template.Template

	// Pages writes the HTML parts of some messages in the place of HTML: all for
	// which it says ok. It writes at most 100 KiB, with the code in one piece. An
	// error is one of Configuration. It is safe for concurrent use. Default: none.
	Pages func(p Page) (html string, ok bool, err error)

	// Timeout bounds one Send, besides its ctx. Default 30 s, at most 10 min.
	Timeout time.Duration

	// MaxConns bounds the connections to the server, those in use and those
	// kept. A Send waits for a free one within its time. Default 4, at most 64.
	MaxConns int

	// IdleTimeout is how long an unused connection is kept. It should be
	// shorter than what the server allows, which is minutes. Default 30 s;
	// negative: every message has a connection of its own.
	IdleTimeout time.Duration

	// Dial opens connections. Default: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Now is the clock, for the Date of messages and the age of connections.
	// Default time.Now.
	Now func() time.Time
}

// fill returns a copy of the configuration with its defaults, and the sender's
// address, or what is wrong.
func (c Config) fill() (Config, mail.Address, error) {
	from, err := parseFrom(c.From)
	if err != nil {
		return c, from, err
	}
	if c.Name == "" {
		c.Name = "smtp"
	}
	if c.Port == 0 {
		c.Port = portSTARTTLS
		if c.ImplicitTLS {
			c.Port = portTLS
		}
	}
	if c.Helo == "" {
		_, c.Helo, _ = strings.Cut(from.Address, "@")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.HTML == nil {
		c.HTML = plainPage()
	}
	if fault := c.fault(); fault != "" {
		return c, from, fmt.Errorf("%w: %s", ErrConfig, fault)
	}
	if err := checkPage(c.HTML); err != nil {
		return c, from, fmt.Errorf("%w: HTML: %w", ErrConfig, err)
	}
	c.TLS = c.tls()
	return c, from, nil
}

// fault says what is wrong with a configuration that has its defaults, ""
// if nothing is. It never repeats a value.
func (c *Config) fault() string {
	password, token := c.Password.Reveal() != "", c.Token != nil
	switch {
	case !oneLine(c.Name) || utf8.RuneCountInString(c.Name) > maxName:
		return "Name is longer than 32 characters, or has one that does not print"
	case !hostLike(c.Host):
		return "Host is no host name or address"
	case c.Port < 1 || c.Port > 65535:
		return "Port is not between 1 and 65535"
	case c.ImplicitTLS && c.UnsafePlaintext:
		return "ImplicitTLS and UnsafePlaintext exclude each other"
	case c.Port == portTLS && !c.ImplicitTLS:
		return "port 465 speaks TLS from the first byte: set ImplicitTLS"
	case c.TLS != nil && c.TLS.InsecureSkipVerify:
		return "TLS.InsecureSkipVerify: put the server's authority into TLS.RootCAs instead"
	case c.TLS != nil && c.TLS.MaxVersion != 0 && c.TLS.MaxVersion < tls.VersionTLS12:
		return "TLS.MaxVersion is below TLS 1.2"
	case !hostLike(strings.Trim(c.Helo, "[]")):
		return "Helo is no host name, and no address in brackets"
	case password && token:
		return "Password and Token exclude each other"
	case c.Username == "" && (password || token):
		return "there is no Username"
	case c.Username != "" && !password && !token:
		return "there is a Username, but neither Password nor Token"
	case strings.ContainsFunc(c.Username+c.Password.Reveal(), unicode.IsControl):
		return "Username or Password has a control character"
	case c.Mechanism != "" && (token || rank(c.Mechanism) < 0):
		return "Mechanism is none of those listed, or not for a Token"
	case c.UnsafePlaintext && (token || rank(c.Mechanism) >= 0 && !mechanisms[rank(c.Mechanism)].clear):
		return "this way to log in shows the password, which UnsafePlaintext must not"
	case c.Timeout < 0 || c.Timeout > maxTimeout:
		return "Timeout is negative or longer than 10 min"
	case c.MaxConns < 0 || c.MaxConns > maxMaxConns:
		return "MaxConns is not between 1 and 64"
	}
	return ""
}

// tls returns the TLS configuration to use.
func (c *Config) tls() *tls.Config {
	out := &tls.Config{}
	if c.TLS != nil {
		out = c.TLS.Clone()
	}
	if out.ServerName == "" {
		out.ServerName = c.Host
	}
	out.MinVersion = max(out.MinVersion, tls.VersionTLS12)
	return out
}

// parseFrom checks the sender's address and name.
func parseFrom(from string) (mail.Address, error) {
	// Before parsing: net/mail takes folded lines.
	if from == "" || !oneLine(from) {
		return mail.Address{}, fmt.Errorf("%w: From is empty, or has a character that does not print", ErrConfig)
	}
	parsed, err := mail.ParseAddress(from)
	if err != nil {
		return mail.Address{}, fmt.Errorf("%w: From is no address", ErrConfig)
	}
	address, _, _, err := delivery.ParseEmailExact(parsed.Address)
	if err != nil {
		return mail.Address{}, fmt.Errorf("%w: From: %w", ErrConfig, err)
	}
	// An encoded word may hold anything.
	if !oneLine(parsed.Name) || utf8.RuneCountInString(parsed.Name) > maxFromName {
		return mail.Address{}, fmt.Errorf("%w: From's name is longer than 64 characters, or has one that does not print", ErrConfig)
	}
	return mail.Address{Name: parsed.Name, Address: address}, nil
}

// oneLine reports whether s is valid text of characters that print.
func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// hostLike reports whether s may be a host name or an IP address. What exactly
// it names, the resolver says.
func hostLike(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x80 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '.' && r != '_' && r != ':'
	})
}
