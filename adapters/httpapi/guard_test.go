package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// A gate is a guard with sessions of its own.
type gate struct {
	t     testing.TB
	clock *enginetest.Clock
	live  *sessions.Sessions
	guard Guard

	fault     storetest.Fault // of every call to the store from now on
	calls     int
	passed    int
	refusals  int
	missing   []sessions.Method // of the last refusal
	passedOn  sessions.Session
	inRefusal bool // the last refusal knew the session
}

func newGate(t testing.TB) *gate {
	g := &gate{t: t, clock: enginetest.New(t).Clock}
	records, err := memstore.New(memstore.Config{Now: g.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	g.live, err = sessions.New(sessions.Config{
		Store: storetest.NewFaulty(store.Store(records), func(storetest.Call) storetest.Fault { g.calls++; return g.fault }),
		Keys:  engine.RandomKeys(), Idle: 10 * time.Minute, Now: g.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	g.guard = Guard{Sessions: g.live, Now: g.clock.Now, Refuse: func(w http.ResponseWriter, r *http.Request, missing []sessions.Method) {
		g.refusals++
		g.missing = missing
		_, g.inRefusal = SessionOf(r.Context())
		w.WriteHeader(http.StatusTeapot)
	}}
	return g
}

// login returns a token of a new session of an hour.
func (g *gate) login(methods ...sessions.Method) string {
	g.t.Helper()
	grant := sessions.Grant{UserID: "user", Duration: time.Hour}
	var granted sessions.Granted
	for _, m := range methods {
		grant.Factor = sessions.Factor{Method: m, ID: string(m)}
		var err error
		if granted, err = g.live.Grant(g.t.Context(), grant); err != nil {
			g.t.Fatal(err)
		}
		grant.Session.Token = granted.Token.Reveal()
	}
	return granted.Token.Reveal()
}

// visit returns the status of a request with these headers, in pairs.
func (g *gate) visit(guard Guard, headers ...string) int {
	g.t.Helper()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.passed++
		var ok bool
		if g.passedOn, ok = SessionOf(r.Context()); !ok {
			g.t.Error("a request was passed on without a session")
		}
	})
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	before := g.passed
	guard.Wrap(page).ServeHTTP(w, r)
	if (w.Code == 200) != (g.passed == before+1) {
		g.t.Errorf("%d, and the page was asked %d times", w.Code, g.passed-before)
	}
	return w.Code
}

func TestGuardToken(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token, other := g.login(sessions.SMS), g.login(sessions.Email)
	cookie := DefaultCookie + "=" + token
	named := g.guard
	named.Cookie = "sid"
	for _, c := range []struct {
		what    string
		guard   Guard
		headers []string
		status  int
	}{
		{"nothing", g.guard, nil, 418},
		{"cookie", g.guard, []string{"Cookie", cookie}, 200},
		{"cookie among others", g.guard, []string{"Cookie", "a=b; " + cookie + "; c=d"}, 200},
		{"cookie of another name", g.guard, []string{"Cookie", "session=" + token}, 418},
		{"two cookies", g.guard, []string{"Cookie", cookie + "; " + DefaultCookie + "=" + other}, 418},
		{"the same cookie twice", g.guard, []string{"Cookie", cookie, "Cookie", cookie}, 418},
		{"empty cookie", g.guard, []string{"Cookie", DefaultCookie + "="}, 418},
		{"named cookie", named, []string{"Cookie", "sid=" + token}, 200},
		{"default name where it is not", named, []string{"Cookie", cookie}, 418},
		{"bearer", g.guard, []string{"Authorization", "Bearer " + token}, 200},
		{"bearer in small letters", g.guard, []string{"Authorization", "bearer " + token}, 200},
		{"no bearer", g.guard, []string{"Authorization", token}, 418},
		{"empty bearer", g.guard, []string{"Authorization", "Bearer "}, 418},
		{"basic and a cookie", g.guard, []string{"Authorization", "Basic eDp5", "Cookie", cookie}, 200},
		{"a bad bearer and a cookie", g.guard, []string{"Authorization", "Bearer x", "Cookie", cookie}, 418},
		{"changed", g.guard, []string{"Cookie", DefaultCookie + "=" + token[:55] + string(token[55]^1)}, 418},
		{"malformed", g.guard, []string{"Cookie", cookie + "0"}, 418},
		{"long", g.guard, []string{"Authorization", "Bearer " + strings.Repeat("x", 1<<20)}, 418},
		{"sandbox", g.guard, []string{"Authorization", "Bearer " + sandboxToken}, 418},
	} {
		if status := g.visit(c.guard, c.headers...); status != c.status {
			t.Errorf("%s: %d, want %d", c.what, status, c.status)
		}
		if c.status == 418 && (g.missing != nil || g.inRefusal) {
			t.Errorf("%s: refused for %v", c.what, g.missing)
		}
	}
	if g.passedOn.UserID != "user" {
		t.Errorf("the page saw %+v", g.passedOn)
	}
	if err := g.live.Revoke(t.Context(), sessions.Credential{Token: token}); err != nil {
		t.Fatal(err)
	}
	if status := g.visit(g.guard, "Cookie", cookie); status != 418 {
		t.Errorf("revoked: %d", status)
	}
}

func TestGuardRequire(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token := g.login(sessions.SMS)
	both := g.guard
	both.Require = sessions.Require(sessions.SMS, sessions.Email).Within(5 * time.Minute)
	if status := g.visit(both, "Authorization", "Bearer "+token); status != 418 || len(g.missing) != 1 || g.missing[0] != sessions.Email || !g.inRefusal {
		t.Errorf("%d for %v", status, g.missing)
	}
	token = g.login(sessions.SMS, sessions.Email)
	if status := g.visit(both, "Authorization", "Bearer "+token); status != 200 {
		t.Errorf("%d with both factors", status)
	}
	g.clock.Advance(6 * time.Minute)
	if status := g.visit(both, "Authorization", "Bearer "+token); status != 418 || len(g.missing) != 2 {
		t.Errorf("%d for %v, later", status, g.missing)
	}
	if status := g.visit(g.guard, "Authorization", "Bearer "+token); status != 200 {
		t.Errorf("%d where any session does", status)
	}
}

// A session that is used lives on, one that is not ends, and not every request
// writes.
func TestGuardAccess(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token := g.login(sessions.SMS)
	for range 5 {
		g.clock.Advance(9 * time.Minute)
		if status := g.visit(g.guard, "Authorization", "Bearer "+token); status != 200 {
			t.Fatalf("%d while it is used", status)
		}
	}
	one := g.calls
	g.visit(g.guard, "Authorization", "Bearer "+token)
	if n := g.calls - one; n != 1 {
		t.Errorf("%d calls to the store for a session that was just accessed", n)
	}
	g.clock.Advance(10 * time.Minute)
	if status := g.visit(g.guard, "Authorization", "Bearer "+token); status != 418 {
		t.Errorf("%d after ten minutes of nothing", status)
	}
}

// Whichever call to the store fails, nothing is passed on, and nobody is told
// to log in.
func TestGuardStoreDown(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.Before, storetest.After} {
		for _, wait := range []time.Duration{0, time.Minute} {
			g := newGate(t)
			token := g.login(sessions.SMS)
			g.clock.Advance(wait)
			g.fault = fault
			if status := g.visit(g.guard, "Authorization", "Bearer "+token); status != 503 || g.refusals != 0 {
				t.Errorf("fault %v after %v: %d", fault, wait, status)
			}
		}
	}
}

func TestGuardDefaults(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.guard.Refuse = nil
	if status := g.visit(g.guard); status != 401 {
		t.Errorf("%d without a session", status)
	}
	token := g.login(sessions.SMS)
	g.guard.Require = sessions.Require(sessions.Authenticator)
	if status := g.visit(g.guard, "Authorization", "Bearer "+token); status != 403 {
		t.Errorf("%d without the factor", status)
	}
	defer func() {
		if recover() == nil {
			t.Error("a guard without sessions stands there")
		}
	}()
	Guard{}.Wrap(http.NotFoundHandler())
}

func TestGuardCookie(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	grant := sessions.Grant{UserID: "user", Duration: time.Hour, Factor: sessions.Factor{Method: sessions.SMS, ID: "x"}}
	granted, err := g.live.Grant(t.Context(), grant)
	if err != nil {
		t.Fatal(err)
	}
	cookie := g.guard.NewCookie(granted)
	want := DefaultCookie + "=" + granted.Token.Reveal() + "; Path=/; Expires=Thu, 15 Jan 2026 13:00:00 GMT; HttpOnly; Secure; SameSite=Lax"
	if got := cookie.String(); got != want {
		t.Errorf("the cookie is %s", got)
	}
	if err := cookie.Valid(); err != nil {
		t.Error(err)
	}
	if status := g.visit(g.guard, "Cookie", cookie.Name+"="+cookie.Value); status != 200 {
		t.Errorf("%d with it", status)
	}
}
