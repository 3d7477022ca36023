package smtpsender_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/passcode-go/passcode/adapters/smtpsender"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// A program signs people in by e-mail: it sends a code through its mail
// provider, and checks what the person types.
func Example() {
	provider := startProvider()
	defer provider.Close()

	mail, err := smtpsender.New(smtpsender.Config{
		Host:     "localhost",
		Port:     provider.port,
		TLS:      &tls.Config{RootCAs: provider.roots}, // not needed for a provider with a public certificate
		Username: "codes",
		Password: delivery.NewSecret("correct-horse"),
		From:     "Acme <codes@acme.example>",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     engine.RandomKeys(),
		Channels: engine.Channels{delivery.Email: {Sender: mail}},
		Texts:    delivery.Texts{App: "Acme"},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.Email, To: "jane@example.com", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	letter := <-provider.letters
	for line := range strings.Lines(letter) {
		if strings.HasPrefix(line, "Subject:") || strings.HasPrefix(line, "Auto-Submitted:") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	_, code, _ := strings.Cut(letter, "Your Acme code is ")
	if _, err = eng.Verify(ctx, challenge.ID, code[:6]); err != nil {
		log.Fatal(err)
	}
	fmt.Println("signed in")

	// A mailbox that does not exist is told apart from a provider in trouble.
	_, err = mail.Send(ctx, delivery.Message{
		ID:      "b7Jx1",
		Channel: delivery.Email,
		To:      delivery.NewAddress("nobody@example.com"),
		Code:    delivery.NewSecret("917364"),
		Subject: "Your code",
		Body:    delivery.NewSecret("Your code is 917364."),
	})
	fmt.Println(errors.Is(err, delivery.ErrRejected), err)
	// Output:
	// Auto-Submitted: auto-generated
	// Subject: Your Acme code
	// signed in
	// true delivery: rejected: smtp: RCPT: 550 5.1.1 no mailbox [redacted] here
}

// A provider stands in for a mail provider's submission service.
type provider struct {
	*smtp.Server
	port    int
	roots   *x509.CertPool
	letters chan string
}

func startProvider() *provider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	p := &provider{port: listener.Addr().(*net.TCPAddr).Port, roots: x509.NewCertPool(), letters: make(chan string, 1)}
	p.roots.AddCert(cert)
	p.Server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{p.letters}, nil }))
	p.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go p.Serve(listener)
	return p
}

type session struct{ letters chan<- string }

func (session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "codes" || password != "correct-horse" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "nobody@example.com" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox " + to + " here"}
	}
	return nil
}
func (s session) Data(r io.Reader) error {
	letter, err := io.ReadAll(r)
	s.letters <- string(letter)
	return err
}
func (session) Reset()        {}
func (session) Logout() error { return nil }
