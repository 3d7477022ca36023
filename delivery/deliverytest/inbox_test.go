package deliverytest_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

const (
	jane = "jane@example.com"
	john = "john@example.com"
)

func message(to, code string) delivery.Message {
	return delivery.Message{ID: "id-" + code, Channel: delivery.Email, To: delivery.NewAddress(to), Code: delivery.NewSecret(code), Body: delivery.NewSecret("code " + code)}
}

func send(t *testing.T, in *deliverytest.Inbox, to, code string) {
	t.Helper()
	receipt, err := in.Send(t.Context(), message(to, code))
	if want := (delivery.Receipt{Provider: "inbox", ID: "id-" + code}); err != nil || receipt != want {
		t.Fatalf("Send = %+v, %v, want %+v", receipt, err, want)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, delivery.SMS, func(*testing.T) deliverytest.Fixture {
		in := deliverytest.New()
		return deliverytest.Fixture{
			Sender: in,
			Sent: func() (sent []string) {
				for _, m := range in.All() {
					sent = append(sent, m.Body.Reveal())
				}
				return sent
			},
			Break: func() { in.FailNext(1, &delivery.Error{Kind: delivery.Rejected}) },
			Logs:  func() string { return "" },
		}
	})
}

func TestInboxKeeps(t *testing.T) {
	t.Parallel()
	in := deliverytest.New()
	if _, ok := in.Last(jane); ok || in.Len() != 0 || len(in.All()) != 0 {
		t.Error("a new inbox is not empty")
	}
	send(t, in, jane, "111111")
	send(t, in, john, "222222")
	send(t, in, jane, "333333")
	if m, ok := in.Last(jane); !ok || m.Code.Reveal() != "333333" {
		t.Errorf("Last = %q, %t", m.Code.Reveal(), ok)
	}
	if _, ok := in.Last("j•••@example.com"); ok {
		t.Error("a masked address finds a message")
	}
	var codes []string
	for _, m := range in.All() {
		codes = append(codes, m.Code.Reveal())
	}
	if got := strings.Join(codes, " "); got != "111111 222222 333333" || in.Len() != 3 {
		t.Errorf("All = %s, Len = %d", got, in.Len())
	}
}

func TestWaitForReturnsEachOnce(t *testing.T) {
	t.Parallel()
	in := deliverytest.New()
	send(t, in, jane, "111111")
	send(t, in, john, "222222")
	send(t, in, jane, "333333")
	for _, want := range []string{"111111", "333333"} {
		if m, err := in.WaitFor(t.Context(), jane); err != nil || m.Code.Reveal() != want {
			t.Errorf("WaitFor = %q, %v, want %q", m.Code.Reveal(), err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := in.WaitFor(ctx, jane)
	if !errors.Is(err, context.Canceled) || m.ID != "" || strings.Contains(err.Error(), jane) {
		t.Errorf("WaitFor = %+v, %v, want context.Canceled and a masked address", m, err)
	}
	if m, err := in.WaitFor(ctx, john); err != nil || m.Code.Reveal() != "222222" {
		t.Errorf("WaitFor with a done ctx = %v, %v, want the message that is there", m, err)
	}
	if m, ok := in.Last(jane); !ok || m.Code.Reveal() != "333333" {
		t.Error("a message that was read is gone")
	}
}

func TestWaitForWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := deliverytest.New()
		begin := time.Now()
		const readers = 3
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				m, err := in.WaitFor(t.Context(), jane)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got[m.Code.Reveal()]++
			})
		}
		for i := range readers {
			synctest.Wait()
			send(t, in, john, "000000")
			synctest.Wait()
			send(t, in, jane, strconv.Itoa(111111*(i+1)))
		}
		wg.Wait()
		if len(got) != readers {
			t.Errorf("%d readers got %v", readers, got)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waiting took %v of the bubble's time: somebody sleeps", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := in.WaitFor(ctx, jane); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitFor = %v, want context.DeadlineExceeded", err)
		}
	})
}

func TestFailNext(t *testing.T) {
	t.Parallel()
	in := deliverytest.New()
	refused := &delivery.Error{Kind: delivery.Rejected}
	in.FailNext(2, refused)
	for range 2 {
		if _, err := in.Send(t.Context(), message(jane, "111111")); err != error(refused) {
			t.Errorf("Send = %v, want %v", err, refused)
		}
	}
	if in.Len() != 0 {
		t.Error("a message that failed is kept")
	}
	send(t, in, jane, "222222")
	in.FailNext(5, refused)
	in.FailNext(0, nil)
	send(t, in, jane, "333333")
}

func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := deliverytest.New()
		release := in.Hold()

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := in.Send(ctx, message(jane, "111111"))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(delivery.AsError(err, delivery.Message{}), delivery.ErrAmbiguous) {
			t.Errorf("a held Send = %v, want context.DeadlineExceeded, which is ambiguous", err)
		}
		if m, err := in.WaitFor(t.Context(), jane); err != nil || m.Code.Reveal() != "111111" {
			t.Errorf("the person did not get the message: %v", err)
		}

		answered := make(chan error, 1)
		go func() {
			_, err := in.Send(t.Context(), message(jane, "222222"))
			answered <- err
		}()
		synctest.Wait()
		if len(answered) != 0 || in.Len() != 2 {
			t.Errorf("a held Send returned, or did not deliver: %d messages", in.Len())
		}
		again := in.Hold()
		again()
		if err := <-answered; err != nil {
			t.Errorf("after release Send = %v", err)
		}
		send(t, in, jane, "333333")

		defer in.Hold()()
		release()
		again()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := in.Send(ctx, message(jane, "444444")); err == nil {
			t.Error("the release of an earlier Hold ends a later one")
		}
	})
}

func TestLimit(t *testing.T) {
	t.Parallel()
	in := deliverytest.New()
	for range deliverytest.Limit {
		send(t, in, jane, "111111")
	}
	if _, err := in.Send(t.Context(), message(jane, "222222")); !errors.Is(err, delivery.ErrThrottled) || in.Len() != deliverytest.Limit {
		t.Errorf("one over the limit: %v, %d kept", err, in.Len())
	}
}
