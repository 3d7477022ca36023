package sessions_test

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// A custom claim whose name is another's in another case, or in a letter that
// is the same in another case, says nothing of user, project or session.
func TestClaimsOfAlikeNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"SUB", "ſub", "Iss", "iſs", "AUD", "eXp", "NBF", "IAT", "JTI"} {
		g := bySMS()
		g.Claims = json.RawMessage(fmt.Sprintf(`{%q:"victim","ok":1}`, name))
		granted := b.grant(g)
		if string(granted.Session.Claims) != `{"ok":1}` {
			t.Errorf("%s is kept: %s", name, granted.Session.Claims)
		}
	}
	for _, name := range []string{"https://stytch.com/session", "HTTPS://STYTCH.COM/SESSION", "https://ſtytch.com/session"} {
		g := bySMS()
		g.Claims = json.RawMessage(fmt.Sprintf(`{%q:{}}`, name))
		if _, err := b.Grant(t.Context(), g); !errors.Is(err, sessions.ErrReserved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor does it if somebody else with the key wrote such a JWT.
	g := b.grant(bySMS())
	_, honest := parts(t, b.jwt(g.Session))
	honest["SUB"], honest["ſub"], honest["https://ſtytch.com/session"] = "victim", "victim", map[string]any{}
	got, err := b.CheckJWT(newForger(t).sign(honest))
	if err != nil || got.UserID != user || len(got.Factors) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Who can write to the store cannot add a token of their own to a session.
func TestPlantedToken(t *testing.T) {
	t.Parallel()
	watch := new(spy)
	b := newBench(t, func(c *sessions.Config) {
		memory, err := memstore.New(memstore.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		watch.Store, c.Store = memory, watch
	})
	ctx := t.Context()
	mine := bySMS()
	mine.UserID = "thief"
	thief := b.grant(mine)
	thiefs, err := b.store.Get(ctx, watch.key)
	if err != nil {
		t.Fatal(err)
	}
	victim := b.grant(bySMS())
	record, err := b.store.Get(ctx, watch.key)
	if err != nil {
		t.Fatal(err)
	}
	const at = 10 + 16 + 4*8 + 1 // of the first token's digest
	planted := bytes.Clone(record)
	copy(planted[at:at+32], thiefs[at:at+32])
	if _, swapped, err := b.store.CompareAndSwap(ctx, watch.key, record, planted, start.Add(hour)); err != nil || !swapped {
		t.Fatal(swapped, err)
	}
	name, err := base64.RawURLEncoding.DecodeString(victim.Token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := base64.RawURLEncoding.DecodeString(thief.Token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString(append(name[:10:10], secret[10:]...))
	b.authenticate(sessions.Credential{Token: forged}, engine.ErrUnavailable)
}

// What RevokeAll has ended stays ended, also what was hidden by a clock that
// ran ahead or by a key that was out for a while.
func TestRevokeAllEndsTheHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	b.advance(2 * hour)
	if err := b.RevokeAll(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	b.advance(-2 * hour)
	b.authenticate(token(g), sessions.ErrNotFound)

	g = b.grant(bySMS())
	other := engine.Keys{Index: b.config.Keys.Index, Ring: testKeys('o').Ring}
	other.Ring[0].ID = 9
	for _, keys := range []engine.Keys{other, b.config.Keys} {
		if err := b.SetKeys(keys, b.config.Signing); err != nil {
			t.Fatal(err)
		}
		if err := b.RevokeAll(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	b.authenticate(token(g), sessions.ErrNotFound)
}

// A factor of the future is not recent: the clock that said so was wrong.
func TestWithinLooksBack(t *testing.T) {
	t.Parallel()
	s := sessions.Session{Factors: []sessions.Factor{{Method: sessions.SMS, LastAt: start.Add(365 * 24 * hour)}}}
	if missing := sessions.Require(sessions.SMS).Within(hour).Missing(s, start); len(missing) != 1 {
		t.Error("a factor of next year counts as recent")
	}
	s.Factors[0].LastAt = start.Add(2 * time.Second) // of another program's clock
	if missing := sessions.Require(sessions.SMS).Within(hour).Missing(s, start); len(missing) != 0 {
		t.Error("a factor of this moment does not count")
	}
}

// After the clock was set back a little, new JWTs are good at once.
func TestJWTAfterClockSetBack(t *testing.T) {
	t.Parallel()
	for _, back := range []time.Duration{3 * time.Second, hour} {
		b := newBench(t)
		b.advance(hour)
		g := b.grant(bySMS())
		b.advance(-back)
		got := b.authenticate(token(g), nil)
		b.authenticate(sessions.Credential{JWT: b.jwt(got.Session)}, nil)
	}
}

func TestExtremes(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.Idle = 1<<63 - 1 })
	b.authenticate(token(b.grant(bySMS())), nil)
	if err := b.SetKeys(b.config.Keys, []sessions.SigningKey{{ID: "zero", Key: new(rsa.PrivateKey)}}); err == nil {
		t.Error("an empty key was taken")
	}
	// The largest JWT that a session makes is one that is taken.
	large := bySMS()
	large.Claims = json.RawMessage(`{"x":"` + strings.Repeat("x", 4080) + `"}`)
	large.Attributes = sessions.Attributes{IPAddress: strings.Repeat("\x01", 64), UserAgent: strings.Repeat("\x01", 1024)}
	large.Roles = nil
	for range 64 {
		large.Roles = append(large.Roles, strings.Repeat("\x01", 128))
	}
	g := b.grant(large)
	for i := range 16 {
		next := byEmail(token(g))
		next.Factor = sessions.Factor{Method: sessions.Email, ID: strings.Repeat("\x01", 255) + fmt.Sprint(i%10), Address: strings.Repeat("\x01", 319) + fmt.Sprint(i/10)}
		next.Roles = large.Roles
		g = b.grant(next)
	}
	if jwt := b.jwt(g.Session); len(jwt) < 100_000 {
		t.Errorf("only %d bytes", len(jwt))
	} else if _, err := b.CheckJWT(jwt); err != nil {
		t.Errorf("a JWT of %d bytes: %v", len(jwt), err)
	}
	for _, year := range []int{-2100, -100, 300, 8000} {
		b := newBench(t)
		g := b.grant(bySMS())
		b.now = b.now.AddDate(year, 0, 0)
		b.authenticate(token(g), engine.ErrUnavailable)
		if _, err := b.Grant(t.Context(), bySMS()); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%d years on: %v", year, err)
		}
	}
	empty := bySMS()
	empty.Claims = json.RawMessage(strings.Repeat(`{"a":`, 32) + "{}" + strings.Repeat("}", 32))
	if _, err := b.Grant(t.Context(), empty); !errors.Is(err, sessions.ErrClaims) {
		t.Errorf("33 objects inside each other: %v", err)
	}
}

// The same id by another method is another factor.
func TestFactorsAreByMethodToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	whatsapp := bySMS()
	whatsapp.Session, whatsapp.Factor.Method = token(g), sessions.WhatsApp
	if f := b.grant(whatsapp).Session.Factors; len(f) != 2 {
		t.Errorf("%+v", f)
	}
}

// An active session is sealed anew by the newest key.
func TestAuthenticateSealsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	young := engine.Key{ID: 2, Secret: testKeys('n').Index.Secret}
	for _, ring := range [][]engine.Key{{young, b.config.Keys.Ring[0]}, {young}} {
		if err := b.SetKeys(engine.Keys{Index: b.config.Keys.Index, Ring: ring}, b.config.Signing); err != nil {
			t.Fatal(err)
		}
		b.authenticate(token(g), nil)
	}
}
