package smtpsender

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// Neither password nor message goes over a connection that is not what it has
// to be, and the operator is told.
func TestInsecure(t *testing.T) {
	t.Parallel()
	good := newAuthority()
	with := func(cert tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	expired := with(good.issue(testHost, time.Now().Add(-time.Hour)))
	other := with(good.issue("mail.attacker.example", time.Now().Add(time.Hour)))
	old := with(good.issue(testHost, time.Now().Add(time.Hour)))
	old.MaxVersion = tls.VersionTLS11
	for name, tt := range map[string]struct {
		server *puppet
		change func(*Config)
		want   delivery.Kind
		reason string
	}{
		"no STARTTLS":             {server: &puppet{}, want: delivery.Configuration, reason: "STARTTLS: the server does not offer it"},
		"no EHLO":                 {server: &puppet{tls: serverTLS(), do: map[string]action{"EHLO": onlyHELO}}, want: delivery.Configuration, reason: "STARTTLS: the server does not offer it"},
		"expired":                 {server: &puppet{tls: expired}, want: delivery.Configuration, reason: "certificate has expired"},
		"another host":            {server: &puppet{tls: other}, want: delivery.Configuration, reason: "valid for mail.attacker.example"},
		"unknown authority":       {server: &puppet{tls: serverTLS()}, change: func(c *Config) { c.TLS = nil }, want: delivery.Configuration, reason: "unknown authority"},
		"expired, implicit":       {server: &puppet{tls: expired, implicit: true}, change: implicitly, want: delivery.Configuration, reason: "TLS: "},
		"another host, implicit":  {server: &puppet{tls: other, implicit: true}, change: implicitly, want: delivery.Configuration, reason: "TLS: "},
		"TLS to a plain port":     {server: &puppet{tls: serverTLS()}, change: implicitly, want: delivery.Configuration, reason: "TLS: the server does not speak TLS here"},
		"plain after STARTTLS":    {server: &puppet{tls: serverTLS(), do: map[string]action{"STARTTLS": say("220 go", "250-"+testHost, "250 AUTH PLAIN")}}, want: delivery.Configuration, reason: "does not speak TLS here"},
		"plain to a TLS port":     {server: &puppet{tls: serverTLS(), implicit: true}, change: func(c *Config) { c.Timeout = 5 * time.Second }, want: delivery.Temporary, reason: "greeting: "},
		"TLS 1.1":                 {server: &puppet{tls: old}, want: delivery.Temporary, reason: "STARTTLS: "},
		"AUTH only before TLS":    {server: &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"EHLO": authOnlyInClear}}, want: delivery.Configuration, reason: "AUTH: the server offers no way"},
		"STARTTLS refused for us": {server: &puppet{tls: serverTLS(), do: map[string]action{"STARTTLS": say("554 5.7.3 unable")}}, want: delivery.Configuration, reason: "STARTTLS: 554"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.server.auth == "" {
				tt.server.auth = "PLAIN LOGIN CRAM-MD5"
			}
			cfg := config(tt.server.start(t).addr)
			if tt.change != nil {
				tt.change(&cfg)
			}
			_, err := newSender(t, cfg).Send(t.Context(), testMessage())
			if kindOfError(err) != string(tt.want) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("Send = %v, want %s: %s", err, tt.want, tt.reason)
			}
			for _, word := range []string{"AUTH", "MAIL", testTo} {
				if said := tt.server.commands(); strings.Contains(said, word) {
					t.Errorf("the client said %s:\n%s", word, said)
				}
			}
		})
	}
}

func implicitly(c *Config) { c.ImplicitTLS = true }

func onlyHELO(c *puppetConn) bool {
	if strings.HasPrefix(c.line, "EHLO") {
		return say("502 5.5.1 not implemented")(c)
	}
	return say("250 " + testHost)(c)
}

// authOnlyInClear offers a login until the connection is encrypted, which must
// not be remembered (RFC 3207 §4.2).
func authOnlyInClear(c *puppetConn) bool {
	if _, secured := c.wire.(*tls.Conn); secured {
		return say("250 " + testHost)(c)
	}
	return say("250-"+testHost, "250-AUTH PLAIN", "250 STARTTLS")(c)
}

// What somebody slips in after the answer to STARTTLS, in clear, is not taken
// for an answer of the server (CVE-2011-0411 and its kin).
func TestInjectedAnswer(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"STARTTLS": func(c *puppetConn) bool {
		c.wire.Write([]byte("220 2.0.0 go ahead\r\n250-evil\r\n250 AUTH LOGIN\r\n"))
		return c.secure()
	}}}
	_, err := newSender(t, config(p.start(t).addr)).Send(t.Context(), testMessage())
	if err == nil {
		if said := p.commands(); !strings.Contains(said, "AUTH PLAIN") {
			t.Errorf("the client took the slipped answer:\n%s", said)
		}
	} else if k := kindOfError(err); k != string(delivery.Temporary) && k != string(delivery.Configuration) {
		t.Errorf("Send = %v", err)
	}
}

// The certificate is checked against Host whatever the address that was dialed,
// and the caller's configuration is not touched.
func TestTLSConfig(t *testing.T) {
	t.Parallel()
	b := newMailbox(t, false)
	cfg := config(b.addr)
	asked := ""
	cfg.TLS.VerifyConnection = func(state tls.ConnectionState) error {
		asked = state.ServerName
		if state.Version < tls.VersionTLS12 || len(state.VerifiedChains) == 0 {
			t.Errorf("version %x, %d chains", state.Version, len(state.VerifiedChains))
		}
		return nil
	}
	if _, err := newSender(t, cfg).Send(t.Context(), testMessage()); err != nil || asked != testHost {
		t.Errorf("Send = %v; asked for %q", err, asked)
	}
	if cfg.TLS.ServerName != "" || cfg.TLS.MinVersion != 0 {
		t.Error("New changed the caller's TLS configuration")
	}
	cfg.TLS.RootCAs = x509.NewCertPool()
	if _, err := newSender(t, cfg).Send(t.Context(), testMessage()); kindOfError(err) != string(delivery.Configuration) {
		t.Errorf("with no authority: %v", err)
	}
}
