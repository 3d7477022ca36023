package smtpsender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// goodbye is how long closing a connection may take.
const goodbye = time.Second

// past is a deadline that is over.
var past = time.Unix(1, 0)

// A session is one connection that is logged in. One Send uses it at a time.
type session struct {
	conn    *conn
	smtp    *smtp.Client
	secrets []string  // what it logged in with
	open    bool      // a transaction was begun and has not ended
	broken  bool      // its deadline may change at any moment
	letters int       // how many transactions there were
	used    time.Time // when it was last put away
}

// dial opens a connection and logs in.
func (s *Sender) dial(ctx context.Context) (*session, *failure) {
	raw, err := s.cfg.Dial(ctx, "tcp", net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.cfg.Port)))
	if err != nil {
		return nil, fail(ctx, dialing, err)
	}
	c := &session{conn: &conn{Conn: raw, left: maxReply}}
	at := dialing
	err = c.during(ctx, func() (err error) {
		at, err = s.open(ctx, c)
		return err
	})
	if err != nil {
		c.cut()
		return nil, fail(ctx, at, err)
	}
	return c, nil
}

// open makes an SMTP session of a connection. It returns the last step.
func (s *Sender) open(ctx context.Context, c *session) (step, error) {
	var wire net.Conn = c.conn
	if s.cfg.ImplicitTLS {
		secured := tls.Client(wire, s.cfg.TLS)
		if err := secured.HandshakeContext(ctx); err != nil {
			return securing, err
		}
		wire = secured
	}
	var err error
	if c.smtp, err = smtp.NewClient(wire, s.cfg.Host); err != nil {
		return greeting, err
	}
	// All that is sent is ASCII: see ParseEmailExact, and encoded words.
	c.smtp.SkipSMTPUTF8(true)
	if err := c.smtp.Hello(s.cfg.Helo); err != nil {
		return hello, err
	}
	if !s.cfg.ImplicitTLS && !s.cfg.UnsafePlaintext {
		if ok, _ := c.smtp.Extension("STARTTLS"); !ok {
			return starttls, unable("the server does not offer it")
		}
		if err := c.smtp.StartTLS(s.cfg.TLS); err != nil {
			return starttls, err
		}
	}
	return login, s.login(ctx, c)
}

// during calls f, whose reading and writing ends when ctx does. It fails if
// the connection cannot be used after it, except at the very end: what was sent
// is sent.
func (c *session) during(ctx context.Context, f func() error) error {
	deadline, _ := ctx.Deadline() // zero is none
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(past) })
	err := f()
	// If it is too late to stop it, it may set the deadline at any moment.
	c.broken = !stop() || c.broken
	return err
}

// probe is mail on a connection that was kept. It may have died in silence, so
// the server gets a third of the time for its answer.
func (c *session) probe(ctx context.Context, from string) *failure {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/3)
		defer cancel()
	}
	return c.mail(ctx, from)
}

// mail begins a transaction.
func (c *session) mail(ctx context.Context, from string) *failure {
	err := c.during(ctx, func() error {
		if c.open {
			if err := c.smtp.Reset(); err != nil {
				c.broken = true
				return err
			}
		}
		c.open = true
		c.letters++
		return c.smtp.Mail("<" + from + ">")
	})
	if err == nil && c.broken {
		err = context.DeadlineExceeded
	}
	if err == nil {
		return nil
	}
	f := fail(ctx, sender, err, c.secrets...)
	f.lost = f.lost || c.broken
	return f
}

// deliver completes a transaction. If it fails before the dot, the dot must
// not be sent: the connection then is cut, for even QUIT would send it.
func (c *session) deliver(ctx context.Context, l *letter) *failure {
	at := rcpt
	err := c.during(ctx, func() error {
		if err := c.smtp.Rcpt("<" + l.to + ">"); err != nil {
			return err
		}
		at = data
		w, err := c.smtp.Data()
		if err != nil {
			return err
		}
		at = content
		if _, err := w.Write(l.text); err != nil {
			return err
		}
		at = dot
		return w.Close()
	})
	// RFC 5321 §4.2.1: the first digit says it, whatever the others are.
	if answer := (*textproto.Error)(nil); at == dot && errors.As(err, &answer) && answer.Code/100 == 2 {
		err = nil
	}
	if err != nil {
		return fail(ctx, at, err, c.secrets...)
	}
	c.open = false
	return nil
}

// chatty reports whether the server has said something unasked, or more than
// is read. It would be taken for the answer to the next command.
func (c *session) chatty() bool { return c.smtp.Text.R.Buffered() > 0 || c.conn.left <= 0 }

// quit ends a session in which no transaction's message is under way. It does
// not wait for the server's answer.
func (c *session) quit() {
	c.conn.SetDeadline(time.Now().Add(goodbye))
	c.smtp.Text.PrintfLine("QUIT")
	c.smtp.Close()
}

// cut closes the connection at once.
func (c *session) cut() { c.conn.Close() }
