package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A fallen is a code that fell back.
type fallen struct {
	message string
	why     *delivery.Error
	after   time.Duration // since the start of the test
}

// A waitBench is a program's waiter with its receipts, in a bubble.
type waitBench struct {
	*waiter
	receipts *receipts.Receipts
	mu       sync.Mutex
	fell     []fallen
	most     int // fallbacks at a time
	now      int
	takes    time.Duration // for one
}

// newWaitBench makes a program of a store whose codes on WhatsApp fall back
// after a silence, or only when a report says so.
func newWaitBench(t *testing.T, records store.Store, after time.Duration) *waitBench {
	t.Helper()
	b := &waitBench{waiter: &waiter{log: slog.New(slog.DiscardHandler), waiting: make(map[string]waiting), after: map[delivery.Channel]duration{}}}
	if after > 0 {
		b.after[delivery.WhatsApp] = duration{after}
	}
	var err error
	if b.receipts, err = receipts.New(receipts.Config{Store: records, Observe: b.news}); err != nil {
		t.Fatal(err)
	}
	b.state = b.receipts.Message
	start := time.Now()
	b.fallback = func(_ context.Context, c engine.Challenge, why *delivery.Error) (engine.Challenge, error) {
		b.mu.Lock()
		b.now++
		b.most = max(b.most, b.now)
		b.mu.Unlock()
		if b.takes > 0 {
			<-time.After(b.takes)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.now--
		b.fell = append(b.fell, fallen{c.Message, why, time.Since(start)})
		return c, nil
	}
	return b
}

// fallen returns what fell back so far.
func (b *waitBench) fallen() []fallen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.fell)
}

func memory(t *testing.T) store.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func onWhatsApp(message string) engine.Challenge {
	return engine.Challenge{Channel: delivery.WhatsApp, Message: message, Expires: time.Now().Add(2 * time.Minute)}
}

// report tells one program what became of a message.
func (b *waitBench) report(t *testing.T, message string, status delivery.Status) {
	t.Helper()
	r := delivery.Report{Provider: "meta", Message: message, Status: status, Kind: delivery.Rejected, Reason: "131026"}
	if err := b.receipts.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// TestWaiter has reports come to the program that has sent the message, and to
// another one of the same store, before it is waited for and after.
func TestWaiter(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for _, c := range []struct {
		name    string
		after   time.Duration // of silence; 0: it is borne
		report  delivery.Status
		other   bool          // to another program
		at      time.Duration // of the report; negative: before the send has returned
		within  time.Duration // falls back by then
		silence bool          // and that is why
	}{
		{"reported", 0, delivery.Failed, false, 3 * time.Second, 3 * time.Second, false},
		{"reported late", 0, delivery.Failed, false, 100 * time.Second, 100 * time.Second, false},
		{"reported before", 0, delivery.Failed, false, -1, 0, false},
		{"reported to another", 0, delivery.Failed, true, 3 * time.Second, 8 * time.Second, false},
		{"reported to another, late", 0, delivery.Failed, true, 100 * time.Second, 115 * time.Second, false},
		{"reported too late", 0, delivery.Failed, false, 3 * time.Minute, never, false},
		{"delivered", 0, delivery.Delivered, false, time.Second, never, false},
		{"nothing", 0, "", false, 0, never, false},
		{"silent", 20 * time.Second, "", false, 0, 20 * time.Second, true},
		{"passed on, then silent", 20 * time.Second, delivery.Sent, false, time.Second, 20 * time.Second, true},
		{"reported before it counts as silent", 20 * time.Second, delivery.Failed, false, 5 * time.Second, 5 * time.Second, false},
		{"reported to another before that", 20 * time.Second, delivery.Failed, true, 19 * time.Second, 20 * time.Second, false},
		{"delivered, not silent", 20 * time.Second, delivery.Delivered, false, 5 * time.Second, never, false},
		{"delivered, as another knows", 20 * time.Second, delivery.Delivered, true, 19 * time.Second, never, false},
		{"delivered before", 20 * time.Second, delivery.Delivered, false, -1, never, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				records := memory(t)
				one, two := newWaitBench(t, records, c.after), newWaitBench(t, records, c.after)
				to := one
				if c.other {
					to = two
				}
				if c.at < 0 {
					to.report(t, "m", c.report)
				}
				one.sent(onWhatsApp("m"))
				if c.at >= 0 && c.report != "" {
					time.AfterFunc(c.at, func() { to.report(t, "m", c.report) })
				}
				<-time.After(10 * time.Minute)
				synctest.Wait()
				fell := one.fallen()
				switch {
				case len(two.fallen()) > 0:
					t.Error("a program let a code fall back that it has not sent")
				case c.within == never && len(fell) > 0:
					t.Errorf("it fell back: %+v", fell)
				case c.within == never:
				case len(fell) != 1 || fell[0].message != "m" || fell[0].after > c.within:
					t.Errorf("%+v", fell)
				case c.silence != (fell[0].why == nil):
					t.Errorf("why: %v", fell[0].why)
				case !c.silence && *fell[0].why != (delivery.Error{Kind: delivery.Rejected, Provider: "meta", Reason: "131026"}):
					t.Errorf("why: %v", fell[0].why)
				}
				if one.take("m") {
					t.Error("it is still waited for")
				}
				one.stop()
			})
		})
	}
}

// TestWaiterIsBounded has a provider fall silent about many messages: they fall
// back some at a time, and nobody's request waits for that or for the store.
func TestWaiterIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t, memory(t), 20*time.Second)
		b.takes = time.Second
		reads, kept := 0, b.state
		b.state = func(ctx context.Context, message string) (receipts.Record, error) {
			b.mu.Lock()
			reads++
			first := reads <= slots
			b.mu.Unlock()
			if first { // the store does not answer
				<-ctx.Done()
				return receipts.Record{}, ctx.Err()
			}
			return kept(ctx, message)
		}
		const messages = 10 * slots
		start := time.Now()
		for n := range messages {
			b.sent(onWhatsApp(strconv.Itoa(n)))
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("senders were held up for %v", took)
		}
		<-time.After(20*time.Second - time.Nanosecond)
		synctest.Wait()
		if len(b.fallen()) > 0 {
			t.Errorf("%d fell back too early", len(b.fallen()))
		}
		<-time.After(time.Minute)
		synctest.Wait()
		b.stop()
		if len(b.fell) != messages || b.most != slots {
			t.Errorf("%d of %d fell back, %d at a time", len(b.fell), messages, b.most)
		}
	})
}

// TestWaiterAsksAgain has the store fail when the time is up: nobody knows then
// whether the message has arrived, and it is not sent again before somebody
// does.
func TestWaiterAsksAgain(t *testing.T) {
	t.Parallel()
	for _, delivered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newWaitBench(t, memory(t), 20*time.Second)
			kept, failing := b.state, new(atomic.Bool)
			failing.Store(true)
			b.state = func(ctx context.Context, message string) (receipts.Record, error) {
				if failing.Load() {
					return receipts.Record{}, errors.New("down")
				}
				return kept(ctx, message)
			}
			b.sent(onWhatsApp("m"))
			<-time.After(30 * time.Second)
			synctest.Wait()
			if len(b.fallen()) > 0 {
				t.Error("it fell back although nobody knew")
			}
			failing.Store(false)
			if delivered {
				b.report(t, "m", delivery.Delivered)
			}
			<-time.After(longestPause)
			synctest.Wait()
			if (len(b.fallen()) == 0) != delivered {
				t.Errorf("delivered %v: %+v", delivered, b.fallen())
			}
			b.stop()
		})
	}
}

// TestWaiterStops has a program end: what is under way is finished, what waits
// is forgotten.
func TestWaiterStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newWaitBench(t, memory(t), 20*time.Second)
		b.takes = 5 * time.Second
		b.sent(onWhatsApp("early"))
		<-time.After(10 * time.Second)
		b.sent(onWhatsApp("late"))
		<-time.After(11 * time.Second)
		start := time.Now()
		b.stop()
		if took := time.Since(start); took != 4*time.Second || len(b.fallen()) != 1 || b.fallen()[0].message != "early" {
			t.Errorf("after %v: %+v", took, b.fallen())
		}
		b.sent(onWhatsApp("after"))
		<-time.After(time.Hour)
		synctest.Wait()
		if len(b.fallen()) != 1 {
			t.Errorf("%+v", b.fallen())
		}
	})
}
