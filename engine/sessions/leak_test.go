package sessions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A spy writes down all that a store is given, and counts the calls.
type spy struct {
	store.Store
	mu      sync.Mutex
	all     bytes.Buffer
	key     string // of the last swap
	expires time.Time
	calls   int
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.calls++
	fmt.Fprintln(&s.all, key)
	s.mu.Unlock()
	return s.Store.Get(ctx, key)
}

func (s *spy) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	s.mu.Lock()
	s.calls++
	s.key, s.expires = key, expires
	fmt.Fprintf(&s.all, "%s %s %x\n", key, new, new)
	s.mu.Unlock()
	return s.Store.CompareAndSwap(ctx, key, old, new, expires)
}

// The store is given no token, and in clear nothing of what a session says; no
// error and no printed value shows a token, a JWT or a key. Making and checking
// JWTs calls no store.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	watch := new(spy)
	b := newBench(t, func(c *sessions.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store, c.Store = memory, watch
	})
	var out bytes.Buffer
	text, js := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	show := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text.Info("x", "v", v)
			js.Info("x", "v", v)
			encoded, _ := json.Marshal(v)
			out.Write(encoded)
		}
	}
	// Sessions are the program's to encode; what is only printed shows nobody.
	var seen bytes.Buffer
	printed := func(values ...any) {
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&seen, verb+"\n", v)
			}
			slog.New(slog.NewTextHandler(&seen, nil)).Info("x", "v", v)
		}
	}
	var secrets []string
	grant := bySMS()
	grant.Claims = json.RawMessage(`{"canary":"claim-canary"}`)
	first := b.grant(grant)
	second := b.grant(byEmail(token(first)))
	byJWT := b.authenticate(sessions.Credential{JWT: b.jwt(second.Session)}, nil)
	for _, g := range []sessions.Granted{first, second, byJWT} {
		before := watch.calls
		jwt, err := b.JWT(g.Session)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.CheckJWT(jwt.Reveal()); err != nil {
			t.Fatal(err)
		}
		if watch.calls != before {
			t.Errorf("a JWT took %d calls of the store", watch.calls-before)
		}
		show(g.Token, &g.Token, jwt)
		printed(g, g.Session, &g.Session, g.Session.Factors, g.Session.Factors[0], g.Session.Attributes, grant, &grant, byEmail(token(g)), sessions.Request{Credential: token(g), Claims: grant.Claims})
		raw, err := base64.RawURLEncoding.DecodeString(g.Token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, g.Token.Reveal(), hex.EncodeToString(raw[10:]), string(raw[10:]), jwt.Reveal())
		for _, c := range []sessions.Credential{
			{Token: g.Token.Reveal() + "x"}, {JWT: jwt.Reveal() + "x"}, {Token: g.Token.Reveal(), JWT: jwt.Reveal()}, {JWT: jwt.Reveal()[:len(jwt.Reveal())-5]},
		} {
			_, err := b.Authenticate(t.Context(), sessions.Request{Credential: c})
			show(err, c, &c, sessions.Request{Credential: c}, byEmail(c))
			_, err = b.CheckJWT(c.JWT)
			show(err)
		}
	}
	key := firstKey()
	show(key, &key, b.config)
	secrets = append(secrets, key.Key.D.String(), fmt.Sprintf("%x", key.Key.D))
	for _, s := range []string{out.String(), seen.String(), watch.all.String()} {
		for _, secret := range secrets {
			if at := strings.Index(s, secret); at >= 0 {
				t.Fatalf("a secret is shown: …%s…", s[max(0, at-200):min(len(s), at+100)])
			}
		}
	}
	kept := watch.all.String()
	for _, personal := range []string{user, phone, email, "192.0.2.7", "Browser/1", "claim-canary", "reader", "phone-1"} {
		for _, form := range []string{personal, hex.EncodeToString([]byte(personal)), base64.StdEncoding.EncodeToString([]byte(personal))} {
			if strings.Contains(kept, form) {
				t.Errorf("the store was given %q", form)
			}
		}
	}
	for _, personal := range []string{phone, email, "192.0.2.7", "Browser/1", "claim-canary"} {
		for _, form := range []string{personal, hex.EncodeToString([]byte(personal)), strings.Trim(fmt.Sprint([]byte(personal)), "[]"), strings.TrimSuffix(fmt.Sprintf("%#v", []byte(personal))[len("[]byte{"):], "}")} {
			if strings.Contains(seen.String(), form) {
				t.Errorf("%q is printed", form)
			}
		}
	}
	if !strings.Contains(seen.String(), second.Session.ID) || !strings.Contains(seen.String(), "sms phone-1") {
		t.Error("what is printed does not say which session and factor it is")
	}
	if !watch.expires.Equal(start.Add(hour)) {
		t.Errorf("the record is kept until %v", watch.expires)
	}
	if err := b.Close(t.Context(), user); err != nil || !watch.expires.Equal(start.Add(5*time.Minute)) {
		t.Errorf("a closed record is kept until %v, %v", watch.expires, err)
	}
	if len(kept) < 1000 || !strings.Contains(out.String(), "redacted") {
		t.Error("nothing was looked at")
	}
}
