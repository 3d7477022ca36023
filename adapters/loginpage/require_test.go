package loginpage_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

func TestRequireSession(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	for _, c := range []struct {
		what   string
		method string
		path   string
		header http.Header
		status int
		leads  string
	}{
		{"a page", "GET", "/home?a=b&c=d", nil, http.StatusSeeOther, "/login/?return_to=%2Fhome%3Fa%3Db%26c%3Dd"},
		{"a page's head", "HEAD", "/home", nil, http.StatusSeeOther, "/login/?return_to=%2Fhome"},
		{"a page too long to come back to", "GET", "/home?" + strings.Repeat("a", 1100), nil, http.StatusSeeOther, "/login/"},
		{"a form", "POST", "/home", nil, http.StatusUnauthorized, ""},
		{"a script's request", "GET", "/home", http.Header{"Sec-Fetch-Mode": {"cors"}}, http.StatusUnauthorized, ""},
		{"a picture", "GET", "/home", http.Header{"Sec-Fetch-Mode": {"no-cors"}}, http.StatusUnauthorized, ""},
		{"an old browser", "GET", "/home", http.Header{"Sec-Fetch-Mode": nil}, http.StatusSeeOther, "/login/?return_to=%2Fhome"},
		{"a program", "GET", "/home", http.Header{"Sec-Fetch-Mode": nil, "Accept": {"*/*"}}, http.StatusUnauthorized, ""},
	} {
		b.header = c.header
		w := b.send(c.method, c.path, "", "")
		if w.Code != c.status || w.Header().Get("Location") != c.leads || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "home") {
			t.Errorf("%s: %d, %v, %s", c.what, w.Code, w.Header(), w.Body)
		}
	}
	b.header = nil
	b.signIn(phone, "")
	for _, c := range []struct {
		method string
		header http.Header
		status int
		leads  string
	}{
		{"GET", nil, http.StatusSeeOther, "/login/factor?need=email&return_to=%2Fpay"},
		{"POST", nil, http.StatusForbidden, ""},
		{"GET", http.Header{"Sec-Fetch-Mode": {"cors"}}, http.StatusForbidden, ""},
	} {
		b.header = c.header
		w := b.send(c.method, "/pay", "", "")
		if w.Code != c.status || w.Header().Get("Location") != c.leads {
			t.Errorf("a factor is missing: %d, %v", w.Code, w.Header())
		}
	}
}

// A session is accessed every half minute at most, and its user is read.
func TestAccess(t *testing.T) {
	t.Parallel()
	var swaps atomic.Int64
	p := newProgram(t, setting{store: func(s store.Store) store.Store { return counting{s, &swaps} }})
	b := p.browser()
	b.signIn(phone, "")
	for _, c := range []struct {
		after time.Duration
		swaps int64
	}{{0, 0}, {29 * time.Second, 0}, {time.Second, 1}, {29 * time.Second, 0}} {
		p.kit.Clock.Advance(c.after)
		swaps.Store(0)
		if !b.signedIn() || swaps.Load() != c.swaps {
			t.Errorf("%d swaps, want %d", swaps.Load(), c.swaps)
		}
	}
	p.kit.Clock.Advance(24 * time.Hour)
	if b.signedIn() {
		t.Error("the session lives on")
	}
	b.signIn(phone, "")
	if _, err := p.accounts.Delete(t.Context(), p.user(phone).ID); err != nil {
		t.Fatal(err)
	}
	if b.signedIn() {
		t.Error("a deleted user is signed in")
	}
}

type counting struct {
	store.Store
	swaps *atomic.Int64
}

func (c counting) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	c.swaps.Add(1)
	return c.Store.CompareAndSwap(ctx, key, old, new, expires)
}

// A directory that fails lets nobody past the app.
func TestDirectoryDown(t *testing.T) {
	t.Parallel()
	down := new(atomic.Bool)
	p := newProgram(t, setting{users: func(d store.Directory) store.Directory { return faultyUsers{d, down} }})
	b := p.browser()
	b.signIn(phone, "")
	b.addApp()
	b = p.browser()
	b.signIn(phone, "")
	down.Store(true)
	for _, path := range []string{"/home", "/login/", "/login/account", "/login/app", "/login/factor"} {
		b.get(path).want(t, http.StatusServiceUnavailable, path, "This does not work at the moment.")
	}
}

type faultyUsers struct {
	store.Directory
	down *atomic.Bool
}

func (f faultyUsers) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	if f.down.Load() {
		return store.User{}, errors.New("the directory is down")
	}
	return f.Directory.Lookup(ctx, by, value)
}

// Signing in again ends the session that the browser had.
func TestSignInAgain(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	old := *b.cookies["__Host-session"]
	b.signIn(email, "/home").want(t, http.StatusOK, "/home", "home")
	now := *b.cookies["__Host-session"]
	b.cookies[old.Name] = &old
	if now.Value == old.Value || b.signedIn() {
		t.Error("the old session is alive")
	}
	// A session that somebody else put there is not gone on with.
	b.cookies[now.Name] = &now
	if session, _ := loginpage.SessionOf(t.Context()); session.ID != "" {
		t.Error("a session out of nothing")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	var answers []*httptest.ResponseRecorder
	for _, path := range []string{"/login/", "/login/?via=email&return_to=/x", "/login/code", "/login/nothing", "/login/bye", "/login/out"} {
		answers = append(answers, b.send(http.MethodGet, path, "", ""))
	}
	answers = append(answers, b.send(http.MethodPost, "/login/", formType, "via=email&email="+email), b.send(http.MethodPost, "/login/", "", ""))
	for _, w := range answers {
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"Cache-Control":           "no-store",
			"Referrer-Policy":         "same-origin",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		for _, inline := range []string{" style=", "<style", " onclick", "javascript:", "http://", "https://"} {
			if strings.Contains(w.Body.String(), inline) {
				t.Errorf("the page has %q", inline)
			}
		}
	}
}

// A method that no page takes would lead around in circles.
func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), `"otp"`) {
			t.Errorf("%v", r)
		}
	}()
	p.pages.RequireFactors(sessions.SMS, "otp")
}

// A session whose user is gone is ended, wherever it is shown.
func TestUserGone(t *testing.T) {
	t.Parallel()
	for _, optional := range []bool{false, true} {
		for _, path := range []string{"/login/", "/login/account", "/login/factor?need=email", "/login/add", "/login/code", "/login/?return_to=%2Fhome"} {
			if optional && strings.Contains(path, "home") {
				continue // nobody reads the user there
			}
			p := newProgram(t, setting{options: func(o *loginpage.Options) { o.AppOptional = optional }})
			b := p.browser()
			b.signIn(phone, "")
			if _, err := p.users.Delete(t.Context(), p.user(phone).ID); err != nil {
				t.Fatal(err)
			}
			b.get(path).want(t, http.StatusOK, "/login/", "Sign in")
			if len(b.cookies) != 0 {
				t.Errorf("%s: %v", path, b.cookies)
			}
			b.signIn(phone, "").want(t, http.StatusOK, "/login/account", "You are signed in")
		}
	}
}

// The session may be of a user who is gone at the moment of the code.
func TestUserGoneWithTheCode(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	session := b.cookies["__Host-session"]
	user := p.user(phone)
	if _, err := p.users.Delete(t.Context(), user.ID); err != nil {
		t.Fatal(err)
	}
	b.post("/login/code", "code", "123456").want(t, http.StatusOK, "/login/", "Sign in")
	if list, err := p.sessions.List(t.Context(), user.ID); err != nil || len(list) != 0 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	b.cookies[session.Name] = session // a browser that keeps it all the same
	b.get("/login/account").want(t, http.StatusOK, "/login/", "Sign in")
}
