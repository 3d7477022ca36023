package servertest

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// A Proxy passes connections on to a server until it is told to break them.
// It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	refuse  bool // no new connections
	swallow bool // no replies
	conns   map[net.Conn]bool
	sent    chan struct{} // closed when a request was passed on, if somebody waits
}

// NewProxy returns a proxy for a server's address. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, conns: make(map[net.Conn]bool)}
	var running sync.WaitGroup
	running.Go(func() { p.accept(&running) })
	t.Cleanup(func() {
		l.Close()
		p.Refuse(true)
		p.Cut()
		running.Wait()
	})
	return p
}

// Addr returns the proxy's host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut breaks all connections there are. What was sent before may have arrived.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // a reset, as from a crash
		}
		c.Close()
	}
}

// Refuse says whether new connections are closed at once.
func (p *Proxy) Refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = yes
}

// Swallow says whether replies are thrown away. Requests go on to the server.
func (p *Proxy) Swallow(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = yes
}

// Sent returns a channel that is closed once the next piece of a request was
// passed on to the server.
func (p *Proxy) Sent() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil {
		p.sent = make(chan struct{})
	}
	return p.sent
}

func (p *Proxy) accept(running *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.add(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		running.Go(func() { p.pass(server, client, true) })
		running.Go(func() { p.pass(client, server, false) })
	}
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// pass copies from one side to the other until either ends.
func (p *Proxy) pass(to, from net.Conn, request bool) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range []net.Conn{to, from} {
			c.Close()
			delete(p.conns, c)
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.dropped(request) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			if request {
				p.tell()
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) dropped(request bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallow && !request
}

func (p *Proxy) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent != nil {
		close(p.sent)
		p.sent = nil
	}
}
