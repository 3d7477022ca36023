package console_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, ch := range []delivery.Channel{delivery.SMS, delivery.Email} {
		t.Run(string(ch), func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, ch, func(*testing.T) deliverytest.Fixture {
				w := &recorder{}
				return deliverytest.Fixture{Sender: console.New(w), Sent: w.pages, Break: w.fail}
			})
		})
	}
}

// A recorder keeps what each Write got. It has no lock of its own for the
// race detector to find a Sender that writes from two goroutines at once.
type recorder struct {
	writes []string
	broken bool
}

func (r *recorder) pages() []string { return r.writes }
func (r *recorder) fail()           { r.broken = true }

func (r *recorder) Write(p []byte) (int, error) {
	if r.broken {
		return 0, fmt.Errorf("cannot write %q", p)
	}
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func message() delivery.Message {
	return delivery.Message{
		ID:      "m1",
		Channel: delivery.SMS,
		To:      delivery.NewAddress("+12025550162"),
		Code:    delivery.NewSecret("123456"),
		Body:    delivery.NewSecret("Your code is 123456.\n@example.com #123456"),
	}
}

func TestSendPrints(t *testing.T) {
	t.Parallel()
	mail := message()
	mail.Channel, mail.To, mail.Subject = delivery.Email, delivery.NewAddress("jane@example.com"), "Your code"
	mail.Purpose, mail.Expires = "login", 2*time.Minute-time.Millisecond
	hostile := message()
	hostile.Channel, hostile.To, hostile.Code = "sms\n", delivery.NewAddress("+1\r2"), delivery.NewSecret("12\x003")
	hostile.Purpose, hostile.Subject = "\x1b[2J", "a\u202eb"
	hostile.Body = delivery.NewSecret("\x1b]0;title\x07 \u009b31m\r\nsms to +1: code 000000\xff\ttab")
	for _, tt := range []struct {
		m    delivery.Message
		want string
	}{
		{message(), "sms to +12025550162: code 123456\n  | Your code is 123456.\n  | @example.com #123456\n"},
		{mail, "email to jane@example.com: code 123456 for login, expires in 2m0s\n  | Subject: Your code\n  |\n  | Your code is 123456.\n  | @example.com #123456\n"},
		{hostile, "sms� to +1�2: code 12�3 for �[2J\n  | Subject: a�b\n  |\n  | �]0;title� �31m�\n  | sms to +1: code 000000��tab\n"},
	} {
		var b bytes.Buffer
		receipt, err := console.New(&b).Send(t.Context(), tt.m)
		if want := (delivery.Receipt{Provider: "console", ID: "m1"}); err != nil || receipt != want {
			t.Errorf("Send = %v, %v, want %v", receipt, err, want)
		}
		if got := b.String(); got != tt.want {
			t.Errorf("printed %q, want %q", got, tt.want)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSendWriteError(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{0: delivery.ErrTemporary, 5: delivery.ErrAmbiguous} {
		w := writerFunc(func([]byte) (int, error) { return n, io.ErrClosedPipe })
		receipt, err := console.New(w).Send(t.Context(), message())
		if !errors.Is(err, want) || receipt != (delivery.Receipt{}) {
			t.Errorf("after %d bytes: %v, %v, want %v", n, receipt, err, want)
		}
		var e *delivery.Error
		if !errors.As(err, &e) || e.Provider != "console" || e.Reason != io.ErrClosedPipe.Error() {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// A sender that waits for its turn gives up with its ctx.
func TestSendWaitsNoLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		writing := make(chan struct{})
		var wrote []string
		s := console.New(writerFunc(func(p []byte) (int, error) {
			<-writing
			wrote = append(wrote, string(p))
			return len(p), nil
		}))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Send(t.Context(), message()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Send(ctx, message()); !errors.Is(err, delivery.ErrTemporary) || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("Send = %v, want a temporary error for the deadline", err)
		}
		close(writing)
		wg.Wait()
		if _, err := s.Send(t.Context(), message()); err != nil || len(wrote) != 2 {
			t.Errorf("afterwards Send = %v, %d written, want 2", err, len(wrote))
		}
	})
}
