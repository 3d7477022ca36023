package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/servertest"
)

// kills is how often each server is killed: 3 times, or as the environment says
// in REDISSTORE_KILLS.
func kills(t *testing.T) int {
	if s := os.Getenv("REDISSTORE_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 3
}

// A server is killed while codes are sent and checked, on two nodes at once. No
// code is accepted twice, not even after the end, and none is compared more often
// than its tries, whatever the server has forgotten. Meanwhile the engine says
// that it is unavailable, and goes on by itself when the server is back.
func TestKill(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		save bool // whether it is told to make a snapshot
		cfg  Config
	}{
		"fsync always":           {durable, false, Config{}},
		"fsync everysec, fenced": {[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, false, Config{Fence: true}},
		"snapshots, fenced":      {snapshot, true, Config{Fence: true, UnsafeVolatile: true}},
		"nothing kept, fenced":   {nil, false, Config{Fence: true, UnsafeVolatile: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.Redis(t, c.args...)
			c.cfg.Prefix = "test:"
			tr := newTraffic(t, server.URL(), c.cfg)
			tr.begin()
			for range kills(t) {
				tr.progress(100)
				if c.save {
					save(t, server)
					tr.progress(50)
				}
				if err := server.Kill(); err != nil {
					t.Fatal(err)
				}
				refused := tr.unavailable.Load()
				eventually(t, func() error {
					if tr.unavailable.Load() < refused+trafficCallers {
						return errors.New("nobody is refused while there is no server")
					}
					return nil
				})
				if err := server.Start(); err != nil {
					t.Fatal(err)
				}
			}
			tr.progress(100)
			tr.end()
			t.Logf("%d codes, %d accepted, %d refusals for want of a server", len(tr.journal), tr.accepts.Load(), tr.unavailable.Load())
		})
	}
}

// The replies to half of the requests are lost, over and over.
func TestLostRepliesInTraffic(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, durable...)
	p := newProxies(t, server)
	tr := newTraffic(t, server.URL(), Config{dial: p.dial})
	tr.begin()
	for range 20 * kills(t) {
		tr.progress(5)
		p.each(func(p *servertest.Proxy) {
			p.Swallow(true)
			<-time.After(time.Millisecond)
			p.Cut()
			p.Swallow(false)
		})
	}
	tr.progress(100)
	tr.end()
}

const trafficCallers = 16

// A traffic is callers who have codes sent to ever new addresses and check them.
type traffic struct {
	t     *testing.T
	nodes [2]*engine.Engine
	codes sync.Map // by address

	stop                 atomic.Bool
	running              sync.WaitGroup
	accepts, unavailable atomic.Int64

	mu      sync.Mutex
	journal []*sent
}

// A sent is a code, and what its sender's callers were told of it.
type sent struct {
	id, code string
	accepted atomic.Int32
	compared atomic.Int32
}

func newTraffic(t *testing.T, url string, cfg Config) *traffic {
	tr := &traffic{t: t}
	keys := engine.RandomKeys()
	sender := delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
		tr.codes.Store(m.To.Reveal(), m.Code.Reveal())
		return delivery.Receipt{Provider: "test"}, nil
	})
	for i := range tr.nodes {
		var err error
		tr.nodes[i], err = engine.New(engine.Config{Store: openAt(t, url, cfg), Keys: keys,
			Channels: engine.Channels{delivery.Email: {Sender: sender}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func (tr *traffic) begin() {
	for i := range trafficCallers {
		tr.running.Go(func() {
			for n := 0; !tr.stop.Load(); n++ {
				tr.login(fmt.Sprintf("c%d-%d@example.com", i, n))
			}
		})
	}
}

// login has a code sent, guesses wrong a few times, and then enters the code more
// than once at the same time on both nodes.
func (tr *traffic) login(address string) {
	challenge, err := tr.nodes[rand.IntN(2)].Start(context.Background(), engine.Request{Channel: delivery.Email, To: address, Purpose: "login"})
	if err != nil {
		tr.refused(err)
		return
	}
	code, _ := tr.codes.LoadAndDelete(address)
	s := &sent{id: challenge.ID, code: code.(string)}
	tr.mu.Lock()
	tr.journal = append(tr.journal, s)
	tr.mu.Unlock()
	for range rand.IntN(4) {
		tr.verify(s, wrong(s.code))
	}
	var verifying sync.WaitGroup
	for range 1 + rand.IntN(3) {
		verifying.Go(func() { tr.verify(s, s.code) })
	}
	verifying.Wait()
	if rand.IntN(4) == 0 {
		for range 6 {
			tr.verify(s, wrong(s.code))
		}
	}
}

func (tr *traffic) verify(s *sent, code string) {
	_, err := tr.nodes[rand.IntN(2)].Verify(context.Background(), s.id, code)
	switch {
	case err == nil:
		tr.accepts.Add(1)
		s.compared.Add(1)
		if n := s.accepted.Add(1); n > 1 {
			tr.t.Errorf("a code was accepted %d times", n)
		}
	case errors.Is(err, engine.ErrWrong):
		s.compared.Add(1)
	case errors.Is(err, engine.ErrUsed):
	default:
		tr.refused(err)
	}
}

func (tr *traffic) refused(err error) {
	if !errors.Is(err, engine.ErrUnavailable) {
		tr.t.Errorf("refused as %v", err)
	}
	wantQuiet(tr.t, err)
	tr.unavailable.Add(1)
}

// progress waits until so many more codes were accepted.
func (tr *traffic) progress(n int64) {
	tr.t.Helper()
	until := tr.accepts.Load() + n
	eventually(tr.t, func() error {
		if now := tr.accepts.Load(); now < until {
			return fmt.Errorf("%d codes were accepted, want %d", now, until)
		}
		return nil
	})
}

// end stops the callers and enters every code once more.
func (tr *traffic) end() {
	tr.stop.Store(true)
	tr.running.Wait()
	for _, s := range tr.journal {
		tr.verify(s, s.code)
		tr.verify(s, s.code)
		if n := s.compared.Load(); n > 5 {
			tr.t.Errorf("a code was compared %d times", n)
		}
	}
}
