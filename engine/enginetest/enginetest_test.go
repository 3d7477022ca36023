package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/enginetest"
)

func TestKit(t *testing.T) {
	t.Parallel()
	for channel, to := range map[delivery.Channel]string{delivery.SMS: "+12025550162", delivery.WhatsApp: "+12025550162", delivery.Email: "ada@example.com"} {
		t.Run(string(channel), func(t *testing.T) {
			t.Parallel()
			kit := enginetest.New(t)
			ch, err := kit.Engine.Start(t.Context(), engine.Request{Channel: channel, To: to})
			if err != nil {
				t.Fatal(err)
			}
			if want := kit.Clock.Now().Add(2 * time.Minute); !ch.Expires.Equal(want) {
				t.Errorf("expires %v, want %v", ch.Expires, want)
			}
			if n := kit.Inbox.Len(); n != 1 {
				t.Errorf("%d messages", n)
			}
			proof, err := kit.Engine.Verify(t.Context(), ch.ID, kit.Code(to))
			if err != nil || proof.Channel != channel || !proof.VerifiedAt.Equal(kit.Clock.Now()) {
				t.Errorf("%+v, %v", proof, err)
			}
		})
	}
}

// The code is the newest, and expires when the clock is advanced.
func TestClockAndCode(t *testing.T) {
	t.Parallel()
	kit := enginetest.New(t)
	req := engine.Request{Channel: delivery.SMS, To: enginetest.Delivered}
	var ch engine.Challenge
	for range 3 {
		var err error
		if ch, err = kit.Engine.Start(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	code := kit.Code(enginetest.Delivered)
	kit.Clock.Advance(3 * time.Minute)
	if _, err := kit.Engine.Verify(t.Context(), ch.ID, code); !errors.Is(err, engine.ErrExpired) {
		t.Errorf("after three minutes: %v", err)
	}
	kit.Clock.Advance(-3 * time.Minute)
	if _, err := kit.Engine.Verify(t.Context(), ch.ID, code); err != nil {
		t.Errorf("the newest code in time: %v", err)
	}
	at := time.Date(2030, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600))
	kit.Clock.Set(at)
	if now := kit.Clock.Now(); !now.Equal(at) || now.Location() != time.UTC {
		t.Errorf("clock shows %v, set to %v", now, at)
	}
}

// Records last as long as the clock says, whatever the time of day outside.
func TestRecordsGoByTheClock(t *testing.T) {
	t.Parallel()
	kit := enginetest.New(t)
	kit.Clock.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	req := engine.Request{Channel: delivery.SMS, To: enginetest.Delivered}
	ch, err := kit.Engine.Start(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 { // writes, each of which may drop records that are over
		if _, err := kit.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: fmt.Sprintf("a%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kit.Engine.Verify(t.Context(), ch.ID, kit.Code(enginetest.Delivered)); err != nil {
		t.Error(err)
	}
}

func TestClockConcurrent(t *testing.T) {
	t.Parallel()
	kit := enginetest.New(t)
	start := kit.Clock.Now()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { kit.Clock.Advance(time.Second); kit.Clock.Now() })
	}
	group.Wait()
	if got := kit.Clock.Now().Sub(start); got != 50*time.Second {
		t.Errorf("advanced by %v", got)
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number      string
		want        error // of the delivery; nil if it is none
		arrives     bool
		unconfirmed bool
		wait        time.Duration
	}{
		{enginetest.Delivered, nil, true, false, 0},
		{enginetest.Rejected, delivery.ErrRejected, false, false, 0},
		{enginetest.Throttled, delivery.ErrThrottled, false, false, enginetest.ThrottledFor},
		{enginetest.Ambiguous, nil, true, true, 0},
	} {
		if !strings.HasPrefix(test.number, "+120255501") || len(test.number) != 12 {
			t.Errorf("%s is not set aside for fiction", test.number)
		}
		if address, region, _, err := countries.Mobile(test.number); address != test.number || region != "US" || err != nil {
			t.Errorf("%s: %s, %s, %v", test.number, address, region, err)
		}
		for _, channel := range []delivery.Channel{delivery.SMS, delivery.WhatsApp} {
			kit := enginetest.New(t)
			ch, err := kit.Engine.Start(t.Context(), engine.Request{Channel: channel, To: test.number})
			if !errors.Is(err, test.want) || errors.Is(err, engine.ErrDelivery) != (test.want != nil) {
				t.Errorf("%s by %s: %v, want %v", test.number, channel, err, test.want)
			}
			var refusal *engine.Error
			if errors.As(err, &refusal) && refusal.RetryAfter != test.wait {
				t.Errorf("%s by %s: retry after %v, want %v", test.number, channel, refusal.RetryAfter, test.wait)
			}
			if _, arrived := kit.Inbox.Last(test.number); arrived != test.arrives || ch.Unconfirmed != test.unconfirmed {
				t.Errorf("%s by %s: arrived %v, unconfirmed %v", test.number, channel, arrived, ch.Unconfirmed)
			}
			if !test.arrives {
				continue
			}
			if _, err := kit.Engine.Verify(t.Context(), ch.ID, kit.Code(test.number)); err != nil {
				t.Errorf("%s by %s: %v", test.number, channel, err)
			}
		}
	}
}

// An inbox that was told to fail fails at every number.
func TestSandboxInboxFails(t *testing.T) {
	t.Parallel()
	kit := enginetest.New(t)
	for _, number := range []string{enginetest.Delivered, enginetest.Ambiguous} {
		kit.Inbox.FailNext(1, &delivery.Error{Kind: delivery.Configuration})
		if _, err := kit.Engine.Start(t.Context(), engine.Request{Channel: delivery.SMS, To: number}); !errors.Is(err, delivery.ErrConfiguration) {
			t.Errorf("%s: %v", number, err)
		}
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	var events []engine.Event
	kit := enginetest.New(t,
		func(cfg *engine.Config) { cfg.Policy.Code.Length = 8 },
		func(cfg *engine.Config) { cfg.Observe = func(e engine.Event) { events = append(events, e) } },
		func(cfg *engine.Config) { delete(cfg.Channels, delivery.WhatsApp) },
	)
	if _, err := kit.Engine.Start(t.Context(), engine.Request{Channel: delivery.SMS, To: enginetest.Delivered}); err != nil {
		t.Fatal(err)
	}
	if code := kit.Code(enginetest.Delivered); len(code) != 8 || len(events) == 0 || len(kit.Engine.Channels()) != 2 {
		t.Errorf("code %q, events %v, channels %v", code, events, kit.Engine.Channels())
	}
}

// No two kits share keys: the same address has another subject in each.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 10 {
		subject, err := enginetest.New(t).Engine.Subject(engine.Request{Channel: delivery.SMS, To: enginetest.Delivered})
		if err != nil || seen[subject] {
			t.Errorf("subject %s, seen before: %v, %v", subject, seen[subject], err)
		}
		seen[subject] = true
	}
}

// fakeTB records that a test was failed.
type fakeTB struct {
	testing.TB
	failure string
}

func (f *fakeTB) Helper()                  {}
func (f *fakeTB) Context() context.Context { return context.Background() }
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		use  func(testing.TB)
		want string
	}{
		{"nothing sent", func(t testing.TB) { enginetest.New(t).Code("+12025550162") }, "no code was sent"},
		{"sent to somebody else", func(t testing.TB) {
			kit := enginetest.New(t)
			kit.Engine.Start(t.Context(), engine.Request{Channel: delivery.SMS, To: enginetest.Delivered})
			kit.Code("+12025550162")
		}, "no code was sent"},
		{"bad config", func(t testing.TB) { enginetest.New(t, func(cfg *engine.Config) { cfg.Channels = nil }) }, "Channels"},
	} {
		fake := new(fakeTB)
		returned := false
		var group sync.WaitGroup
		group.Go(func() { test.use(fake); returned = true })
		group.Wait()
		if returned || !strings.Contains(fake.failure, test.want) {
			t.Errorf("%s: returned %v, failed with %q, want %q", test.name, returned, fake.failure, test.want)
		}
	}
}
