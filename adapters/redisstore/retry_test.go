package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/internal/servertest"
)

// proxies stand before servers, which announce their own addresses.
type proxies map[string]*servertest.Proxy

func newProxies(t testing.TB, servers ...*servertest.Server) proxies {
	p := make(proxies)
	for _, s := range servers {
		p[s.Addr()] = servertest.NewProxy(t, s.Addr())
	}
	return p
}

// dial connects through the proxy of the server.
func (p proxies) dial(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	if proxy := p[addr]; proxy != nil {
		addr = proxy.Addr()
	}
	return d.DialContext(ctx, "tcp", addr)
}

func (p proxies) each(f func(*servertest.Proxy)) {
	for _, proxy := range p {
		f(proxy)
	}
}

// A write whose reply is lost was made once: the client does not send it again,
// whatever kind it is and whether it retries reads. The call says that nobody
// knows, and the next one goes through.
func TestLostReply(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (*Store, proxies, []*servertest.Server){
		"plain": func(t *testing.T) (*Store, proxies, []*servertest.Server) {
			p := newProxies(t, server(t))
			return openAt(t, server(t).URL(), Config{dial: p.dial, Timeout: time.Minute}), p, []*servertest.Server{server(t)}
		},
		"fenced cluster": func(t *testing.T) (*Store, proxies, []*servertest.Server) {
			p := newProxies(t, cluster(t).Nodes...)
			return openAt(t, cluster(t).URL(), Config{dial: p.dial, Fence: true, Timeout: time.Minute}), p, cluster(t).Nodes
		},
		"sentinel": func(t *testing.T) (*Store, proxies, []*servertest.Server) {
			p := newProxies(t, server(t))
			return openAt(t, sentinel(t).URL(), Config{dial: p.dial, Fence: true, Timeout: time.Minute}), p, []*servertest.Server{server(t)}
		},
		"a client with other options": func(t *testing.T) (*Store, proxies, []*servertest.Server) {
			p := newProxies(t, server(t))
			client, err := rueidis.NewClient(rueidis.ClientOption{
				InitAddress: []string{server(t).Addr()}, Password: servertest.Password, DialCtxFn: p.dial,
				PipelineMultiplex: -1}) // or it would make connections while replies get lost
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			s, err := New(t.Context(), client, Config{Prefix: newPrefix()})
			if err != nil {
				t.Fatal(err)
			}
			return s, p, []*servertest.Server{server(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, servers := open(t)
			ctx := t.Context()
			wantSum(t, s, "sum", 1, 1)
			mustSwap(t, s, "swap", nil, []byte("1"))
			lose := func(call func() error, stored, want string) {
				t.Helper()
				p.each(func(p *servertest.Proxy) { p.Swallow(true) })
				result := make(chan error)
				go func() { result <- call() }()
				eventually(t, func() error {
					for _, server := range servers {
						if answer, err := servertest.RedisCommand(server.Addr(), "GET "+stored); err == nil && len(answer) >= len(want) && answer[len(answer)-len(want):] == want {
							return nil
						}
					}
					return errors.New("the write does not arrive")
				})
				p.each((*servertest.Proxy).Cut)
				p.each(func(p *servertest.Proxy) { p.Swallow(false) })
				err := <-result
				wantError(t, err, ErrUnreachable)
				reconnect(t, s)
			}
			for n := int64(2); n < 5; n++ {
				lose(func() error { _, err := s.Add(ctx, "sum", 1, later()); return err }, s.counters+"sum", fmt.Sprint(n))
				wantSum(t, s, "sum", 0, n)
				old, new := fmt.Append(nil, n-1), fmt.Append(nil, n)
				lose(func() error { _, _, err := s.CompareAndSwap(ctx, "swap", old, new, later()); return err }, s.values+"swap", string(new))
				wantLost(t, s, "swap", old, new, new)
			}
		})
	}
}

// Scripts that the server forgets, and does not know yet, are sent anew, and
// what they do is done once.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, durable...)
	s := openAt(t, server.URL(), Config{Fence: true})
	var stop atomic.Bool
	var done sync.WaitGroup
	var sums, swaps atomic.Int64
	for i := range 8 {
		done.Go(func() {
			key := fmt.Sprint("key/", i)
			var old []byte
			for n := 0; !stop.Load(); n++ {
				if _, err := s.Add(context.Background(), "sum", 1, later()); err != nil {
					t.Error(err)
					return
				}
				sums.Add(1)
				new := strconv.AppendInt(nil, int64(n), 10)
				if _, swapped, err := s.CompareAndSwap(context.Background(), key, old, new, later()); err != nil || !swapped {
					t.Errorf("swapped %t, %v", swapped, err)
					return
				}
				old = new
				swaps.Add(1)
			}
		})
	}
	for n := 0; n < 200 || swaps.Load() < 100 && !t.Failed(); n++ {
		command(t, server, "SCRIPT FLUSH")
	}
	stop.Store(true)
	done.Wait()
	wantSum(t, s, "sum", 0, sums.Load())
}

// Slots of a cluster move while their keys change. No call fails for it, and
// none is done twice.
func TestMovingSlots(t *testing.T) {
	t.Parallel()
	c := servertest.RedisCluster(t, 3, durable...)
	from, to := c.Nodes[0], c.Nodes[2]
	s := openAt(t, c.URL(), Config{})
	fenced := openAt(t, c.URL(), Config{Fence: true})
	// Keys with the same tag are in one slot.
	const tag = "{b}"
	slot := command(t, from, "CLUSTER KEYSLOT "+tag)
	var stop atomic.Bool
	var done sync.WaitGroup
	var calls, rewound atomic.Int64
	for i := range 8 {
		done.Go(func() {
			sum, value := fmt.Sprint("sum/", i, tag), fmt.Sprint("value/", i, tag)
			var old []byte
			for n := int64(1); !stop.Load(); n++ {
				got, err := s.Add(context.Background(), sum, 1, later())
				if err != nil || got != n {
					t.Errorf("addition %d returned %d, %v", n, got, err)
					return
				}
				new := strconv.AppendInt(nil, n, 10)
				current, swapped, err := fenced.CompareAndSwap(context.Background(), value, old, new, later())
				if err == nil && !swapped && string(current) == "\xffrewound\x00"+string(old) {
					rewound.Add(1)
					_, swapped, err = fenced.CompareAndSwap(context.Background(), value, current, new, later())
				}
				if err != nil || !swapped {
					t.Errorf("swap %d of %q found %q, %v", n, old, current, err)
					return
				}
				old = new
				calls.Add(1)
			}
		})
	}
	for round := range int64(4) {
		eventually(t, func() error {
			if calls.Load() < (round+1)*200 && !t.Failed() {
				return errors.New("the callers are stuck")
			}
			return nil
		})
		host, port, err := net.SplitHostPort(to.Addr())
		if err != nil {
			t.Fatal(err)
		}
		source, target := command(t, from, "CLUSTER MYID"), command(t, to, "CLUSTER MYID")
		command(t, to, "CLUSTER SETSLOT "+slot+" IMPORTING "+source)
		command(t, from, "CLUSTER SETSLOT "+slot+" MIGRATING "+target)
		for i := range 8 {
			for _, key := range []string{s.counters + fmt.Sprint("sum/", i, tag), fenced.values + fmt.Sprint("value/", i, tag)} {
				command(t, from, fmt.Sprintf("MIGRATE %s %s %s 0 5000 AUTH %s", host, port, key, servertest.Password))
			}
		}
		for _, node := range []*servertest.Server{to, from, c.Nodes[1]} {
			command(t, node, "CLUSTER SETSLOT "+slot+" NODE "+target)
		}
		from, to = to, from
	}
	stop.Store(true)
	done.Wait()
	if rewound.Load() < 8 {
		t.Errorf("%d values were found rewound, want most of 8 in 4 moves", rewound.Load())
	}
}

// A call that is given up stays with the client and is written later. By then
// its caller has used its slices for something else.
func TestGivenUpCallKeepsItsValue(t *testing.T) {
	t.Parallel()
	gate := &gate{}
	s := open(t, Config{Timeout: time.Minute, dial: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		return gatedConn{conn, gate}, err
	}})
	mustSwap(t, s, "key", nil, []byte("value")) // from now on the server knows the script
	for wait := 200 * time.Millisecond; !giveUp(t, s, gate, wait); wait *= 3 {
		if wait > 10*time.Second {
			t.Fatal("no call was written")
		}
	}
}

// giveUp gives up calls that it had time to put into the client's queue, and says
// whether any was written.
func giveUp(t *testing.T, s *Store, gate *gate, wait time.Duration) (written bool) {
	t.Helper()
	held := gate.close()
	first := make(chan error)
	go func() { // sent first, so that the others have to wait
		_, err := s.Add(context.Background(), "sum", 1, later())
		first <- err
	}()
	<-held
	const callers = 20
	key := func(i int) string { return fmt.Sprint(wait, "/", i) }
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for i := range callers {
		waiting.Go(func() {
			value := []byte("a value")
			if _, _, err := s.CompareAndSwap(ctx, key(i), nil, value, later()); !errors.Is(err, context.Canceled) {
				t.Errorf("a call that was given up: %v", err)
			}
			copy(value, "#######")
		})
	}
	<-time.After(wait) // until most of them are in the client's queue
	cancel()
	waiting.Wait()
	gate.open()
	if err := <-first; err != nil {
		t.Error(err)
	}
	for i := range callers {
		value, err := s.Get(t.Context(), key(i))
		if err != nil || value != nil && string(value) != "a value" {
			t.Errorf("%q, %v", value, err)
		}
		written = written || value != nil
	}
	return written
}

// A gate holds up what connections write.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // nil if it is open
	held   chan struct{}
}

// close returns a channel that is closed once something is held up.
func (g *gate) close() (held <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened, g.held = make(chan struct{}), make(chan struct{})
	return g.held
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
	g.opened = nil
}

func (g *gate) pass() {
	g.mu.Lock()
	opened, held := g.opened, g.held
	g.held = nil
	g.mu.Unlock()
	if opened == nil {
		return
	}
	if held != nil {
		close(held)
	}
	<-opened
}

type gatedConn struct {
	net.Conn
	*gate
}

func (c gatedConn) Write(b []byte) (int, error) {
	c.pass()
	return c.Conn.Write(b)
}
