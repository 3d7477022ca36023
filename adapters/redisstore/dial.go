package redisstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// dialer returns how a client of opt makes a connection.
func dialer(opt rueidis.ClientOption) dialFunc {
	if opt.DialCtxFn != nil {
		return opt.DialCtxFn
	}
	return func(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		if config == nil {
			return d.DialContext(ctx, "tcp", addr)
		}
		return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", addr)
	}
}

// errGreeting is why a connection to something else than Redis is given up.
var errGreeting = errors.New("redisstore: it does not speak as Redis does")

// greeting returns a dialer that says PING first. Something else at that address,
// a mail server say, may begin with what looks like an answer; the client panics
// when it reads an answer to nothing.
func greeting(dial dialFunc) dialFunc {
	return func(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		conn, err := dial(ctx, addr, d, config)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		if err = greet(conn, d.Timeout); err == nil && !stop() {
			err = ctx.Err()
		}
		if err != nil {
			stop()
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
}

// greet fails unless a PING is answered by one line, and by nothing more, that
// says so or is an error: who has not logged in yet gets one.
func greet(conn net.Conn, timeout time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return err
	}
	line := make([]byte, 0, 512)
	for bytes.IndexByte(line, '\n') < 0 && len(line) < cap(line) {
		n, err := conn.Read(line[len(line):cap(line)])
		if line = line[:len(line)+n]; err != nil {
			return err
		}
	}
	if bytes.IndexByte(line, '\n') != len(line)-1 || line[0] != '-' && string(line) != "+PONG\r\n" {
		return errGreeting
	}
	return conn.SetDeadline(time.Time{})
}

// connect makes a client, with connections that end with ctx until over is called.
func connect(ctx context.Context, opt rueidis.ClientOption) (client rueidis.Client, over func(), err error) {
	o := new(opening)
	opt.DialCtxFn = o.dialer(ctx, opt.DialCtxFn)
	if client, err = rueidis.NewClient(opt); err != nil {
		o.end()
		return nil, nil, err
	}
	return client, o.end, nil
}

// An opening is the time in which a client makes its first connections. It makes
// them without the caller's context, so what is there when that ends is closed.
type opening struct {
	mu    sync.Mutex
	over  bool
	stops []func() bool
}

// dialer returns a dialer that heeds ctx, too, until end.
func (o *opening) dialer(ctx context.Context, dial dialFunc) dialFunc {
	return func(own context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		own, cancel := context.WithCancel(own)
		defer cancel()
		o.watch(ctx, cancel)
		conn, err := dial(own, addr, d, config)
		if err == nil {
			o.watch(ctx, func() { conn.Close() })
		}
		return conn, err
	}
}

// watch calls f when ctx ends, unless end comes first.
func (o *opening) watch(ctx context.Context, f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.stops = append(o.stops, context.AfterFunc(ctx, f))
	}
}

func (o *opening) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	for _, stop := range o.stops {
		stop()
	}
	o.stops = nil
}
