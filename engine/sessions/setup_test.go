package sessions_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const (
	project = "project-test-6f1f0b5e-4a0e-4f9a-9c55-2f8f5b7f3a01"
	user    = "user-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"
	phone   = "+12025550162"
	email   = "ada@example.com"
	hour    = time.Hour
)

var start = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// Keys are made once, since that takes a while.
var (
	firstKey  = sync.OnceValue(makeKey)
	secondKey = sync.OnceValue(makeKey)
)

func makeKey() sessions.SigningKey {
	key, err := sessions.NewSigningKey(false)
	if err != nil {
		panic(err)
	}
	return key
}

func testKeys(b byte) engine.Keys {
	return engine.Keys{
		Index: engine.Key{Secret: bytes.Repeat([]byte{b}, engine.MinSecret)},
		Ring:  []engine.Key{{ID: 1, Secret: bytes.Repeat([]byte{b + 1}, engine.MinSecret)}},
	}
}

// A bench is sessions on a memory store, with a clock that the test turns.
type bench struct {
	*sessions.Sessions
	t      testing.TB
	config sessions.Config
	store  store.Store

	mu  sync.Mutex
	now time.Time
}

func newBench(t testing.TB, configure ...func(*sessions.Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: start}
	b.config = sessions.Config{
		Keys: testKeys('k'), Signing: []sessions.SigningKey{firstKey()}, ProjectID: project, Now: b.Now,
	}
	for _, f := range configure {
		f(&b.config)
	}
	if b.config.Store == nil {
		memory, err := memstore.New(memstore.Config{Now: b.Now})
		if err != nil {
			t.Fatal(err)
		}
		b.config.Store = memory
	}
	b.store = b.config.Store
	var err error
	if b.Sessions, err = sessions.New(b.config); err != nil {
		t.Fatal(err)
	}
	return b
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

// bySMS is a grant of an hour by SMS.
func bySMS() sessions.Grant {
	return sessions.Grant{
		UserID: user, Duration: hour, Factor: sessions.Factor{Method: sessions.SMS, ID: "phone-1", Address: phone},
		Attributes: sessions.Attributes{IPAddress: "192.0.2.7", UserAgent: "Browser/1"}, Roles: []string{"reader"},
	}
}

// byEmail adds an e-mail address to a session.
func byEmail(c sessions.Credential) sessions.Grant {
	return sessions.Grant{UserID: user, Session: c, Factor: sessions.Factor{Method: sessions.Email, ID: "email-1", Address: email}}
}

func (b *bench) grant(g sessions.Grant) sessions.Granted {
	b.t.Helper()
	granted, err := b.Grant(b.t.Context(), g)
	if err != nil {
		b.t.Fatalf("Grant: %v", err)
	}
	return granted
}

func (b *bench) jwt(s sessions.Session) string {
	b.t.Helper()
	jwt, err := b.JWT(s)
	if err != nil {
		b.t.Fatalf("JWT: %v", err)
	}
	return jwt.Reveal()
}

func token(g sessions.Granted) sessions.Credential {
	return sessions.Credential{Token: g.Token.Reveal()}
}

// authenticate fails the test unless the outcome is want.
func (b *bench) authenticate(c sessions.Credential, want error) sessions.Granted {
	b.t.Helper()
	granted, err := b.Authenticate(b.t.Context(), sessions.Request{Credential: c})
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		b.t.Fatalf("Authenticate: %v, want %v", err, want)
	}
	return granted
}

func (b *bench) list(userID string) []sessions.Session {
	b.t.Helper()
	list, err := b.List(b.t.Context(), userID)
	if err != nil {
		b.t.Fatalf("List: %v", err)
	}
	return list
}
