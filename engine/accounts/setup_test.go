package accounts_test

import (
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const (
	phone      = "+12025550162"
	email      = "ada@example.com"
	otherPhone = "+12025550163"
	otherEmail = "bob@example.com"
	afghan     = "+93701234567"  // refused for its country
	landline   = "+442079460000" // refused for its type
)

// A bench is accounts on a directory and a store that are watched.
type bench struct {
	*accounts.Accounts
	kit       *enginetest.Kit
	directory *directory
	store     *recorder
	sent      *atomic.Int64 // messages given to a provider
	verified  string        // what addVerified returned, for tests that share their calls

	// Of newFullBench only. They share the engine's store, each with a recorder
	// of its own.
	sessions                *sessions.Sessions
	apps                    *totp.Apps
	sessionStore, totpStore *recorder
}

func newBench(t *testing.T, configure ...func(*engine.Config)) *bench {
	t.Helper()
	b := &bench{directory: &directory{Directory: memstore.NewDirectory()}, sent: new(atomic.Int64)}
	watch := func(cfg *engine.Config) {
		b.store = &recorder{Store: cfg.Store}
		cfg.Store = b.store
		for name, channel := range cfg.Channels {
			channel.Sender = counted{channel.Sender, b.sent}
			cfg.Channels[name] = channel
		}
	}
	b.kit = enginetest.New(t, append(configure, watch)...)
	b.Accounts = newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: b.directory, Now: b.kit.Clock.Now})
	return b
}

// newFullBench is newBench with sessions and authenticator apps.
func newFullBench(t *testing.T, configure ...func(*engine.Config)) *bench {
	t.Helper()
	b := newBench(t, configure...)
	b.sessionStore, b.totpStore = &recorder{Store: b.store.Store}, &recorder{Store: b.store.Store}
	var err error
	b.sessions, err = sessions.New(sessions.Config{Store: b.sessionStore, Keys: engine.RandomKeys(), Now: b.kit.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.apps, err = totp.New(totp.Config{Store: b.totpStore, Keys: engine.RandomKeys(), Issuer: "Example", Now: b.kit.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.Accounts = newAccounts(t, accounts.Config{
		Engine: b.kit.Engine, Directory: b.directory, Sessions: b.sessions, Apps: b.apps, Now: b.kit.Clock.Now,
	})
	return b
}

func newAccounts(t *testing.T, cfg accounts.Config) *accounts.Accounts {
	t.Helper()
	a, err := accounts.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// addVerified makes a user with one verified e-mail address and returns the id.
func (b *bench) addVerified(t *testing.T) string {
	t.Helper()
	const address = "verified@example.com"
	sent := b.login(t, delivery.Email, address)
	if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(address)}); err != nil {
		t.Fatal(err)
	}
	return sent.UserID
}

// forget empties what was recorded.
func (b *bench) forget() {
	b.directory.forget()
	for _, r := range b.recorders() {
		r.forget()
	}
	b.sent.Store(0)
}

func (b *bench) recorders() []*recorder {
	if b.sessionStore == nil {
		return []*recorder{b.store}
	}
	return []*recorder{b.store, b.sessionStore, b.totpStore}
}

// wantUntouched fails the test if a directory, store or provider was called
// since forget.
func (b *bench) wantUntouched(t *testing.T) {
	t.Helper()
	if calls := b.directory.trace(); len(calls) > 0 {
		t.Errorf("directory calls: %q", calls)
	}
	for _, r := range b.recorders() {
		if calls := r.trace(); len(calls) > 0 {
			t.Errorf("store calls: %q", calls)
		}
	}
	if n := b.sent.Load(); n > 0 {
		t.Errorf("%d messages sent", n)
	}
}

// login makes a user with an address and returns what was sent.
func (b *bench) login(t *testing.T, channel delivery.Channel, to string) accounts.Sent {
	t.Helper()
	sent, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: channel, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// user returns a user who is there.
func (b *bench) user(t *testing.T, id string) store.User {
	t.Helper()
	user, err := b.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// users returns all users.
func (b *bench) users(t *testing.T) []store.User {
	t.Helper()
	page, err := b.directory.Directory.Search(t.Context(), store.Query{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return page.Users
}

func isZero(v any) bool { return reflect.ValueOf(v).IsZero() }

// wrong returns a code that is not this one.
func wrong(code string) string {
	return code[:5] + string('0'+(code[5]-'0'+1)%10)
}

// manySends allows as many sends to an address as a policy may.
func manySends(cfg *engine.Config) {
	cfg.Policy.Sends = []policy.Budget{{Limit: 100, Window: policy.Day}}
}
