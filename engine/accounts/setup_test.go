package accounts_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
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
	b.store.forget()
	b.sent.Store(0)
}

// wantUntouched fails the test if a directory, store or provider was called
// since forget.
func (b *bench) wantUntouched(t *testing.T) {
	t.Helper()
	if calls := b.directory.trace(); len(calls) > 0 {
		t.Errorf("directory calls: %q", calls)
	}
	if calls := b.store.trace(); len(calls) > 0 {
		t.Errorf("store calls: %q", calls)
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

// calls remembers what was called.
type calls struct {
	mu   sync.Mutex
	made []string
}

func (c *calls) add(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, call)
}

func (c *calls) trace() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

func (c *calls) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = nil
}

// A directory records calls, and does what its hooks say. They are set while
// nothing calls.
type directory struct {
	store.Directory
	calls

	before func(call, value string) error // if it fails, the call is not made
	after  func(call, value string) error // if it fails, the call was made all the same
}

func (d *directory) around(call, value string, do func() error) error {
	d.add(call)
	if d.before != nil {
		if err := d.before(call, value); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if d.after != nil {
		return d.after(call, value)
	}
	return nil
}

func (d *directory) Create(ctx context.Context, u store.User) error {
	value := ""
	for _, m := range slices.Concat(u.Phones, u.Emails) {
		value += m.Address + " "
	}
	return d.around("create", value, func() error { return d.Directory.Create(ctx, u) })
}

func (d *directory) Lookup(ctx context.Context, by store.Index, value string) (found store.User, err error) {
	err = d.around("lookup", value, func() error {
		found, err = d.Directory.Lookup(ctx, by, value)
		return err
	})
	return found, err
}

func (d *directory) Update(ctx context.Context, id string, change func(*store.User) error) (kept store.User, err error) {
	err = d.around("update", id, func() error {
		kept, err = d.Directory.Update(ctx, id, change)
		return err
	})
	return kept, err
}

func (d *directory) Delete(ctx context.Context, id string) (gone store.User, err error) {
	err = d.around("delete", id, func() error {
		gone, err = d.Directory.Delete(ctx, id)
		return err
	})
	return gone, err
}

func (d *directory) Search(ctx context.Context, q store.Query) (page store.Page, err error) {
	err = d.around("search", "", func() error {
		page, err = d.Directory.Search(ctx, q)
		return err
	})
	return page, err
}

// A recorder is a store that records calls.
type recorder struct {
	store.Store
	calls
}

func (r *recorder) Get(ctx context.Context, key string) ([]byte, error) {
	r.add("get")
	return r.Store.Get(ctx, key)
}

func (r *recorder) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	r.add("swap")
	return r.Store.CompareAndSwap(ctx, key, old, new, expires)
}

func (r *recorder) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	r.add("add")
	return r.Store.Add(ctx, key, delta, expires)
}

// counted counts the messages that it passes on.
type counted struct {
	delivery.Sender
	n *atomic.Int64
}

func (c counted) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	c.n.Add(1)
	return c.Sender.Send(ctx, m)
}
