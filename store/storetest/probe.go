package storetest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A probe is what a property reports to. Unlike that of testing.T, its Fatalf
// may be called from any goroutine: it ends the one that calls. A property runs
// in a goroutine of its own, so that one which is stuck inside a store can be
// given up.
type probe struct {
	testing.TB // takes Helper, Logf and Errorf only
	ctx        context.Context

	mu      sync.Mutex
	over    bool // the test has ended; a report now would panic
	failed  bool
	skipped string
}

// try runs f until it ends or is stuck past the limit, and returns why it was
// skipped, if it was.
func try(t testing.TB, limit time.Duration, f func(*probe)) (skipped string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	p := &probe{TB: t, ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(p)
	}()
	// The context ends a property that waits or loops; the longer time is for
	// a store that does not heed it.
	stuck := time.NewTimer(limit + limit/2)
	defer stuck.Stop()
	select {
	case <-done:
	case <-stuck.C:
		p.Errorf("stuck: a call has not returned long after its context was done")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	return p.skipped
}

func (p *probe) Errorf(format string, args ...any) {
	p.TB.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.failed = true
		p.TB.Errorf(format, args...)
	}
}

func (p *probe) Fatalf(format string, args ...any) {
	p.TB.Helper()
	p.Errorf(format, args...)
	runtime.Goexit()
}

// skip ends the property without a verdict.
func (p *probe) skip(why string) {
	p.mu.Lock()
	p.skipped = why
	p.mu.Unlock()
	runtime.Goexit()
}

// alive fails when the deadline has passed, and ends the goroutine when another
// has failed. Every loop that depends on a store to end calls it.
func (p *probe) alive() {
	p.TB.Helper()
	if p.hasFailed() {
		runtime.Goexit()
	}
	if p.ctx.Err() != nil {
		p.Fatalf("no end before the deadline")
	}
}

func (p *probe) hasFailed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// race calls f in n goroutines that start together and returns when all have
// ended. If any of them failed it ends the property.
func (p *probe) race(n int, f func(i int)) {
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	running.Wait()
	if p.hasFailed() {
		runtime.Goexit()
	}
}

// effort is how long a race goes on in a store that is quick. A store in memory
// shows a fault in its locking once in many thousand calls.
const effort = 150 * time.Millisecond

// more reports whether a race that began then and went round n times has to go
// on: least times, and longer while the store is quick.
func (p *probe) more(began time.Time, n, least int) bool {
	p.TB.Helper()
	p.alive()
	return n < least || time.Since(began) < effort
}

// A clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now().Round(0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// set moves the clock forward to t.
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.at) {
		c.at = t
	}
}
