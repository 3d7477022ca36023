package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/adapters/redisstore"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store/boltstore"
)

// sweepFunc makes a sweeper of a function.
type sweepFunc func() error

func (f sweepFunc) Sweep(context.Context) (int, error) { return 1, f() }

func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		calls := 0
		log := newOutput()
		err := sweep(ctx, sweepFunc(func() error {
			if calls++; calls == 3 {
				return errors.New("disk full")
			}
			return nil
		}), time.Minute, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil || calls != 11 {
			t.Errorf("%d sweeps in ten minutes, %v", calls, err)
		}
		wantText(t, log.String(), "disk full", "dropped=1")

		// A database that failed for good is the end.
		err = sweep(t.Context(), sweepFunc(func() error { return boltstore.ErrFailed }), time.Minute, slog.New(slog.DiscardHandler))
		if !errors.Is(err, boltstore.ErrFailed) {
			t.Errorf("got %v", err)
		}
	})
}

// checkFunc makes a checker of a function.
type checkFunc func() error

func (f checkFunc) Check(context.Context) error { return f() }

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		calls := 0
		log := newOutput()
		watch(ctx, checkFunc(func() error {
			calls++
			return map[int]error{2: redisstore.ErrEviction, 3: redisstore.ErrEviction, 4: redisstore.ErrVolatile, 6: redisstore.ErrTimeout, 7: redisstore.ErrTimeout}[calls]
		}), time.Minute, slog.New(slog.NewTextHandler(log, nil)))
		if calls != 10 {
			t.Errorf("%d checks in ten minutes", calls)
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			_, line, _ = strings.Cut(line, "level=")
			got = append(got, strings.TrimSpace(line))
		}
		want := []string{
			`ERROR msg="Redis may forget: requests are refused until it is put right" error="redisstore: the server may evict records"`,
			`ERROR msg="Redis may forget: requests are refused until it is put right" error="redisstore: the server may forget what it confirmed"`,
			`INFO msg="Redis is as it should be again"`,
			`ERROR msg="Redis cannot be checked" error="redisstore: no answer in time"`,
			`INFO msg="Redis is as it should be again"`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}

// TestServeHTTPCause wants what went wrong, not the signal, as the error.
func TestServeHTTPCause(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{boltstore.ErrFailed, nil} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stop(cause)
		if err := serveHTTP(ctx, listener, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
	}
}

func TestOpenToOthers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "0.0.0.0:0") // to find out whether that can be done here
	if err != nil {
		t.Skip(err)
	}
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stderr := newOutput(), newOutput()
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"-addr", "0.0.0.0:0", "-db", filepath.Join(t.TempDir(), "passcode.db")}, lookup(nil), stdout, stderr)
	}()
	stdout.await(t, `^listening on http://`)
	cancel()
	if status := <-done; status != 0 {
		t.Errorf("exit status %d", status)
	}
	wantText(t, stderr.String(), "level=WARN", "TLS proxy")
}

func TestOutboxFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox")
	file, err := openOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	box := outbox{file, delivery.SenderFunc(func(context.Context, delivery.Message) (delivery.Receipt, error) {
		t.Error("sent, though not written")
		return delivery.Receipt{}, nil
	})}
	_, err = box.Send(t.Context(), delivery.Message{Channel: delivery.SMS, To: delivery.NewAddress("+12025550162"), Code: delivery.NewSecret("123456")})
	if !errors.Is(err, delivery.ErrTemporary) {
		t.Errorf("got %v", err)
	}
}
