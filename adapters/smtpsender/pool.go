package smtpsender

import (
	"context"
	"sync"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// maxLetters bounds the messages of one connection. Servers have such a limit
// too, and are less polite about it.
const maxLetters = 100

// A pool counts the connections and keeps those that nobody uses.
type pool struct {
	turns chan struct{} // holds a token for each Send that has a connection
	age   time.Duration // how long a connection is kept

	closing sync.Once
	closed  chan struct{}

	mu   sync.Mutex
	idle []*session // the one used last at the end
}

func newPool(size int, age time.Duration) *pool {
	return &pool{turns: make(chan struct{}, size), age: age, closed: make(chan struct{})}
}

// enter waits for the right to have a connection. leave gives it back.
func (p *pool) enter(ctx context.Context) *failure {
	// Of several that are ready, select takes any: ask for the end first.
	select {
	case <-p.closed:
		return &failure{kind: delivery.Temporary, reason: "the sender is closed"}
	case <-ctx.Done():
		return &failure{kind: delivery.Temporary, reason: ctx.Err().Error()}
	default:
	}
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-p.closed:
		return &failure{kind: delivery.Temporary, reason: "the sender is closed"}
	case <-ctx.Done():
		return &failure{kind: delivery.Temporary, reason: "waiting for a free connection: " + ctx.Err().Error()}
	}
}

func (p *pool) leave() { <-p.turns }

// take returns the kept connection that was used last, nil if there is none,
// and closes those that are too old.
func (p *pool) take(now time.Time) *session {
	fresh, old := p.split(now)
	for _, c := range old {
		c.quit()
	}
	return fresh
}

func (p *pool) split(now time.Time) (fresh *session, old []*session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].used) >= p.age {
		n++
	}
	old, p.idle = p.idle[:n:n], p.idle[n:]
	if last := len(p.idle) - 1; last >= 0 {
		fresh, p.idle = p.idle[last], p.idle[:last]
	}
	return fresh, old
}

// keep takes a connection back.
func (p *pool) keep(c *session, now time.Time) {
	if p.age < 0 || c.broken || c.letters >= maxLetters || c.chatty() {
		c.quit()
		return
	}
	c.used = now
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

// close waits for the connections in use and closes all.
func (p *pool) close() {
	p.closing.Do(func() {
		close(p.closed)
		for range cap(p.turns) {
			p.turns <- struct{}{}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.idle {
			c.quit()
		}
		p.idle = nil
	})
}
