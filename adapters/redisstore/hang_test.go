package redisstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
)

// A server that says nothing holds nobody for longer than the call's context,
// or than Timeout, however many wait.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	p := newProxies(t, server(t))
	s := openAt(t, server(t).URL(), Config{dial: p.dial, Timeout: 3 * time.Second, DialTimeout: 5 * time.Second})
	wantSum(t, s, "sum", 1, 1)
	p.each(func(p *servertest.Proxy) { p.Swallow(true) })

	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Add(ctx, "sum", 1, later())
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
		t.Errorf("after %v: %v", took, err)
	}

	// More than the client's queue has room for.
	began = time.Now()
	var waiting sync.WaitGroup
	for range 3000 {
		waiting.Go(func() {
			_, err := s.Get(context.Background(), "key")
			if !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%v", err)
			}
		})
	}
	waiting.Wait()
	if took := time.Since(began); took > 30*time.Second { // Timeout, DialTimeout, and the load of other tests
		t.Errorf("it took %v", took)
	}
	p.each(func(p *servertest.Proxy) { p.Swallow(false) })
	reconnect(t, s)
}
