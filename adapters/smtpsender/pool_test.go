package smtpsender

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// send sends and ends the test if that fails.
func send(t testing.TB, s *Sender) {
	t.Helper()
	if _, err := s.Send(t.Context(), testMessage()); err != nil {
		t.Fatal(err)
	}
}

func TestReuse(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN"}
	s := newSender(t, config(p.start(t).addr))
	for range 5 {
		send(t, s)
	}
	if conns, letters := p.count(); conns != 1 || letters != 5 {
		t.Errorf("%d letters over %d connections", letters, conns)
	}
	if said := p.commands(); strings.Count(said, "AUTH") != 1 || strings.Contains(said, "RSET") || strings.Contains(said, "NOOP") {
		t.Errorf("the client said\n%s", said)
	}
}

// After a refusal the connection is used again, once it is reset.
func TestReuseAfterRefusal(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"MAIL", "RCPT", "DATA", "dot"} {
		refuse := true
		p := &puppet{tls: serverTLS(), auth: "PLAIN"}
		normal := map[string]action{"MAIL": say("250 ok"), "RCPT": say("250 ok"), "dot": say("250 ok"),
			"DATA": func(c *puppetConn) bool { return say("354 go")(c) && c.receive() }}[at]
		p.do = map[string]action{at: func(c *puppetConn) bool {
			if refuse {
				refuse = false
				return say("550 5.1.1 no")(c)
			}
			return normal(c)
		}}
		s := newSender(t, config(p.start(t).addr))
		if _, err := s.Send(t.Context(), testMessage()); err == nil {
			t.Fatalf("%s: no error", at)
		}
		send(t, s)
		if conns, _ := p.count(); conns != 1 || strings.Count(p.commands(), "RSET") != 1 {
			t.Errorf("refused at %s: %d connections,\n%s", at, conns, p.commands())
		}
	}
}

// A kept connection that is dead costs no message, however it died.
func TestDeadConnection(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]action{
		"cut":              cutOff,
		"closing":          say("421 4.4.2 timeout exceeded"),
		"nonsense":         say("what?"),
		"more than asked":  say("299 odd"),
		"endless":          flood("", "250-x\r\n"),
		"closing, no code": say("421"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mails atomic.Int32
			p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"MAIL": func(c *puppetConn) bool {
				if mails.Add(1) == 2 {
					return second(c)
				}
				return say("250 2.1.0 ok")(c)
			}}}
			s := newSender(t, config(p.start(t).addr))
			send(t, s)
			send(t, s)
			send(t, s)
			if conns, letters := p.count(); conns != 2 || letters != 3 || mails.Load() != 4 {
				t.Errorf("%d letters over %d connections, %d transactions", letters, conns, mails.Load())
			}
		})
	}
}

// So it is when it turns out at the reset that a refusal made necessary.
func TestDeadAtReset(t *testing.T) {
	t.Parallel()
	for _, do := range []action{cutOff, say("421 4.7.0 too many errors"), say("500 5.5.1 what?")} {
		p := &puppet{do: map[string]action{"RCPT": nth(0, say("550 5.1.1 no"), say("250 ok")), "RSET": do}}
		s := newSender(t, plaintext(p.start(t).addr))
		if _, err := s.Send(t.Context(), testMessage()); err == nil {
			t.Fatal("no error")
		}
		send(t, s)
		if conns, letters := p.count(); conns != 2 || letters != 1 {
			t.Errorf("%d letters over %d connections", letters, conns)
		}
	}
}

// It is replaced once: a fresh one that dies the same way is an error. And a
// refusal is an answer.
func TestDeadTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		do    action
		conns int
	}{{cutOff, 2}, {say("421 4.3.2 closing"), 2}, {say("450 4.3.2 not now"), 1}, {say("550 5.7.1 no"), 1}} {
		var mails atomic.Int32
		p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"MAIL": func(c *puppetConn) bool {
			if mails.Add(1) > 1 {
				return tt.do(c)
			}
			return say("250 2.1.0 ok")(c)
		}}}
		s := newSender(t, config(p.start(t).addr))
		send(t, s)
		_, err := s.Send(t.Context(), testMessage())
		if conns, letters := p.count(); err == nil || conns != tt.conns || letters != 1 {
			t.Errorf("Send = %v; %d letters over %d connections, want %d", err, letters, conns, tt.conns)
		}
	}
}

// Nothing after MAIL is tried again on another connection.
func TestNoSecondTry(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"RCPT", "DATA", "dot"} {
		for _, do := range []action{cutOff, say("421 4.3.2 closing"), say("451 4.3.0 later")} {
			second := false
			p := &puppet{tls: serverTLS(), auth: "PLAIN"}
			normal := map[string]action{"RCPT": say("250 ok"), "dot": say("250 ok"),
				"DATA": func(c *puppetConn) bool { return say("354 go")(c) && c.receive() }}[at]
			p.do = map[string]action{at: func(c *puppetConn) bool {
				if second {
					return do(c)
				}
				return normal(c)
			}}
			s := newSender(t, config(p.start(t).addr))
			send(t, s)
			second = true
			_, err := s.Send(t.Context(), testMessage())
			if err == nil || strings.Count(p.commands(), "MAIL FROM") != 2 {
				t.Errorf("%s: %v\n%s", at, err, p.commands())
			}
		}
	}
}

// A server that says something unasked would be one answer ahead of itself:
// here it would seem to take what it refuses.
func TestUnasked(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{
		"dot":  nth(0, say("250 2.0.0 taken", "250 2.0.0 taken?"), say("250 2.0.0 taken")),
		"MAIL": say("250 2.1.0 ok"),
	}}
	s := newSender(t, config(p.start(t).addr))
	send(t, s)
	send(t, s)
	if conns, letters := p.count(); conns != 2 || letters != 2 {
		t.Errorf("%d letters over %d connections", letters, conns)
	}
}

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	quit := make(chan struct{}, 9)
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"QUIT": func(*puppetConn) bool { quit <- struct{}{}; return false }}}
	cfg := config(p.start(t).addr)
	now := time.Unix(1_900_000_000, 0)
	cfg.Now = func() time.Time { return now }
	cfg.IdleTimeout = 20 * time.Second
	s := newSender(t, cfg)
	for i, step := range []struct {
		after time.Duration
		conns int
	}{{0, 1}, {19 * time.Second, 1}, {19 * time.Second, 1}, {20 * time.Second, 2}, {-time.Hour, 2}, {24 * time.Hour, 3}} {
		now = now.Add(step.after)
		send(t, s)
		if conns, _ := p.count(); conns != step.conns {
			t.Errorf("step %d: %d connections, want %d", i, conns, step.conns)
		}
	}
	<-quit // the old ones were left politely
	<-quit
	cfg.IdleTimeout = -1
	s = newSender(t, cfg)
	send(t, s)
	<-quit
	send(t, s)
	<-quit
	if conns, _ := p.count(); conns != 5 {
		t.Errorf("%d connections, where none is kept", conns)
	}
}

func TestConnectionIsNotKeptForEver(t *testing.T) {
	t.Parallel()
	p := &puppet{}
	s := newSender(t, plaintext(p.start(t).addr))
	for range maxLetters + 1 {
		send(t, s)
	}
	if conns, letters := p.count(); conns != 2 || letters != maxLetters+1 {
		t.Errorf("%d letters over %d connections", letters, conns)
	}
}

// There are never more connections than MaxConns, and who waits for one waits
// no longer than his ctx.
func TestMaxConns(t *testing.T) {
	t.Parallel()
	const most, sends = 3, 40
	var inside, peak atomic.Int32
	p := &puppet{do: map[string]action{"MAIL": func(c *puppetConn) bool {
		n := inside.Add(1)
		for {
			old := peak.Load()
			if n <= old || peak.CompareAndSwap(old, n) {
				break
			}
		}
		return say("250 ok")(c)
	}, "dot": func(c *puppetConn) bool { inside.Add(-1); return say("250 ok")(c) }}}
	cfg := plaintext(p.start(t).addr)
	cfg.MaxConns = most
	s := newSender(t, cfg)
	var wg sync.WaitGroup
	for range sends {
		wg.Go(func() { send(t, s) })
	}
	wg.Wait()
	if conns, letters := p.count(); conns > most || letters != sends || peak.Load() > most {
		t.Errorf("%d letters over %d connections, %d at once", letters, conns, peak.Load())
	}
}

func TestWaitForConnection(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	p := &puppet{do: map[string]action{"RCPT": hang(reached)}}
	cfg := plaintext(p.start(t).addr)
	cfg.MaxConns = 1
	s := newSender(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var holder sync.WaitGroup
	holder.Go(func() { s.Send(ctx, testMessage()) })
	<-reached
	for limit := 20 * time.Millisecond; ; limit *= 2 {
		waiting, stop := context.WithTimeout(t.Context(), limit)
		_, err := s.Send(waiting, testMessage())
		stop()
		if err == nil {
			t.Fatal("there is a second connection")
		}
		if err.Error() == "delivery: temporary: smtp: waiting for a free connection: context deadline exceeded" {
			break
		}
		// On a busy machine the time may be up before it waits.
		if err.Error() != "delivery: temporary: smtp: context deadline exceeded" || limit > 10*time.Second {
			t.Fatalf("Send = %v", err)
		}
	}
	cancel()
	holder.Wait()
	if conns, _ := p.count(); conns != 1 {
		t.Errorf("%d connections", conns)
	}
}

// Close waits for what is under way, refuses the rest, and leaves politely.
func TestClose(t *testing.T) {
	t.Parallel()
	under := make(chan struct{}, 1)
	goOn := make(chan struct{})
	var quits atomic.Int32
	gone := make(chan struct{}, 9)
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{
		"dot":  func(c *puppetConn) bool { under <- struct{}{}; <-goOn; return say("250 2.0.0 ok")(c) },
		"QUIT": func(*puppetConn) bool { quits.Add(1); gone <- struct{}{}; return false },
	}}
	cfg := config(p.start(t).addr)
	cfg.MaxConns = 1
	s := newSender(t, cfg)
	var wg sync.WaitGroup
	wg.Go(func() { send(t, s) })
	<-under
	wg.Go(func() { // waits for the one connection
		if _, err := s.Send(t.Context(), testMessage()); err != nil && err.Error() != "delivery: temporary: smtp: the sender is closed" {
			t.Errorf("Send = %v", err)
		}
	})
	closed := make(chan struct{})
	wg.Go(func() { s.Close(); close(closed) })
	select {
	case <-closed:
		t.Error("Close did not wait")
	case <-s.pool.closed:
	}
	if _, err := s.Send(t.Context(), testMessage()); err == nil || err.Error() != "delivery: temporary: smtp: the sender is closed" {
		t.Errorf("Send after Close = %v", err)
	}
	close(goOn)
	wg.Wait()
	<-gone
	if err := s.Close(); err != nil || quits.Load() != 1 {
		t.Errorf("Close again = %v; %d connections were left politely", err, quits.Load())
	}
}

// What it means that a ctx ends at the very moment that the server says yes:
// the message is sent, and the connection is not used again, because its
// deadline may still change.
func TestDoneAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := &session{conn: &conn{Conn: client}}
		defer client.Close()
		defer server.Close()
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.during(ctx, func() error { cancel(); return nil }); err != nil || !c.broken {
			t.Errorf("during = %v, broken %t", err, c.broken)
		}
		kept := &session{conn: &conn{Conn: client}}
		if err := kept.during(t.Context(), func() error { return errors.New("refused") }); err == nil || kept.broken {
			t.Errorf("during = %v, broken %t", err, kept.broken)
		}
	})
}

// A kept connection whose other end is gone without a trace leaves two thirds
// of the time for a fresh one.
func TestSilentDeath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{do: map[string]action{"MAIL": nth(0, hang(make(chan struct{}, 1)), say("250 ok"))}}
		cfg := plaintext("")
		conns := 0
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			c := &puppetConn{p: p, n: conns, wire: server}
			conns++
			go func() {
				defer server.Close()
				p.serve(c)
			}()
			return client, nil
		}
		s := newSender(t, cfg)
		c, f := s.dial(t.Context())
		if f != nil {
			t.Fatal(f.reason)
		}
		s.pool.keep(c, time.Now())
		began := time.Now()
		send(t, s)
		if took := time.Since(began); took != 10*time.Second || conns != 2 { // of the default of 30
			t.Errorf("it took %v and %d connections", took, conns)
		}
	})
}
