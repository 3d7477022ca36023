package httpapi

import (
	"context"
	"math/rand/v2"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// writes counts what is written, to a store and to a directory.
type writes struct {
	store.Store
	store.Directory
	n *atomic.Int64
}

func (w writes) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	w.n.Add(1)
	return w.Store.CompareAndSwap(ctx, key, old, new, expires)
}

func (w writes) Create(ctx context.Context, u store.User) error {
	err := w.Directory.Create(ctx, u)
	if err == nil {
		w.n.Add(1)
	}
	return err
}

func (w writes) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	u, err := w.Directory.Update(ctx, id, change)
	if err == nil {
		w.n.Add(1)
	}
	return u, err
}

func (w writes) Delete(ctx context.Context, id string) (store.User, error) {
	w.n.Add(1)
	return w.Directory.Delete(ctx, id)
}

// parameter finds what stands in a pattern for a parameter.
var parameter = regexp.MustCompile(`\{[^}]*\}`)

// guesses are the routes on which a refusal is counted, and so written.
var guesses = []string{"/v1/otps/authenticate", "/v1/totps/authenticate", "/v1/totps/recover"}

// Ten thousand generated bodies for each route of the table: no server's
// fault, and what is refused as malformed or unknown has written nothing.
func TestEveryRouteBearsAnyBody(t *testing.T) {
	t.Parallel()
	bodies := 10_000
	if testing.Short() || underRace {
		bodies = 500 // CI runs them all without the race detector
	}
	for i, rt := range newBench(t, setup{}).api.routes {
		t.Run(rt.method+" "+rt.pattern, func(t *testing.T) {
			t.Parallel()
			n := new(atomic.Int64)
			b := newBench(t, setup{
				engine:    func(cfg *engine.Config) { cfg.Store = writes{Store: cfg.Store, n: n} },
				directory: func(d store.Directory) store.Directory { return writes{Directory: d, n: n} },
			})
			john := b.want(b.post("/v1/users", `{"email": %q, "external_id": "a|b"}`, johnEmail), 201, "")
			g := &generator{rand.New(rand.NewPCG(3, uint64(i))), b.project, b.secret}
			counts := false
			for _, path := range guesses {
				counts = counts || path == rt.pattern
			}
			for range bodies {
				path := parameter.ReplaceAllStringFunc(rt.pattern, func(string) string {
					return g.pick("x", "a%7Cb", "a%20b", "%00", john.text("user_id"), john.text("email_id"), accounts.TOTPID.New(false), b.project, sandboxUserID)
				})
				body := g.body()
				if rt.method == "GET" {
					path += "?" + g.pick("", "user_id=", "user_id=a%7Cb", "user_id=x&user_id=y", "%zz", "user_id=%00", ";")
				}
				before := n.Load()
				r := b.do(rt.method, path, body) // well-formed
				if t.Failed() || r.status >= 500 {
					t.Fatalf("%s %s: %d for %q\n%s", rt.method, path, r.status, body, r.raw)
				}
				refused := r.status == 400 || r.status == 404
				if refused && !counts && n.Load() != before && r.kind() != "downstream_carrier_error" {
					t.Fatalf("%s %s: %d with %d writes for %q\n%s", rt.method, path, r.status, n.Load()-before, body, r.raw)
				}
			}
		})
	}
}
