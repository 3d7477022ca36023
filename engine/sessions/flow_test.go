package sessions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
)

func TestNewSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	want := sessions.Session{
		ID: g.Session.ID, UserID: user, Roles: []string{"reader"}, Attributes: sessions.Attributes{IPAddress: "192.0.2.7", UserAgent: "Browser/1"},
		Factors:   []sessions.Factor{{Method: sessions.SMS, ID: "phone-1", Address: phone, CreatedAt: start, LastAt: start}},
		StartedAt: start, LastAccessedAt: start, ExpiresAt: start.Add(hour),
	}
	if !reflect.DeepEqual(g.Session, want) {
		t.Errorf("granted\n%+v, want\n%+v", g.Session, want)
	}
	if len(g.Token.Reveal()) != 56 || !strings.HasPrefix(g.Session.ID, "session-test-") || g.Session.ID[27] != '8' {
		t.Errorf("token of %d characters, id %s", len(g.Token.Reveal()), g.Session.ID)
	}
	b.advance(10 * time.Minute)
	looked, err := b.Lookup(t.Context(), token(g))
	if err != nil || !reflect.DeepEqual(looked, want) {
		t.Errorf("looked up %+v, %v", looked, err)
	}
	again := b.authenticate(token(g), nil)
	want.LastAccessedAt = start.Add(10 * time.Minute)
	if !reflect.DeepEqual(again.Session, want) || again.Token.Reveal() != g.Token.Reveal() {
		t.Errorf("authenticated\n%+v, want\n%+v", again.Session, want)
	}
	b.advance(50*time.Minute - 1)
	b.authenticate(token(g), nil)
	b.advance(1)
	b.authenticate(token(g), sessions.ErrNotFound)
	if list := b.list(user); len(list) != 0 {
		t.Errorf("listed %+v", list)
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	b.advance(30 * time.Minute)
	r := sessions.Request{Credential: token(g), Duration: 5 * time.Minute}
	short, err := b.Authenticate(t.Context(), r) // the end may come nearer too
	if err != nil || !short.Session.ExpiresAt.Equal(start.Add(35*time.Minute)) {
		t.Fatalf("%v, %v", short.Session.ExpiresAt, err)
	}
	b.advance(4 * time.Minute)
	added := b.grant(byEmail(token(g)))
	if !added.Session.ExpiresAt.Equal(start.Add(35 * time.Minute)) {
		t.Errorf("a factor without a duration moved the end to %v", added.Session.ExpiresAt)
	}
	next := byEmail(token(added))
	next.Duration = 2 * hour
	if added = b.grant(next); !added.Session.ExpiresAt.Equal(start.Add(34*time.Minute + 2*hour)) {
		t.Errorf("the end is %v", added.Session.ExpiresAt)
	}
}

// A step up makes a new token and ends what was known before.
func TestStepUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.grant(bySMS())
	byJWT := b.authenticate(sessions.Credential{JWT: b.jwt(first.Session)}, nil)
	oldJWT := sessions.Credential{JWT: b.jwt(first.Session)}
	b.advance(2 * time.Second)
	second := b.grant(byEmail(token(first)))
	if second.Session.ID != first.Session.ID || second.Token.Reveal() == first.Token.Reveal() {
		t.Fatalf("%+v after %+v", second, first)
	}
	if n := len(second.Session.Factors); n != 2 || second.Session.Factors[1].Method != sessions.Email {
		t.Errorf("factors %+v", second.Session.Factors)
	}
	for _, c := range []sessions.Credential{token(first), token(byJWT), oldJWT} {
		b.authenticate(c, sessions.ErrNotFound)
		if err := b.Revoke(t.Context(), c); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("Revoke: %v", err)
		}
	}
	b.authenticate(token(second), nil)
	b.authenticate(sessions.Credential{JWT: b.jwt(second.Session)}, nil)

	// The same factor again is renewed, and not there twice.
	b.advance(time.Minute)
	third := b.grant(byEmail(token(second)))
	if f := third.Session.Factors; len(f) != 2 || !f[1].CreatedAt.Equal(start.Add(2*time.Second)) || !f[1].LastAt.Equal(start.Add(62*time.Second)) {
		t.Errorf("factors %+v", f)
	}
	other := byEmail(token(third))
	other.Factor.ID = "email-2"
	if n := len(b.grant(other).Session.Factors); n != 3 {
		t.Errorf("%d factors", n)
	}
}

func TestSeventeenthFactor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	for i := range 16 {
		next := byEmail(token(g))
		next.Factor.ID = fmt.Sprint("email-", i)
		g = b.grant(next)
	}
	if f := g.Session.Factors; len(f) != 16 || f[0].ID != "email-0" || f[15].ID != "email-15" {
		t.Errorf("%d factors from %s to %s", len(f), f[0].ID, f[len(f)-1].ID)
	}
}

// Nobody's session takes a stranger's factor, and nothing is changed by trying.
func TestOtherUsersSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	for _, c := range []sessions.Credential{token(g), {JWT: b.jwt(g.Session)}} {
		strange := byEmail(c)
		strange.UserID = "user-test-of-another"
		if err := b.CheckGrant(t.Context(), strange); !errors.Is(err, sessions.ErrUser) {
			t.Errorf("CheckGrant: %v", err)
		}
		if got, err := b.Grant(t.Context(), strange); !errors.Is(err, sessions.ErrUser) || got.Session.ID != "" {
			t.Errorf("Grant: %+v, %v", got, err)
		}
	}
	if again := b.authenticate(token(g), nil); len(again.Session.Factors) != 1 {
		t.Errorf("%+v", again.Session)
	}
}

func TestAuthenticateByJWT(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	jwt := sessions.Credential{JWT: b.jwt(g.Session)}
	var tokens []sessions.Credential
	for range 10 {
		b.advance(time.Minute)
		got := b.authenticate(jwt, nil) // it has expired after the fifth
		if got.Session.ID != g.Session.ID || !got.Session.LastAccessedAt.Equal(b.Now()) || got.Token.Reveal() == g.Token.Reveal() {
			t.Fatalf("%+v", got)
		}
		tokens = append(tokens, token(got))
	}
	for i, c := range tokens {
		want := error(nil)
		if i < 2 {
			want = sessions.ErrNotFound // eight are good
		}
		b.authenticate(c, want)
	}
	b.authenticate(token(g), nil)
	b.advance(50 * time.Minute)
	b.authenticate(jwt, sessions.ErrNotFound)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	for name, revoke := range map[string]func(sessions.Granted) error{
		"token": func(g sessions.Granted) error { return b.Revoke(ctx, token(g)) },
		"JWT":   func(g sessions.Granted) error { return b.Revoke(ctx, sessions.Credential{JWT: b.jwt(g.Session)}) },
		"id":    func(g sessions.Granted) error { return b.RevokeID(ctx, g.Session.ID) },
	} {
		stays, goes := b.grant(bySMS()), b.grant(bySMS())
		jwt := b.jwt(goes.Session)
		if err := revoke(goes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.authenticate(token(goes), sessions.ErrNotFound)
		b.authenticate(sessions.Credential{JWT: jwt}, sessions.ErrNotFound)
		b.authenticate(token(stays), nil)
		if _, err := b.CheckJWT(jwt); err != nil {
			t.Errorf("%s: the JWT does not verify by itself: %v", name, err)
		}
		if err := b.RevokeID(ctx, goes.Session.ID); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("%s: revoked again: %v", name, err)
		}
	}
	if n := len(b.list(user)); n != 3 {
		t.Errorf("%d sessions", n)
	}
	other := bySMS()
	other.UserID = "another"
	b.grant(other)
	if err := b.RevokeAll(ctx, user); err != nil {
		t.Fatal(err)
	}
	if a, c := len(b.list(user)), len(b.list("another")); a != 0 || c != 1 {
		t.Errorf("%d and %d sessions", a, c)
	}
	if err := b.RevokeAll(ctx, "nobody"); err != nil {
		t.Error(err)
	}
	b.grant(bySMS())
	for _, id := range []string{"", "x", "session-live-" + other.UserID, strings.ToUpper(b.list(user)[0].ID), b.list(user)[0].ID + "0"} {
		if err := b.RevokeID(ctx, id); !errors.Is(err, sessions.ErrID) {
			t.Errorf("RevokeID(%q): %v", id, err)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	g := b.grant(bySMS())
	if err := b.Close(ctx, user); err != nil {
		t.Fatal(err)
	}
	b.authenticate(token(g), sessions.ErrNotFound)
	for range 2 {
		if _, err := b.Grant(ctx, bySMS()); !errors.Is(err, sessions.ErrClosed) {
			t.Errorf("Grant: %v", err)
		}
		// Other writes leave it closed.
		if err := b.RevokeAll(ctx, user); err != nil {
			t.Error(err)
		}
		if err := b.Forget(ctx, user, "phone-1"); err != nil {
			t.Error(err)
		}
		b.advance(5*time.Minute - 1)
	}
	b.advance(5 * time.Minute)
	b.grant(bySMS())
}

func TestForget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	only := b.grant(bySMS())
	both := b.grant(byEmail(token(b.grant(bySMS()))))
	mail := bySMS()
	mail.Factor = byEmail(sessions.Credential{}).Factor
	spared := b.grant(mail)
	if err := b.Forget(ctx, user, "phone-1"); err != nil {
		t.Fatal(err)
	}
	b.authenticate(token(only), sessions.ErrNotFound)
	if f := b.authenticate(token(both), nil).Session.Factors; len(f) != 1 || f[0].ID != "email-1" {
		t.Errorf("%+v", f)
	}
	b.authenticate(token(spared), nil)
	if err := b.Forget(ctx, "nobody", "phone-1"); err != nil {
		t.Error(err)
	}
}

// One session too many ends the one that was authenticated least recently.
func TestMaxPerUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.MaxPerUser = 3 })
	var all []sessions.Granted
	for range 3 {
		all = append(all, b.grant(bySMS()))
		b.advance(time.Second)
	}
	b.authenticate(token(all[0]), nil)
	b.advance(time.Second)
	newest := b.grant(bySMS())
	for i, want := range []error{nil, sessions.ErrNotFound, nil} {
		b.authenticate(token(all[i]), want)
	}
	b.authenticate(token(newest), nil)
	var began []time.Time
	for _, s := range b.list(user) {
		began = append(began, s.StartedAt)
	}
	if len(began) != 3 || !slices.IsSortedFunc(began, time.Time.Compare) {
		t.Errorf("listed %v", began)
	}
}

// A record has room for large sessions: the least recent ones make it.
func TestRecordStaysWithinTheStore(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.MaxPerUser = 100 })
	large := bySMS()
	large.Claims = json.RawMessage(`{"x":"` + strings.Repeat("x", 4000) + `"}`)
	var last sessions.Granted
	for range 30 {
		last = b.grant(large)
		b.advance(time.Second)
	}
	if n := len(b.list(user)); n < 14 || n >= 30 {
		t.Errorf("%d sessions of 4 KB fit", n)
	}
	b.authenticate(token(last), nil)
	// Claims that grow later find room too.
	small := b.grant(bySMS())
	if _, err := b.Authenticate(t.Context(), sessions.Request{Credential: token(small), Claims: large.Claims}); err != nil {
		t.Error(err)
	}
	b.authenticate(token(small), nil)
}

func TestIdle(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.Idle = 10 * time.Minute })
	g := b.grant(bySMS())
	for range 5 {
		b.advance(10*time.Minute - 1)
		if _, err := b.Lookup(t.Context(), token(g)); err != nil { // keeps nothing alive
			t.Fatal(err)
		}
		b.authenticate(token(g), nil)
	}
	b.advance(10 * time.Minute)
	b.authenticate(token(g), sessions.ErrNotFound)
	long := bySMS()
	long.Duration = 366 * 24 * hour
	g = b.grant(long)
	b.advance(10 * time.Minute)
	b.authenticate(sessions.Credential{JWT: b.jwt(g.Session)}, sessions.ErrNotFound)
}

func TestTenants(t *testing.T) {
	t.Parallel()
	a := newBench(t, func(c *sessions.Config) { c.Tenant = "a" })
	b := newBench(t, func(c *sessions.Config) { c.Tenant, c.Store = "b", a.store })
	g := a.grant(bySMS())
	if n := len(b.list(user)); n != 0 {
		t.Errorf("another tenant sees %d sessions", n)
	}
	if err := b.RevokeAll(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	a.authenticate(token(g), nil)
	b.authenticate(token(g), sessions.ErrNotFound)
	b.authenticate(sessions.Credential{JWT: a.jwt(g.Session)}, sessions.ErrNotFound)
	if err := b.RevokeID(t.Context(), g.Session.ID); !errors.Is(err, sessions.ErrNotFound) {
		t.Error(err)
	}
}
