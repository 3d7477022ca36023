package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A bench is an engine with everything that a test turns or reads.
type bench struct {
	t      testing.TB
	Engine *engine.Engine
	Config engine.Config
	Store  store.Store

	mu       sync.Mutex
	now      time.Time
	messages []delivery.Message
	events   []engine.Event
	fail     func(context.Context, delivery.Message) error
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testKey(id uint32, b byte) engine.Key {
	return engine.Key{ID: id, Secret: bytes.Repeat([]byte{b}, engine.MinSecret)}
}

// newBench returns an engine on a memory store; configure may change anything
// but the parts that the bench is about.
func newBench(t testing.TB, configure ...func(*engine.Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: start}
	b.Config = engine.Config{
		Keys: engine.Keys{Index: testKey(0, 'i'), Ring: []engine.Key{testKey(1, 'a')}},
		Channels: engine.Channels{
			delivery.SMS:      {Sender: delivery.SenderFunc(b.send), Parse: parsePhone},
			delivery.WhatsApp: {Sender: delivery.SenderFunc(b.send), Parse: parsePhone},
			delivery.Email:    {Sender: delivery.SenderFunc(b.send)},
		},
		Cache:   engine.DefaultCache, // by itself it remembers nothing that a memory store holds
		Observe: b.observe,
		Now:     b.Now,
	}
	for _, f := range configure {
		f(&b.Config)
	}
	if b.Config.Store == nil {
		memory, err := memstore.New(memstore.Config{Now: b.Now})
		if err != nil {
			t.Fatal(err)
		}
		b.Config.Store = memory
	}
	b.Store = b.Config.Store
	var err error
	if b.Engine, err = engine.New(b.Config); err != nil {
		t.Fatal(err)
	}
	return b
}

// refusedNumber is what a parser says of a number that no policy can reach.
type refusedNumber string

func (r refusedNumber) Error() string   { return "refused for its " + string(r) }
func (r refusedNumber) Refused() string { return string(r) }

// parsePhone knows a few numbers of the United States, Sweden and nowhere.
func parsePhone(raw string) (address, region, kind string, err error) {
	switch {
	case strings.HasPrefix(raw, "+1202555") && len(raw) == 12:
		return raw, "US", "fixed_line_or_mobile", nil
	case strings.HasPrefix(raw, "+4670") && len(raw) == 12:
		return raw, "SE", "mobile", nil
	case strings.HasPrefix(raw, "+44207"):
		return raw, "GB", "fixed_line", nil
	case strings.HasPrefix(raw, "+870"):
		return "", "", "", refusedNumber("country")
	case strings.HasPrefix(raw, "+1900"):
		return "", "", "", refusedNumber("type")
	}
	return "", "", "", errors.New("no such number")
}

func (b *bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	b.mu.Lock()
	b.messages = append(b.messages, m)
	fail := b.fail
	b.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, m); err != nil {
			return delivery.Receipt{}, err
		}
	}
	return delivery.Receipt{Provider: "test", ID: m.ID}, nil
}

func (b *bench) observe(e engine.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

// kinds returns the kinds of the events since the last call.
func (b *bench) kinds() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kinds []string
	for _, e := range b.events {
		kinds = append(kinds, string(e.Kind))
	}
	b.events = nil
	return strings.Join(kinds, " ")
}

// last returns the message sent last.
func (b *bench) last() delivery.Message {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) == 0 {
		b.t.Fatal("nothing was sent")
	}
	return b.messages[len(b.messages)-1]
}

func (b *bench) sent() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages)
}

var someone = engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"}

// start starts a challenge, which must succeed, and returns it with its code.
func (b *bench) start(req engine.Request) (engine.Challenge, string) {
	b.t.Helper()
	challenge, err := b.Engine.Start(b.t.Context(), req)
	if err != nil {
		b.t.Fatalf("Start: %v", err)
	}
	return challenge, b.last().Code.Reveal()
}

// verify fails the test unless the outcome is want: nil, or a Kind.
func (b *bench) verify(id, code string, want error) *engine.Error {
	b.t.Helper()
	_, err := b.Engine.Verify(b.t.Context(), id, code)
	return b.check("Verify", err, want)
}

func (b *bench) check(what string, err, want error) *engine.Error {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Fatalf("%s: %v, want %v", what, err, want)
	}
	var typed *engine.Error
	if err != nil && !errors.As(err, &typed) {
		b.t.Fatalf("%s: %T is no *engine.Error", what, err)
	}
	return typed
}

// wrong returns a code that differs from the right one.
func wrong(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }

// number returns the n-th test number.
func number(n int) string { return fmt.Sprintf("+1202555%04d", n) }
