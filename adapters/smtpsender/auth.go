package smtpsender

import (
	"bytes"
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"

	"github.com/wneessen/go-mail/smtp"

	"github.com/passcode-go/passcode/delivery"
)

// mechanisms are the ways to log in with a password, the strongest first. With
// TLS, CRAM-MD5 comes last: the server must then keep the password itself.
var mechanisms = [...]struct {
	name  string
	clear bool // does without TLS: it does not show the password
}{
	{"SCRAM-SHA-256-PLUS", false}, // binds to the TLS connection
	{"SCRAM-SHA-256", true},
	{"SCRAM-SHA-1-PLUS", false},
	{"SCRAM-SHA-1", true},
	{"PLAIN", false},
	{"LOGIN", false},
	{"CRAM-MD5", true},
}

// rank returns a mechanism's place among the mechanisms, -1 if it is none.
func rank(name string) int {
	for i, m := range mechanisms {
		if m.name == name {
			return i
		}
	}
	return -1
}

// choose returns the mechanism to log in with, of those that a server offers.
func (c *Config) choose(offered string) (string, error) {
	has := make(map[string]bool)
	for name := range strings.FieldsSeq(strings.ToUpper(offered)) {
		has[name] = true
	}
	if c.Token != nil {
		if has["XOAUTH2"] {
			return "XOAUTH2", nil
		}
		return "", unable("the server does not offer XOAUTH2")
	}
	for _, m := range mechanisms {
		if has[m.name] && (m.clear || !c.UnsafePlaintext) && (c.Mechanism == "" || c.Mechanism == m.name) {
			return m.name, nil
		}
	}
	return "", unable("the server offers no way to log in that may be used")
}

// login authenticates, if there is a username.
func (s *Sender) login(ctx context.Context, c *session) error {
	if s.cfg.Username == "" {
		return nil
	}
	_, offered := c.smtp.Extension("AUTH")
	name, err := s.cfg.choose(offered)
	if err != nil {
		return err
	}
	secret := s.cfg.Password
	if s.cfg.Token != nil {
		secret, err = s.cfg.Token(ctx)
		if err != nil || secret.Reveal() == "" || strings.ContainsFunc(secret.Reveal(), unicode.IsControl) {
			return errToken
		}
	}
	auth, err := s.mechanism(c.smtp, name, secret)
	if err != nil {
		return err
	}
	c.secrets = wireForms(s.cfg.Username, secret.Reveal())
	return c.smtp.Auth(auth)
}

// wireForms returns a password or a token as it is and as PLAIN, LOGIN and
// XOAUTH2 send it.
func wireForms(user, secret string) []string {
	b64 := base64.StdEncoding.EncodeToString
	return []string{
		secret, b64([]byte(secret)), b64([]byte("\x00" + user + "\x00" + secret)),
		b64([]byte("user=" + user + "\x01auth=Bearer " + secret + "\x01\x01")),
	}
}

var errToken = &fault{delivery.Temporary, "there is no access token"}

func (s *Sender) mechanism(client *smtp.Client, name string, secret delivery.Secret) (smtp.Auth, error) {
	user, password := s.cfg.Username, secret.Reveal()
	switch name {
	case "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS":
		state, err := client.GetTLSConnectionState()
		if err != nil {
			return nil, err
		}
		if name == "SCRAM-SHA-1-PLUS" {
			return &scram{Auth: smtp.ScramSHA1PlusAuth(user, password, state)}, nil
		}
		return &scram{Auth: smtp.ScramSHA256PlusAuth(user, password, state)}, nil
	case "SCRAM-SHA-256":
		return &scram{Auth: smtp.ScramSHA256Auth(user, password)}, nil
	case "SCRAM-SHA-1":
		return &scram{Auth: smtp.ScramSHA1Auth(user, password)}, nil
	case "PLAIN":
		return smtp.PlainAuth("", user, password, s.cfg.Host, false), nil
	case "LOGIN":
		return smtp.LoginAuth(user, password, s.cfg.Host, false), nil
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(user, password), nil
	}
	return smtp.XOAuth2Auth(user, password), nil
}

// Bounds of the work that a server may ask for in SCRAM. RFC 7677 §4 has the
// lower one: with few iterations the client's answer gives the password away
// to whoever guesses at it. More than the upper one would take seconds.
const (
	minIterations = 4096
	maxIterations = 1_000_000
)

var errSCRAM = unable("the server did not do its part of SCRAM")

// A scram sees to what the library leaves out: bounds of the work, and that the
// server has proved, in its turn, that it knows the password.
type scram struct {
	smtp.Auth
	answered, proved bool
}

func (a *scram) Next(from []byte, more bool) ([]byte, error) {
	switch {
	case !more && !a.proved:
		return nil, errSCRAM
	case bytes.HasPrefix(from, []byte("r=")):
		if !bounded(from) {
			return nil, errSCRAM
		}
		a.answered = true
	case bytes.HasPrefix(from, []byte("v=")):
		// Before its turn, the proof would be that of an empty password.
		if !a.answered {
			return nil, errSCRAM
		}
		out, err := a.Auth.Next(from, more)
		a.proved = err == nil
		return out, err
	}
	return a.Auth.Next(from, more)
}

// bounded reports whether the iterations of a server's first message are
// within bounds: r=nonce,s=salt,i=iterations.
func bounded(first []byte) bool {
	for field := range bytes.SplitSeq(first, []byte(",")) {
		if digits, ok := bytes.CutPrefix(field, []byte("i=")); ok {
			n, err := strconv.Atoi(string(digits))
			return err == nil && n >= minIterations && n <= maxIterations
		}
	}
	return false
}
