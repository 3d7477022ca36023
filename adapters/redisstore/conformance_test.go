package redisstore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// Each kind of server and each kind of store.
var everyKind = map[string]struct {
	servers func(t *testing.T) []*servertest.Server
	url     func(t *testing.T) string
	fence   bool
}{
	"plain":          {one, func(t *testing.T) string { return server(t).URL() }, false},
	"resp2":          {one, func(t *testing.T) string { return server(t).URL() + "?protocol=2" }, false},
	"fenced":         {one, func(t *testing.T) string { return server(t).URL() }, true},
	"cluster":        {all, func(t *testing.T) string { return cluster(t).URL() }, false},
	"fenced cluster": {all, func(t *testing.T) string { return cluster(t).Nodes[1].URL() }, true},
	"sentinel":       {one, func(t *testing.T) string { return sentinel(t).URL() }, true},
}

func one(t *testing.T) []*servertest.Server { return []*servertest.Server{server(t)} }
func all(t *testing.T) []*servertest.Server { return cluster(t).Nodes }

func TestStore(t *testing.T) {
	t.Parallel()
	for name, kind := range everyKind {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
				return openAt(t, kind.url(t), Config{Now: now, Fence: kind.fence})
			})
		})
	}
}

// The connections of a store are cut over and over, half of the time while replies
// are held back.
func TestStoreThatFails(t *testing.T) {
	t.Parallel()
	for name, kind := range everyKind {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunFaulty(t, func(t *testing.T, now func() time.Time) store.Store {
				p := newProxies(t, kind.servers(t)...)
				s := openAt(t, kind.url(t), Config{Now: now, Fence: kind.fence, dial: p.dial})
				stop := make(chan struct{})
				var cutting sync.WaitGroup
				cutting.Go(func() { p.cutUntil(stop, s) })
				t.Cleanup(func() { close(stop); cutting.Wait() })
				return s
			})
		})
	}
}

// cutUntil cuts all connections again and again, each time after calls have gone
// through: on a busy machine none would do between cuts made by the clock.
func (p proxies) cutUntil(stop <-chan struct{}, s *Store) {
	for round := 0; ; round++ {
		for n := 0; n < 30; {
			if _, err := s.Get(context.Background(), fmt.Sprint("any/", n)); err == nil {
				n++
				continue
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
		p.each(func(p *servertest.Proxy) { p.Swallow(round%2 == 0) })
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
		p.each((*servertest.Proxy).Cut)
		p.each(func(p *servertest.Proxy) { p.Swallow(false) })
	}
}
