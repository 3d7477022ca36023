package smtpsender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/servertest"
)

// stages are where a server can go wrong, and what it means if it does
// without a word. Only after the dot may it have taken the message.
var stages = []struct {
	at   string
	want delivery.Kind
}{
	{"greeting", delivery.Temporary}, {"EHLO", delivery.Temporary}, {"STARTTLS", delivery.Temporary}, {"handshake", delivery.Temporary},
	{"AUTH", delivery.Temporary}, {"MAIL", delivery.Temporary}, {"RCPT", delivery.Temporary}, {"DATA", delivery.Temporary},
	{"dot", delivery.Ambiguous},
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, stage := range stages {
		t.Run(stage.at, func(t *testing.T) {
			t.Parallel()
			p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{stage.at: cutOff}}
			s := newSender(t, config(p.start(t).addr))
			_, err := s.Send(t.Context(), testMessage())
			if kindOfError(err) != string(stage.want) {
				t.Errorf("cut at %s: %v, want %s", stage.at, err, stage.want)
			}
			if conns, _ := p.count(); conns != 1 {
				t.Errorf("it took %d connections", conns)
			}
		})
	}
}

// A server that stops answering holds a Send no longer than its ctx, whether
// that is canceled or has a deadline, and no longer than Timeout.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, stage := range stages {
		for _, how := range []string{"cancel", "deadline", "timeout"} {
			t.Run(stage.at+"/"+how, func(t *testing.T) {
				t.Parallel()
				// On a busy machine the time may be up before the stage is reached.
				for limit := 200 * time.Millisecond; !hangs(t, stage.at, stage.want, how, limit); limit *= 2 {
					if limit > 10*time.Second {
						t.Fatal("the stage is never reached")
					}
				}
			})
		}
	}
}

// hangs reports whether the server got to the stage in which it hangs, and
// checks what then became of the message.
func hangs(t *testing.T, stage string, want delivery.Kind, how string, limit time.Duration) bool {
	reached := make(chan struct{}, 1)
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{stage: hang(reached)}}
	cfg := config(p.start(t).addr)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch how {
	case "cancel":
		ctx = until(ctx, reached)
	case "deadline":
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	case "timeout":
		cfg.Timeout = limit
	}
	began := time.Now()
	_, err := newSender(t, cfg).Send(ctx, testMessage())
	took := time.Since(began)
	if how != "cancel" && len(reached) == 0 {
		return false
	}
	if kindOfError(err) != string(want) {
		t.Errorf("hung at %s: %v, want %s", stage, err, want)
	}
	if took > limit+10*time.Second {
		t.Errorf("it took %v", took)
	}
	// No QUIT either: in a message it would send the dot.
	if said := p.commands(); strings.Contains(said, "while hanging: .") || strings.Contains(said, "QUIT") && stage != "AUTH" {
		t.Errorf("the client went on: %s", said)
	}
	return true
}

// until returns a context that ends when something comes.
func until(ctx context.Context, c <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-c:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx
}

// A connection that breaks while the message goes out: without its dot the
// server must not take it (RFC 5321 §4.1.1.4), and the dot does not go out.
func TestContentBreaks(t *testing.T) {
	t.Parallel()
	p := &puppet{do: map[string]action{}}
	cfg := plaintext(p.start(t).addr)
	dial := cfg.Dial
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return &breaking{Conn: c}, err
	}
	m := testMessage()
	m.Body = delivery.NewSecret(strings.Repeat("A long text, longer than buffers are. ", 1000) + testCode)
	_, err := newSender(t, cfg).Send(t.Context(), m)
	if kindOfError(err) != string(delivery.Temporary) || !strings.Contains(err.Error(), "message: ") {
		t.Errorf("Send = %v", err)
	}
	if _, letters := p.count(); letters != 0 {
		t.Error("a part of a message was sent as a whole")
	}
}

// A breaking connection does not take a large write whole.
type breaking struct {
	net.Conn
	broken bool
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.broken {
		return b.Conn.Write(p) // as a connection would that recovers
	}
	if len(p) > 1000 {
		b.broken = true
		n, _ := b.Conn.Write(p[:100])
		return n, &net.OpError{Op: "write", Net: "tcp", Err: errors.New("no route")}
	}
	return b.Conn.Write(p)
}

// plaintext is the configuration for a puppet without TLS.
func plaintext(address string) Config {
	cfg := config(address)
	cfg.TLS, cfg.Username, cfg.Password = nil, "", delivery.Secret{}
	cfg.UnsafePlaintext = true
	return cfg
}

// What a server says is bounded at every step.
func TestFlood(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 1<<20)
	for _, stage := range stages {
		if stage.at == "handshake" {
			continue // the library bounds it
		}
		for name, do := range map[string]action{
			"endless reply":    flood("", "250-and so on\r\n"),
			"endless line":     flood("250 ", line),
			"1 MB line":        say("250 " + line),
			"1 MB refusal":     say("550-5.1.1 " + line + "\r\n550 5.1.1 end"),
			"not SMTP":         say("HTTP/1.1 400 Bad Request", "Content-Length: 0", ""),
			"short":            say("25"),
			"no number":        say("abc ok"),
			"NUL":              flood("", "\x00"),
			"number too large": say("9999 ok"),
		} {
			t.Run(stage.at+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{stage.at: do}}
				s := newSender(t, config(p.start(t).addr))
				_, err := s.Send(t.Context(), testMessage())
				want := string(stage.want)
				if stage.at == "dot" && strings.HasSuffix(name, "line") {
					want = "sent" // 250 it has said; what follows is nothing to us
				}
				if kindOfError(err) != want {
					t.Errorf("%v, want %s", err, want)
				}
				if s.pool.take(time.Now()) != nil {
					t.Error("the connection is kept")
				}
				if err != nil && len(err.Error()) > 700 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			})
		}
	}
}

// No server at all: nothing was taken, and the operator learns why.
func TestNoServer(t *testing.T) {
	t.Parallel()
	free := servertest.FreePort(t)
	dial := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	for want, cfg := range map[string]Config{
		"connection refused": config(fmt.Sprintf("127.0.0.1:%d", free)),
		"no such host":       {Dial: dial(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: testHost, IsNotFound: true}})},
		"tunnel is down":     {Dial: dial(errors.New("tunnel is down"))},
	} {
		cfg.Host, cfg.From = testHost, testFrom
		_, err := newSender(t, cfg).Send(t.Context(), testMessage())
		if kindOfError(err) != string(delivery.Temporary) || !strings.Contains(err.Error(), "smtp: connect: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Send = %v, want %s", err, want)
		}
	}
}
