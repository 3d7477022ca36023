package smtpsender

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/passcode-go/passcode/delivery"
)

// What the tests send, and as whom.
const (
	testHost     = "mail.passcode.example"
	testUser     = "codes-user"
	testPassword = "correct-horse-battery"
	testToken    = "ya29.token-of-the-tests"
	testCode     = "917364"
	testTo       = "jane.roe@recipient.example"
	testFrom     = "codes@passcode.example"
)

func testMessage() delivery.Message {
	subject, body, err := delivery.Texts{App: "Acme"}.Render(delivery.Email, "en", testCode, 5*time.Minute)
	if err != nil {
		panic(err)
	}
	return delivery.Message{
		ID:      rand.Text(),
		Channel: delivery.Email,
		To:      delivery.NewAddress(testTo),
		Code:    delivery.NewSecret(testCode),
		Subject: subject,
		Body:    delivery.NewSecret(body),
		Locale:  "en",
		Purpose: "login",
		Expires: 5 * time.Minute,
	}
}

// An authority signs the certificates of the tests' servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var newAuthority = sync.OnceValue(func() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		panic(err)
	}
	a.cert, err = x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return a
})

// issue returns a certificate for a host that ends at a time.
func (a *authority) issue(host string, ends time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: ends,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serverTLS is the TLS configuration of a server that is in order.
var serverTLS = sync.OnceValue(func() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{newAuthority().issue(testHost, time.Now().Add(time.Hour))}}
})

// config returns the configuration for a server of the tests at an address.
func config(address string) Config {
	pool := x509.NewCertPool()
	pool.AddCert(newAuthority().cert)
	return Config{
		Host:     testHost,
		TLS:      &tls.Config{RootCAs: pool},
		Username: testUser,
		Password: delivery.NewSecret(testPassword),
		From:     "Acme <" + testFrom + ">",
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}

// newSender returns a sender that is closed with the test.
func newSender(t testing.TB, cfg Config) *Sender {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A mailbox is a real SMTP server that keeps what it gets.
type mailbox struct {
	addr string

	mu       sync.Mutex
	letters  []string // as they came
	from, to []string
	helo     []string
	conns    int
	refusal  func(letter string) error // at the end of the message
}

// newMailbox starts one, with STARTTLS and PLAIN, or with TLS from the first
// byte.
func newMailbox(t testing.TB, implicit bool) *mailbox {
	t.Helper()
	b := &mailbox{}
	server := gosmtp.NewServer(gosmtp.BackendFunc(b.session))
	server.Domain = testHost
	server.TLSConfig = serverTLS()
	server.ErrorLog = discard{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, serverTLS())
	}
	var running sync.WaitGroup
	running.Go(func() { server.Serve(l) })
	t.Cleanup(func() { l.Close(); server.Close(); running.Wait() })
	return b
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

func (b *mailbox) session(c *gosmtp.Conn) (gosmtp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.helo = append(b.helo, c.Hostname())
	if _, secure := c.TLSConnectionState(); secure {
		b.conns++
	}
	return &mailSession{b: b}, nil
}

func (b *mailbox) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.letters...)
}

type mailSession struct {
	b      *mailbox
	authed bool
	from   string
	to     string
}

func (s *mailSession) AuthMechanisms() []string { return []string{"PLAIN"} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != testUser || password != testPassword {
			return gosmtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, o *gosmtp.MailOptions) error {
	if !s.authed {
		return gosmtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, o *gosmtp.RcptOptions) error { s.to = to; return nil }

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.refusal != nil {
		return s.b.refusal(string(text))
	}
	s.b.letters = append(s.b.letters, string(text))
	s.b.from, s.b.to = append(s.b.from, s.from), append(s.b.to, s.to)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// A parsed letter.
type parsed struct {
	header     mail.Header
	text, html string
}

// parse reads a letter as a mail program does.
func parse(letter string) (parsed, error) {
	m, err := mail.ReadMessage(strings.NewReader(letter))
	if err != nil {
		return parsed{}, err
	}
	p := parsed{header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return p, errors.Join(errors.New("content type "+kind), err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct {
		kind string
		into *string
	}{{"text/plain", &p.text}, {"text/html", &p.html}} {
		part, err := parts.NextRawPart()
		if err != nil {
			return p, err
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind != want.kind {
			return p, errors.New("part of type " + kind)
		}
		if encoding := part.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
			return p, errors.New("part encoded as " + encoding)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return p, err
		}
		*want.into = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		return p, errors.Join(errors.New("more than two parts"), err)
	}
	return p, nil
}

// kindOfError returns the kind of a sender's error, or what else it is.
func kindOfError(err error) string {
	var e *delivery.Error
	switch {
	case err == nil:
		return "sent"
	case !errors.As(err, &e):
		return "untyped: " + err.Error()
	}
	return string(e.Kind)
}

// decoder decodes header fields as a mail program does.
var decoder = new(mime.WordDecoder)
