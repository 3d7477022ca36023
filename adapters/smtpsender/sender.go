package smtpsender

import (
	"context"
	"net/mail"

	"github.com/passcode-go/passcode/delivery"
)

// A Sender sends messages through one SMTP server. It is safe for concurrent
// use.
type Sender struct {
	cfg  Config
	from mail.Address
	pool *pool
}

var _ delivery.Sender = (*Sender)(nil)

// New returns a Sender. It does not connect; the error is ErrConfig and names
// the field that is wrong.
func New(cfg Config) (*Sender, error) {
	cfg, from, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	return &Sender{cfg: cfg, from: from, pool: newPool(cfg.MaxConns, cfg.IdleTimeout)}, nil
}

// Send hands m to the server and returns when the server has taken it. It
// takes at most Config.Timeout.
//
// The error is a [*delivery.Error] of the kind that the package comment tells.
// It is Ambiguous only if the message's final dot may have reached the server
// and no answer came. A message of a phone channel, without text, or with a
// subject that does not print or has more than 200 characters is Configuration;
// an address that delivery.ParseEmailExact does not return unchanged is
// Rejected. The receipt's ID is the Message-ID, without its angle brackets.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	l, f := s.compose(m)
	if f == nil {
		f = s.send(ctx, l)
	}
	if f != nil {
		return delivery.Receipt{}, delivery.AsError(&delivery.Error{
			Kind: f.kind, Provider: s.cfg.Name, Reason: f.reason,
		}, m)
	}
	return delivery.Receipt{Provider: s.cfg.Name, ID: l.id}, nil
}

// send has one connection carry the letter, a kept one if there is one that
// lives.
func (s *Sender) send(ctx context.Context, l *letter) *failure {
	if f := s.pool.enter(ctx); f != nil {
		return f
	}
	defer s.pool.leave()
	c := s.pool.take(s.cfg.Now())
	var f *failure
	if c != nil {
		if f = c.probe(ctx, s.from.Address); f != nil && f.lost && ctx.Err() == nil {
			c.cut()
			c = nil
		}
	}
	if c == nil {
		if c, f = s.dial(ctx); f != nil {
			return f
		}
		f = c.mail(ctx, s.from.Address)
	}
	if f == nil {
		f = c.deliver(ctx, l)
	}
	if f != nil && f.lost {
		c.cut()
	} else {
		s.pool.keep(c, s.cfg.Now())
	}
	return f
}

// Close lets the messages under way finish, which takes at most Config.Timeout,
// and closes all connections. Sends that wait for a connection, and later ones,
// are refused as Temporary. The error is always nil.
func (s *Sender) Close() error {
	s.pool.close()
	return nil
}
