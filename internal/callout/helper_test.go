package callout

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A peer takes connections and treats each request on them as told: one byte
// of script per request, in order. It counts the requests that it read whole.
//
//	a  answers 200
//	A  answers 200 and then closes the connection
//	x  closes the connection without an answer
//	h  says nothing more, and tells read
type peer struct {
	net.Listener
	read     chan struct{} // told for each h
	requests atomic.Int32
	wg       sync.WaitGroup
}

func newPeer(t *testing.T, script string) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: l, read: make(chan struct{}, 9)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close(); p.wg.Wait() })
	p.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			script = p.serve(conn, script)
			stop()
			conn.Close()
		}
	})
	return p
}

func (p *peer) url() string { return "http://" + p.Addr().String() }

func (p *peer) serve(conn net.Conn, script string) (rest string) {
	r := bufio.NewReader(conn)
	for script != "" {
		request, err := http.ReadRequest(r)
		if err != nil {
			return script
		}
		if _, err := io.ReadAll(request.Body); err != nil {
			return script
		}
		p.requests.Add(1)
		step := script[0]
		script = script[1:]
		switch step {
		case 'a', 'A':
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		case 'h':
			p.read <- struct{}{}
			io.Copy(io.Discard, r) // until the client gives up
		}
		if step != 'a' {
			return script
		}
	}
	return ""
}

// A watched connection tells when the client closes it, and writes nothing
// more once it is broken.
type watched struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
	broken atomic.Bool
}

func (c *watched) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *watched) Write(b []byte) (int, error) {
	if c.broken.Load() {
		return 0, errors.New("broken")
	}
	return c.Conn.Write(b)
}

// watch returns a client, and its connections as they are made.
func watch() (*Client, <-chan *watched) {
	conns := make(chan *watched, 9)
	transport := NewTransport()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &watched{Conn: conn, closed: make(chan struct{})}
		conns <- c
		return c, nil
	}
	return New(Config{HTTP: &http.Client{Transport: transport}}), conns
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// readerFunc is a body.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// roundJar keeps a cookie for everybody.
type roundJar struct{}

func (roundJar) SetCookies(*url.URL, []*http.Cookie) {}
func (roundJar) Cookies(*url.URL) []*http.Cookie     { return []*http.Cookie{{Name: "a", Value: "b"}} }
