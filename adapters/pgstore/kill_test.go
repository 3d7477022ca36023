package pgstore

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

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/servertest"
)

// killsEnv is how many faults TestServerDiesUnderTraffic goes through, 6 unless
// it is set: PGSTORE_KILLS=1000.
const killsEnv = "PGSTORE_KILLS"

// A journal is what a client saw of one challenge.
type journal struct {
	id, code string

	mu       sync.Mutex
	accepted int
	compared int // how often it was told whether a code is right
}

// traffic is people who start and verify codes on two nodes of one server.
type traffic struct {
	t     *testing.T
	nodes []*engine.Engine
	codes sync.Map // by address: the code that was sent last

	mu    sync.Mutex
	live  []*journal // the challenges that are being verified
	all   []*journal
	names atomic.Int64

	accepts, unavailable atomic.Int64
}

func newTraffic(t *testing.T, dbs ...*DB) *traffic {
	tr := &traffic{t: t}
	keys := engine.RandomKeys()
	sender := delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
		tr.codes.Store(m.To.Reveal(), m.Code.Reveal())
		return delivery.Receipt{}, nil
	})
	for _, db := range dbs {
		eng, err := engine.New(engine.Config{Store: db, Keys: keys, Channels: engine.Channels{delivery.Email: {Sender: sender}}})
		if err != nil {
			t.Fatal(err)
		}
		tr.nodes = append(tr.nodes, eng)
	}
	return tr
}

// note counts an error that is not the verdict on a code, and fails the test if
// it is none that an outage explains.
func (tr *traffic) note(what string, err error) {
	if !errors.Is(err, engine.ErrUnavailable) {
		tr.t.Errorf("%s: %v", what, err)
	}
	wantNoCanary(tr.t, what, err)
	tr.unavailable.Add(1)
}

// start has a code sent to somebody new.
func (tr *traffic) start(ctx context.Context, eng *engine.Engine) {
	to := fmt.Sprintf("somebody-%d@example.com", tr.names.Add(1))
	ch, err := eng.Start(ctx, engine.Request{Channel: delivery.Email, To: to, Purpose: "login"})
	if err != nil {
		tr.note("Start", err)
		return
	}
	code, _ := tr.codes.Load(to)
	j := &journal{id: ch.ID, code: code.(string)}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.all = append(tr.all, j)
	tr.live = append(tr.live, j)
	if len(tr.live) > 12 {
		tr.live = tr.live[1:]
	}
}

// verify tries a code, right or wrong, on a challenge that others may be
// trying at the same time.
func (tr *traffic) verify(ctx context.Context, eng *engine.Engine) {
	tr.mu.Lock()
	if len(tr.live) == 0 {
		tr.mu.Unlock()
		return
	}
	j := tr.live[rand.N(len(tr.live))]
	tr.mu.Unlock()
	code := j.code
	if rand.N(2) == 0 {
		n, _ := strconv.Atoi(code)
		code = fmt.Sprintf("%06d", (n+1+rand.N(999_999))%1_000_000)
	}
	_, err := eng.Verify(ctx, j.id, code)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.accepted++
		j.compared++
		tr.accepts.Add(1)
		if code != j.code {
			tr.t.Errorf("a wrong code was accepted")
		}
	case errors.Is(err, engine.ErrWrong):
		j.compared++
	case errors.Is(err, engine.ErrUsed), errors.Is(err, engine.ErrLocked), errors.Is(err, engine.ErrExpired):
	default:
		tr.note("Verify", err)
	}
}

// run keeps 16 callers at work until stop is closed.
func (tr *traffic) run(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range 16 {
		eng := tr.nodes[i%len(tr.nodes)]
		wg.Go(func() {
			for ctx.Err() == nil {
				// What was begun is finished, so that every outcome is known.
				if rand.N(3) == 0 {
					tr.start(context.WithoutCancel(ctx), eng)
				} else {
					tr.verify(context.WithoutCancel(ctx), eng)
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// flows waits until so many more codes were accepted.
func (tr *traffic) flows(n int64) {
	tr.t.Helper()
	want := tr.accepts.Load() + n
	for range 3000 {
		if tr.accepts.Load() >= want {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	tr.t.Fatalf("no codes are accepted any more")
}

// settle checks what was seen, and that what was accepted stays used.
func (tr *traffic) settle(ctx context.Context, tries int) {
	for _, j := range tr.all {
		if j.accepted > 1 || j.compared > tries {
			tr.t.Errorf("a code was accepted %d times, and compared %d times", j.accepted, j.compared)
		}
		if j.accepted == 0 {
			continue
		}
		for _, eng := range tr.nodes {
			if _, err := eng.Verify(ctx, j.id, j.code); !errors.Is(err, engine.ErrUsed) && !errors.Is(err, engine.ErrExpired) {
				tr.t.Errorf("a code that was accepted before: %v", err)
			}
		}
	}
	tr.t.Logf("%d codes, %d accepted, %d answers unavailable", len(tr.all), tr.accepts.Load(), tr.unavailable.Load())
}

// The server is killed, connections are cut and sessions are ended while codes
// are sent and verified on two nodes. No code is accepted twice, none is compared
// more often than it may be; while the server is away nothing is accepted; and
// when it is back all goes on by itself.
func TestServerDiesUnderTraffic(t *testing.T) {
	t.Parallel()
	kills := 6
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	// What the server promises by default is not what the store needs.
	s := servertest.Postgres(t, "synchronous_commit=off", "wal_writer_delay=10s")
	proxy := servertest.NewProxy(t, s.Addr())
	direct := openDB(t, s.URL(), Config{Migrate: true, Timeout: 2 * time.Second})
	cfg := direct.pool.Config()
	proxied := openDB(t, fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", cfg.ConnConfig.Password, proxy.Addr()),
		Config{Timeout: 2 * time.Second})
	tr := newTraffic(t, direct, proxied)
	const tries = 5 // of policy.Default
	stop := tr.run(t.Context())
	defer stop()
	tr.flows(5)
	faults := []struct {
		name string
		do   func()
	}{
		{"kill -9", func() {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			accepts, unavailable := tr.accepts.Load(), tr.unavailable.Load()
			for range 16 { // those that had their answer may be about to count it
				accepts = max(accepts, tr.accepts.Load())
				<-time.After(10 * time.Millisecond)
			}
			for range 300 {
				if tr.unavailable.Load() > unavailable+32 {
					break
				}
				<-time.After(10 * time.Millisecond)
			}
			if tr.unavailable.Load() == unavailable {
				t.Error("no call failed while the server was away")
			}
			if n := tr.accepts.Load() - accepts; n != 0 {
				t.Errorf("%d codes were accepted while the server was away", n)
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		}},
		{"terminated sessions", func() {
			conn, err := pgx.Connect(t.Context(), s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"); err != nil {
				t.Fatal(err)
			}
		}},
		{"a cut after a write was sent", func() {
			<-proxy.Sent()
			proxy.Cut()
		}},
		{"lost replies", func() {
			proxy.Swallow(true)
			<-proxy.Sent()
			<-proxy.Sent()
			proxy.Cut()
			proxy.Swallow(false)
		}},
	}
	for i := range kills {
		faults[i%len(faults)].do()
		tr.flows(5)
	}
	stop()
	if tr.unavailable.Load() == 0 {
		t.Error("nothing ever failed, so this test proves nothing")
	}
	tr.settle(t.Context(), tries)
}
