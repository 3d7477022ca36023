package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A spy writes down all that a store is given.
type spy struct {
	store.Store
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *spy) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	s.mu.Lock()
	fmt.Fprintf(&s.all, "%s %s %x\n", key, new, new)
	s.mu.Unlock()
	return s.Store.CompareAndSwap(ctx, key, old, new, expires)
}

// Nothing that the engine stores, returns, reports or fails with may hold a
// code or a whole address, in whatever way it is printed, even where the
// provider echoes them.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	watch := new(spy)
	b := newBench(t, func(c *engine.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store = memory
		c.Store = watch
	})
	var out bytes.Buffer
	text, js := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	show := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text.Info("x", "v", v)
			js.Info("x", "v", v)
			encoded, _ := json.Marshal(v)
			out.Write(encoded)
		}
	}

	// Addresses that cannot turn up by chance.
	requests := []engine.Request{
		{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"},
		{Channel: delivery.WhatsApp, To: "+12025559137", Purpose: "login"},
		{Channel: delivery.Email, To: "somebody.special@example.com", Purpose: "login"},
	}
	echo := func(kind delivery.Kind) func(context.Context, delivery.Message) error {
		return func(_ context.Context, m delivery.Message) error {
			reason := "no: " + m.To.Reveal() + " " + m.Code.Reveal() + " " + m.Body.Reveal() + " " + strings.TrimPrefix(m.To.Reveal(), "+")
			if kind == "" {
				return errors.New(reason)
			}
			return fmt.Errorf("wrapped: %w", &delivery.Error{Kind: kind, Reason: reason, Provider: m.To.Reveal()})
		}
	}
	for _, req := range requests {
		for _, fail := range []func(context.Context, delivery.Message) error{
			nil, echo(""), echo(delivery.Rejected), echo(delivery.Ambiguous),
		} {
			b.fail = fail
			challenge, err := b.Engine.Start(t.Context(), req)
			show(challenge, err)
			for err := errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
				show(err)
			}
			if err == nil {
				code := b.last().Code.Reveal()
				for _, guess := range []string{wrong(code), "x" + code, code, code} {
					proof, err := b.Engine.Verify(t.Context(), challenge.ID, guess)
					show(proof, err)
				}
			}
		}
		show(b.Engine.Start(t.Context(), engine.Request{Channel: req.Channel, To: req.To + "\n"}))
	}
	for _, e := range b.events {
		show(e, &e)
	}
	for _, m := range b.messages {
		show(m, &m)
	}

	everything := out.String() + watch.all.String()
	if len(everything) < 100_000 || !strings.Contains(everything, "delivery_failed") {
		t.Fatalf("only %d bytes were looked at", len(everything))
	}
	var secrets []string
	for _, m := range b.messages {
		code := m.Code.Reveal()
		secrets = append(secrets, `"`+code+`"`, " "+code+" ", fmt.Sprintf("%x", code), m.Body.Reveal())
	}
	for _, req := range requests {
		secrets = append(secrets, req.To, strings.TrimPrefix(req.To, "+"), fmt.Sprintf("%x", req.To), fmt.Sprintf("%X", req.To))
	}
	for _, secret := range secrets {
		if at := strings.Index(everything, secret); at >= 0 {
			t.Fatalf("%q is shown: …%s…", secret, everything[max(0, at-200):min(len(everything), at+200)])
		}
	}
	if !strings.Contains(everything, "[redacted]") {
		t.Error("nothing was redacted: the test looks at nothing")
	}
}
