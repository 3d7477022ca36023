package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

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
