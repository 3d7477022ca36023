package smtpsender

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// A puppet is an SMTP server that does, at every step, what the test says. It
// takes any login.
type puppet struct {
	addr     string
	tls      *tls.Config // nil: no STARTTLS
	implicit bool
	auth     string            // mechanisms; empty: no AUTH
	do       map[string]action // by step: greeting, EHLO, STARTTLS, handshake, AUTH, MAIL, RCPT, DATA, content, dot, RSET, QUIT

	mu      sync.Mutex
	conns   int
	said    []string // by the client: commands, one line each
	letters []string // that came to their dot
	open    map[net.Conn]bool
}

// An action answers at a step. False ends the connection.
type action func(c *puppetConn) bool

type puppetConn struct {
	p    *puppet
	n    int // which connection, from 0
	wire net.Conn
	text *textproto.Conn
	line string // the command, or the letter at the dot
	seen string // all that the client has said, the letter too
}

// say answers with lines.
func say(lines ...string) action {
	return func(c *puppetConn) bool {
		return c.text.PrintfLine("%s", strings.Join(lines, "\r\n")) == nil
	}
}

// cutOff closes the connection without an answer.
func cutOff(*puppetConn) bool { return false }

// hang says nothing until the client is gone, and reports each time that it is
// reached.
func hang(reached chan<- struct{}) action {
	return func(c *puppetConn) bool {
		reached <- struct{}{}
		for {
			line, err := c.text.ReadLine()
			if err != nil {
				return false
			}
			c.p.note("while hanging: " + line)
		}
	}
}

// flood sends a piece again and again until the client is gone.
func flood(first, piece string) action {
	return func(c *puppetConn) bool {
		w := bufio.NewWriterSize(c.wire, 64<<10)
		fmt.Fprint(w, first)
		for range 64 << 20 / len(piece) {
			if _, err := w.WriteString(piece); err != nil {
				return false
			}
		}
		w.Flush()
		return false
	}
}

// nth has the nth connection answer otherwise.
func nth(n int, special, normal action) action {
	return func(c *puppetConn) bool {
		if c.n == n {
			return special(c)
		}
		return normal(c)
	}
}

// start listens, until the test ends.
func (p *puppet) start(t testing.TB) *puppet {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr, p.open = l.Addr().String(), make(map[net.Conn]bool)
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			wire, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns++
			p.open[wire] = true
			p.mu.Unlock()
			running.Go(func() {
				defer wire.Close()
				p.serve(&puppetConn{p: p, n: n, wire: wire})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for wire := range p.open {
			wire.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p
}

func (p *puppet) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, line)
}

func (p *puppet) commands() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

// count returns the connections and the letters that came.
func (p *puppet) count() (conns, letters int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns, len(p.letters)
}

// at does what the test says for a step, or else what a good server does.
func (c *puppetConn) at(step string, otherwise action) bool {
	if do := c.p.do[step]; do != nil {
		return do(c)
	}
	return otherwise(c)
}

// secure speaks TLS from here on.
func (c *puppetConn) secure() bool {
	if c.p.do["handshake"] != nil {
		return c.p.do["handshake"](c)
	}
	secured := tls.Server(c.wire, c.p.tls)
	if err := secured.Handshake(); err != nil {
		return false
	}
	c.wire, c.text = secured, textproto.NewConn(secured)
	return true
}

func (p *puppet) serve(c *puppetConn) {
	c.text = textproto.NewConn(c.wire)
	if p.implicit && !c.secure() {
		return
	}
	if !c.at("greeting", say("220 "+testHost+" ESMTP")) {
		return
	}
	for {
		line, err := c.text.ReadLine()
		if err != nil {
			return
		}
		c.line = line
		c.seen += line + "\n"
		p.note(line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if !c.command(verb) {
			return
		}
	}
}

func (c *puppetConn) command(verb string) bool {
	_, secured := c.wire.(*tls.Conn)
	switch verb {
	case "EHLO", "HELO":
		lines := []string{"250-" + testHost}
		if c.p.tls != nil && !secured {
			lines = append(lines, "250-STARTTLS")
		}
		if c.p.auth != "" {
			lines = append(lines, "250-AUTH "+c.p.auth)
		}
		return c.at("EHLO", say(append(lines, "250-8BITMIME", "250-SMTPUTF8", "250 ENHANCEDSTATUSCODES")...))
	case "STARTTLS":
		return c.at("STARTTLS", func(c *puppetConn) bool { return say("220 2.0.0 go ahead")(c) && c.secure() })
	case "AUTH":
		return c.at("AUTH", say("235 2.7.0 welcome"))
	case "MAIL":
		return c.at("MAIL", say("250 2.1.0 ok"))
	case "RCPT":
		return c.at("RCPT", say("250 2.1.5 ok"))
	case "DATA":
		return c.at("DATA", func(c *puppetConn) bool { return say("354 go on")(c) && c.receive() })
	case "RSET":
		return c.at("RSET", say("250 2.0.0 ok"))
	case "QUIT":
		c.at("QUIT", say("221 2.0.0 bye"))
		return false
	}
	return say("500 5.5.1 what?")(c)
}

// receive reads a message and answers its dot.
func (c *puppetConn) receive() bool {
	if do := c.p.do["content"]; do != nil {
		return do(c)
	}
	letter, err := c.text.ReadDotBytes()
	if err != nil {
		return false
	}
	c.line = string(letter)
	c.seen += c.line
	c.p.mu.Lock()
	c.p.letters = append(c.p.letters, c.line)
	c.p.mu.Unlock()
	return c.at("dot", say("250 2.0.0 queued as 4711"))
}
