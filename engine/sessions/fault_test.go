package sessions_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// Whatever a store fails at, before or after it did what was asked: no session
// is told of that is perhaps not there, and the next call goes on.
func TestStoreFailures(t *testing.T) {
	t.Parallel()
	calls := map[string]func(ctx context.Context, b *bench, g sessions.Granted) (any, error){
		"Grant": func(ctx context.Context, b *bench, _ sessions.Granted) (any, error) { return b.Grant(ctx, bySMS()) },
		"Grant onto": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return b.Grant(ctx, byEmail(token(g)))
		},
		"CheckGrant": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return nil, b.CheckGrant(ctx, byEmail(token(g)))
		},
		"Authenticate": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return b.Authenticate(ctx, sessions.Request{Credential: token(g)})
		},
		"Authenticate by JWT": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return b.Authenticate(ctx, sessions.Request{Credential: sessions.Credential{JWT: b.jwt(g.Session)}})
		},
		"Lookup": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) { return b.Lookup(ctx, token(g)) },
		"List":   func(ctx context.Context, b *bench, _ sessions.Granted) (any, error) { return b.List(ctx, user) },
		"Revoke": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return nil, b.Revoke(ctx, token(g))
		},
		"RevokeID": func(ctx context.Context, b *bench, g sessions.Granted) (any, error) {
			return nil, b.RevokeID(ctx, g.Session.ID)
		},
		"RevokeAll": func(ctx context.Context, b *bench, _ sessions.Granted) (any, error) {
			return nil, b.RevokeAll(ctx, user)
		},
		"Close": func(ctx context.Context, b *bench, _ sessions.Granted) (any, error) { return nil, b.Close(ctx, user) },
		"Forget": func(ctx context.Context, b *bench, _ sessions.Granted) (any, error) {
			return nil, b.Forget(ctx, user, "phone-1")
		},
	}
	for name, call := range calls {
		for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
			for at := 0; ; at++ {
				var failAt atomic.Int64
				failAt.Store(-1)
				var n atomic.Int64
				b := newBench(t, func(c *sessions.Config) {
					memory, err := memstore.New(memstore.Config{Now: c.Now})
					if err != nil {
						t.Fatal(err)
					}
					c.Store = storetest.NewFaulty(memory, func(storetest.Call) storetest.Fault {
						if n.Add(1)-1 == failAt.Load() {
							return fault
						}
						return storetest.None
					})
				})
				g := b.grant(bySMS())
				n.Store(0)
				failAt.Store(int64(at))
				got, err := call(t.Context(), b, g)
				if n.Load() <= int64(at) {
					if err != nil || at == 0 {
						t.Errorf("%s: %v after %d calls of the store", name, err, at)
					}
					break
				}
				var refusal *engine.Error
				if !errors.As(err, &refusal) || refusal.Kind != engine.ErrUnavailable || !errors.Is(err, storetest.ErrInjected) {
					t.Errorf("%s, call %d fails %v: %v", name, at, fault, err)
				}
				switch got := got.(type) {
				case sessions.Granted:
					if got.Session.ID != "" || got.Token.Reveal() != "" {
						t.Errorf("%s, call %d fails %v: %+v", name, at, fault, got)
					}
				case sessions.Session:
					if got.ID != "" {
						t.Errorf("%s, call %d fails %v: %+v", name, at, fault, got)
					}
				}
				failAt.Store(-1)
				b.list(user)
			}
		}
	}
}

// A store that always loses the race ends in a refusal.
func TestContention(t *testing.T) {
	t.Parallel()
	lost := new(losing)
	b := newBench(t, func(c *sessions.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		lost.Store, c.Store = memory, lost
	})
	g := b.grant(bySMS())
	lost.on.Store(true)
	if got, err := b.Authenticate(t.Context(), sessions.Request{Credential: token(g)}); !errors.Is(err, engine.ErrUnavailable) || got.Session.ID != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if n := lost.n.Load(); n < 10 || n > 1000 {
		t.Errorf("%d tries", n)
	}
}

type losing struct {
	store.Store
	on atomic.Bool
	n  atomic.Int64
}

func (l *losing) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	if l.on.Load() {
		l.n.Add(1)
		current, err := l.Store.Get(ctx, key)
		return current, false, err
	}
	return l.Store.CompareAndSwap(ctx, key, old, new, expires)
}

// What a thief can write to the store shows no session: a record under another
// user's name, one session's content in another, a changed byte.
func TestForgedRecords(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	watch := new(spy)
	b := newBench(t, func(c *sessions.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store, c.Store = memory, watch
	})
	mine := b.grant(bySMS())
	myKey := watch.key
	other := bySMS()
	other.UserID = "victim"
	theirs := b.grant(other)
	theirKey := watch.key
	record, err := b.store.Get(ctx, myKey)
	if err != nil {
		t.Fatal(err)
	}
	their, err := b.store.Get(ctx, theirKey)
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, old, value []byte) {
		t.Helper()
		if _, swapped, err := b.store.CompareAndSwap(ctx, key, old, value, start.Add(24*hour)); err != nil || !swapped {
			t.Fatal(swapped, err)
		}
	}
	// My record under the victim's name.
	put(theirKey, their, record)
	if list, err := b.List(ctx, "victim"); !errors.Is(err, engine.ErrUnavailable) || len(list) != 0 {
		t.Errorf("listed for the victim: %+v, %v", list, err)
	}
	b.authenticate(token(theirs), engine.ErrUnavailable)
	put(theirKey, record, their)
	b.authenticate(token(theirs), nil)

	// Any byte changed: refused, or what is in clear says something else, but
	// never another user's session or factor.
	for i := range record {
		bad := append([]byte(nil), record...)
		bad[i] ^= 0x40
		put(myKey, record, bad)
		got, err := b.Lookup(ctx, token(mine))
		switch {
		case err == nil:
			if got.UserID != user || len(got.Factors) != 1 || got.ID != mine.Session.ID {
				t.Errorf("byte %d changed: %+v", i, got)
			}
		case !errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, sessions.ErrNotFound):
			t.Errorf("byte %d changed: %v", i, err)
		}
		put(myKey, bad, record)
	}
}
