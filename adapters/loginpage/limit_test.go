package loginpage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const busy = "Too many attempts from your network. Try again in "

// A client that goes from address to address is stopped, others are not.
func TestSendsPerClient(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's peer is in it
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.SendsPerClient, o.TrustedProxies = 3, proxies }})
	as := func(client string) *browser {
		b := p.browser()
		b.header = http.Header{"X-Forwarded-For": {client}}
		return b
	}
	n := 0
	send := func(client string) *answer {
		n++
		return as(client).start(fmt.Sprintf("user%d@example.com", n), "")
	}
	for range 3 {
		send("203.0.113.7").want(t, http.StatusOK, "/login/code", "Enter the code")
	}
	a := send("203.0.113.7").want(t, http.StatusTooManyRequests, "/login/", busy)
	if wait, err := strconv.Atoi(a.Header().Get("Retry-After")); err != nil || wait <= 0 || wait > 600 {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	send("9.9.9.9, 203.0.113.7").want(t, http.StatusTooManyRequests, "/login/", busy) // what the client wrote is not believed
	send("203.0.113.7, 192.0.2.9").want(t, http.StatusTooManyRequests, "/login/", busy)
	send("203.0.113.8").want(t, http.StatusOK, "/login/code", "Enter the code")
	for i := range 3 {
		send(fmt.Sprintf("2001:db8::%x", i)).want(t, http.StatusOK, "/login/code", "Enter the code")
	}
	send("2001:db8::ffff:1").want(t, http.StatusTooManyRequests, "/login/", busy)
	send("2001:db8:0:1::1").want(t, http.StatusOK, "/login/code", "Enter the code")
	p.kit.Clock.Advance(10 * time.Minute)
	send("203.0.113.7").want(t, http.StatusOK, "/login/code", "Enter the code")
}

func TestGuessesPerClient(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.GuessesPerClient = 2 }})
	b := p.browser()
	a := b.start(phone, "/home")
	code := p.kit.Code(phone)
	for range 2 {
		b.enter(a, wrong(code)).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left")
	}
	b.enter(a, code).want(t, http.StatusTooManyRequests, "/login/code", busy)
	if p.user(phone).Lock.Failures != 2 {
		t.Error("the engine was asked")
	}
}

// No limit at all, for programs that have one of their own.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.SendsPerClient, o.GuessesPerClient, o.Counters = -1, -1, nil }})
	for i := range 40 {
		p.browser().start(fmt.Sprintf("user%d@example.com", i), "").want(t, http.StatusOK, "/login/code", "Enter the code")
	}
}

// Several processes share a limit through a store, whose keys tell nothing.
func TestSharedCounters(t *testing.T) {
	t.Parallel()
	shared, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	keys := engine.RandomKeys()
	seen := &watched{Store: shared}
	set := setting{options: func(o *loginpage.Options) { o.Counters, o.Keys, o.SendsPerClient = seen, keys, 2 }}
	one, two := newProgram(t, set), newProgram(t, set)
	one.browser().start(phone, "").want(t, http.StatusOK, "/login/code", "Enter the code")
	two.browser().start(email, "").want(t, http.StatusOK, "/login/code", "Enter the code")
	two.browser().start(phone, "").want(t, http.StatusTooManyRequests, "/login/", busy)
	if seen.keys.Load() == nil || strings.Contains(*seen.keys.Load(), "192.0.2") {
		t.Errorf("the key is %v", seen.keys.Load())
	}
	if err := store.CheckKey(*seen.keys.Load()); err != nil {
		t.Error(err)
	}
	// A sign-in goes on in another process with the same keys.
	b := one.browser()
	b.p = one
	one.kit.Clock.Advance(10 * time.Minute)
	two.kit.Clock.Advance(10 * time.Minute)
	b.start("+12025550163", "").want(t, http.StatusOK, "/login/code", "Enter the code")
	b.p = two
	b.get("/login/code").want(t, http.StatusOK, "/login/code", "+12025550163")

	// Where nobody can count, nothing is sent.
	down := new(atomic.Bool)
	down.Store(true)
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.Counters = faulty{shared, down} }})
	p.browser().start(phone, "").want(t, http.StatusServiceUnavailable, "/login/", "This does not work at the moment.")
	if p.kit.Inbox.Len() != 0 {
		t.Error("a code was sent")
	}
}

type watched struct {
	store.Store
	keys atomic.Pointer[string]
}

func (w *watched) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	w.keys.Store(&key)
	return w.Store.Add(ctx, key, delta, expires)
}
