package smtpsender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"

	"github.com/passcode-go/passcode/delivery"
)

// A step is how far the conversation with the server has come.
type step int

const (
	dialing step = iota
	securing
	greeting
	hello
	starttls
	login
	sender
	rcpt
	data
	content
	dot // from here on the message may have been taken
)

var steps = [...]string{
	dialing: "connect", securing: "TLS", greeting: "greeting", hello: "EHLO", starttls: "STARTTLS", login: "AUTH",
	sender: "MAIL", rcpt: "RCPT", data: "DATA", content: "message", dot: "end of message",
}

func (s step) String() string { return steps[s] }

// A failure is why a message was not sent.
type failure struct {
	kind   delivery.Kind
	reason string // not scrubbed yet
	lost   bool   // the connection is of no further use
}

// A fault is what this side found wrong.
type fault struct {
	kind delivery.Kind
	text string
}

func (f *fault) Error() string { return f.text }

// unable is a fault that an operator has to mend.
func unable(text string) error { return &fault{delivery.Configuration, text} }

// fail makes a failure of what went wrong at a step. In answer to AUTH, a
// server may say what it was sent in any encoding, so its words are left out;
// so they are later if they hold one of the secrets.
func fail(ctx context.Context, at step, err error, secrets ...string) *failure {
	if answer := (*textproto.Error)(nil); errors.As(err, &answer) {
		r := parseReply(answer)
		if at == login || r.repeats(secrets) {
			r.mute()
		}
		reason := strings.TrimSpace(fmt.Sprintf("%v: %d %s", at, r.code, r.text))
		return &failure{kind: r.kind(at), reason: reason, lost: r.code == 421 || r.code < 400 || at < sender}
	}
	f := &failure{kind: delivery.Temporary, lost: true}
	if at == dot {
		f.kind = delivery.Ambiguous
	} else if at < sender {
		f.kind = earlyKind(err)
	}
	text := words(err)
	switch {
	case ctx.Err() != nil:
		text = ctx.Err().Error()
	case at == dialing: // nothing was heard of the server yet
		text = err.Error()
	}
	f.reason = fmt.Sprintf("%v: %s", at, text)
	return f
}

// earlyKind is the kind of an error before the first command of a transaction.
func earlyKind(err error) delivery.Kind {
	var found *fault
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &found):
		return found.kind
	case errors.As(err, &unverified), errors.As(err, new(tls.RecordHeaderError)):
		return delivery.Configuration
	}
	return delivery.Temporary
}

// words returns what an error says unless the server chose the words: it may
// answer with what it was sent.
func words(err error) string {
	var found *fault
	var network net.Error // context.DeadlineExceeded too
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &found), errors.As(err, &network), errors.As(err, &unverified),
		errors.Is(err, errReply), errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return err.Error()
	case errors.As(err, new(tls.RecordHeaderError)):
		return "the server does not speak TLS here"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return "the server closed the connection"
	}
	return "the server does not keep to the protocol"
}
