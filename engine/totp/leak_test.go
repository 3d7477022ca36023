package totp_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A spy writes down all that a store is given.
type spy struct {
	store.Store
	mu      sync.Mutex
	all     bytes.Buffer
	key     string    // of the last swap
	expires time.Time // of the last swap
	deleted bool      // by the last swap
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	fmt.Fprintln(&s.all, key)
	s.mu.Unlock()
	return s.Store.Get(ctx, key)
}

func (s *spy) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	s.mu.Lock()
	fmt.Fprintf(&s.all, "%s %s %x\n", key, new, new)
	s.key, s.expires, s.deleted = key, expires, new == nil
	s.mu.Unlock()
	return s.Store.CompareAndSwap(ctx, key, old, new, expires)
}

// spyBench returns a bench whose store is watched.
func spyBench(t *testing.T) (*bench, *spy) {
	t.Helper()
	watch := new(spy)
	b := newBench(t, func(c *totp.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store = memory
		c.Store = watch
	})
	return b, watch
}

// Nothing that is stored holds a secret, a recovery code or the user's id, and
// nothing that is returned prints one.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	b, watch := spyBench(t)
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
			if err, ok := v.(error); ok {
				for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
					fmt.Fprintf(&out, "%+v\n", err)
				}
			}
		}
	}
	var secrets []string
	forms := func(secret string) {
		secrets = append(secrets, secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret))
	}
	for i, user := range []string{"user-test-canary-ada", "user-test-canary-eve"} {
		forms(user)
		e, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: user, Account: "canary@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		show(e, &e)
		code, err := e.QRCode()
		show(code, err)
		forms(e.Secret.Reveal())
		seed, err := base32.StdEncoding.DecodeString(e.Secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		forms(string(seed))
		forms(code.Reveal())
		forms(e.URI.Reveal())
		for _, code := range e.RecoveryCodes {
			forms(code.Reveal())
			forms(strings.ReplaceAll(code.Reveal(), "-", ""))
		}
		try := func(typed string) {
			forms(typed)
			proof, err := b.Apps.Verify(t.Context(), user, typed)
			show(proof, err)
			proof, err = b.Apps.Recover(t.Context(), user, typed)
			show(proof, err)
		}
		for _, typed := range []string{
			b.code(e, 0), b.code(e, 0), e.RecoveryCodes[2].Reveal(), e.RecoveryCodes[2].Reveal(),
			"canary-not-a-code", "c4na-ryc4-nary",
		} {
			try(typed)
		}
		status, err := b.Apps.Status(t.Context(), user)
		show(status, &status, err)
		show(b.Apps.Enrol(t.Context(), totp.Request{UserID: user, Account: "canary@example.com\n"}))
		show(b.Apps.Enrol(t.Context(), totp.Request{UserID: user}))
		if i == 0 {
			show(b.Apps.Remove(t.Context(), user, e.ID), b.Apps.Unlock(t.Context(), user))
		} else if err := b.Apps.SetKeys(testKeys(testKey(9, 'z'))); err != nil {
			t.Fatal(err)
		}
		try(b.code(e, 0)) // with the key gone
	}
	secrets = append(secrets, "canary@example.com", "canary")

	everything := out.String() + watch.all.String()
	if watch.all.Len() < 4_000 || out.Len() < 20_000 || !strings.Contains(everything, "[redacted]") {
		t.Fatalf("only %d and %d bytes were looked at", watch.all.Len(), out.Len())
	}
	for _, secret := range secrets {
		// Six digits turn up by chance in hexadecimal.
		if len(secret) == 6 && strings.Trim(secret, "0123456789") == "" {
			secret = `"` + secret + `"`
		}
		if at := strings.Index(everything, secret); at >= 0 {
			t.Errorf("%q is shown: …%s…", secret, everything[max(0, at-100):min(len(everything), at+100)])
		}
	}
}
