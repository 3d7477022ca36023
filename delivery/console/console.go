// Package console prints passcodes to a terminal instead of sending them. It
// is the sender for development: no account, no cost, no network.
//
// It shows codes and addresses in clear, to whoever sees the terminal or
// keeps what is written to it. Never use it in production, where output ends
// up in log files.
package console

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/passcode-go/passcode/delivery"
)

// provider is how this sender is called in receipts and errors.
const provider = "console"

// A Sender prints each message. It is safe for concurrent use; messages do
// not interleave.
type Sender struct {
	turn chan struct{} // holds a token while somebody writes; unlike a mutex it can be waited for with a ctx
	w    io.Writer
}

var _ delivery.Sender = (*Sender)(nil)

// New returns a Sender that prints to w, most often os.Stderr. Each message is
// one call of w.Write, and there is one call at a time.
func New(w io.Writer) *Sender {
	return &Sender{turn: make(chan struct{}, 1), w: w}
}

// Send prints m. Characters that do not print are replaced, lest text in a
// message moves the cursor or colours the screen. When ctx is done before the
// message's turn to be written has come, nothing is written; a w.Write that
// blocks is not interrupted.
//
// An error is a [*delivery.Error]: Temporary if nothing of the message was
// written, else Ambiguous.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return delivery.Receipt{}, fail(delivery.Temporary, err, m)
	}
	if n, err := io.WriteString(s.w, page(m)); err != nil {
		kind := delivery.Temporary
		if n > 0 {
			kind = delivery.Ambiguous
		}
		return delivery.Receipt{}, fail(kind, err, m)
	}
	return delivery.Receipt{Provider: provider, ID: m.ID}, nil
}

func fail(kind delivery.Kind, err error, m delivery.Message) error {
	return delivery.AsError(&delivery.Error{Kind: kind, Provider: provider, Reason: err.Error()}, m)
}

// page sets out a message. Every line of the message is marked, so that no
// text can pass for the line above it.
func page(m delivery.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s: code %s", tame(string(m.Channel)), tame(m.To.Reveal()), tame(m.Code.Reveal()))
	if m.Purpose != "" {
		fmt.Fprintf(&b, " for %s", tame(m.Purpose))
	}
	if m.Expires > 0 {
		fmt.Fprintf(&b, ", expires in %v", m.Expires.Round(time.Second))
	}
	b.WriteByte('\n')
	if m.Subject != "" {
		fmt.Fprintf(&b, "  | Subject: %s\n  |\n", tame(m.Subject))
	}
	for line := range strings.SplitSeq(m.Body.Reveal(), "\n") {
		fmt.Fprintf(&b, "  | %s\n", tame(line))
	}
	return b.String()
}

// tame replaces what a terminal might obey.
func tame(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
