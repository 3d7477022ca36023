package accounts_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

const hour = time.Hour

// credential is that of a session that was just granted.
func credential(g *sessions.Granted) sessions.Credential {
	return sessions.Credential{Token: g.Token.Reveal()}
}

// signIn sends a code to an address and enters it, for a session.
func (b *bench) signIn(t *testing.T, to string, r accounts.SessionRequest) accounts.Authentication {
	t.Helper()
	sent := b.login(t, channelOf(to), to)
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(to), Session: r})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func (b *bench) list(t *testing.T, userID string) []sessions.Session {
	t.Helper()
	all, err := b.sessions.List(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func factorIDs(s sessions.Session) (ids []string) {
	for _, f := range s.Factors {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	now := b.kit.Clock.Now()
	if auth := b.signIn(t, phone, accounts.SessionRequest{Claims: json.RawMessage(`{"a":1}`), Attributes: sessions.Attributes{IPAddress: "192.0.2.1"}}); auth.Session != nil {
		t.Errorf("a session that nobody asked for: %+v", auth.Session)
	}
	if calls := b.sessionStore.trace(); len(calls) > 0 {
		t.Errorf("session store: %q", calls)
	}
	auth := b.signIn(t, phone, accounts.SessionRequest{
		Duration: hour, Claims: json.RawMessage(`{"cart":7}`), Attributes: sessions.Attributes{IPAddress: "192.0.2.1", UserAgent: "browser"},
	})
	first := auth.Session
	want := sessions.Session{
		ID: first.Session.ID, UserID: ada.ID, Roles: ada.Roles, Claims: json.RawMessage(`{"cart":7}`),
		Factors:    []sessions.Factor{{Method: sessions.SMS, ID: ada.Phones[0].ID, Address: phone, CreatedAt: now, LastAt: now}},
		Attributes: sessions.Attributes{IPAddress: "192.0.2.1", UserAgent: "browser"},
		StartedAt:  now, LastAccessedAt: now, ExpiresAt: now.Add(hour),
	}
	if !reflect.DeepEqual(first.Session, want) {
		t.Errorf("session\n%+v, want\n%+v", first.Session, want)
	}

	// A second factor goes to the session, and the user's roles are those of now.
	b.kit.Clock.Advance(10 * time.Minute)
	if _, err := b.Update(t.Context(), ada.ID, accounts.Change{Roles: ptr([]string{"reader"})}); err != nil {
		t.Fatal(err)
	}
	auth = b.signIn(t, email, accounts.SessionRequest{Credential: credential(first)})
	second := auth.Session
	later := b.kit.Clock.Now()
	want.Roles, want.LastAccessedAt = []string{"reader"}, later
	want.Factors = append(want.Factors, sessions.Factor{Method: sessions.Email, ID: ada.Emails[0].ID, Address: email, CreatedAt: later, LastAt: later})
	if !reflect.DeepEqual(second.Session, want) {
		t.Errorf("session\n%+v, want\n%+v", second.Session, want)
	}
	if _, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(first)}); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("the token from before the second factor: %v", err)
	}
	granted, user, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(second), Duration: 2 * hour, Claims: json.RawMessage(`{"cart":null}`)})
	if err != nil || granted.Session.ID != want.ID || user.ID != ada.ID || !granted.Session.ExpiresAt.Equal(later.Add(2*hour)) || string(granted.Session.Claims) != "{}" && granted.Session.Claims != nil {
		t.Errorf("%+v of %+v, %v", granted, user, err)
	}
	if !reflect.DeepEqual(user, b.user(t, ada.ID)) {
		t.Errorf("user %+v", user)
	}

	b.add(t, ada.ID, otherPhone)
	b.kit.Clock.Advance(window)
	if _, user, err = b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(second)}); err != nil || len(user.Phones) != 1 {
		t.Errorf("an address whose time is over: %+v, %v", user.Phones, err)
	}

	// WhatsApp is another method of the same number.
	if _, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.WhatsApp, To: phone}); err != nil {
		t.Fatal(err)
	}
	auth, err = b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: ada.Phones[0].ID, Code: b.kit.Code(phone), Session: accounts.SessionRequest{Duration: hour}})
	if err != nil || auth.Session.Session.Factors[0].Method != sessions.WhatsApp {
		t.Errorf("%+v, %v", auth.Session, err)
	}
	if n := len(b.list(t, ada.ID)); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// What the session is refused for is found before the code is used up.
func TestSessionRefusedFirst(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	b.newAda(t)
	id := b.addVerified(t)
	theirs := b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session
	mine := b.signIn(t, "verified@example.com", accounts.SessionRequest{Duration: hour}).Session
	sent := b.login(t, delivery.Email, "verified@example.com")
	code := b.kit.Code("verified@example.com")
	over := sessions.Credential{Token: theirs.Token.Reveal()[:55] + "A"}
	if over.Token == theirs.Token.Reveal() {
		over.Token = theirs.Token.Reveal()[:55] + "B"
	}
	b.forget()
	for _, test := range []struct {
		name string
		r    accounts.SessionRequest
		want error
	}{
		{"another user's", accounts.SessionRequest{Credential: credential(theirs)}, sessions.ErrUser},
		{"another user's, with duration", accounts.SessionRequest{Credential: credential(theirs), Duration: hour}, sessions.ErrUser},
		{"nobody's", accounts.SessionRequest{Credential: over}, sessions.ErrNotFound},
		{"no token", accounts.SessionRequest{Credential: sessions.Credential{Token: "x"}}, sessions.ErrToken},
		{"no JWT", accounts.SessionRequest{Credential: sessions.Credential{JWT: "x"}}, sessions.ErrJWT},
		{"both", accounts.SessionRequest{Credential: sessions.Credential{Token: mine.Token.Reveal(), JWT: "x"}}, sessions.ErrCredential},
		{"too short", accounts.SessionRequest{Duration: 5*time.Minute - 1}, sessions.ErrDuration},
		{"negative", accounts.SessionRequest{Duration: -1}, sessions.ErrDuration},
		{"too long", accounts.SessionRequest{Duration: sessions.MaxDuration + 1}, sessions.ErrDuration},
		{"claims", accounts.SessionRequest{Duration: hour, Claims: json.RawMessage(`[]`)}, sessions.ErrClaims},
		{"reserved claims", accounts.SessionRequest{Duration: hour, Claims: json.RawMessage(`{"https://stytch.com/session":1}`)}, sessions.ErrReserved},
		{"claims for one that is there", accounts.SessionRequest{Credential: credential(mine), Claims: json.RawMessage(`{`)}, sessions.ErrClaims},
	} {
		for _, guess := range []string{code, wrong(code)} {
			auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: guess, Session: test.r})
			if !errors.Is(err, test.want) || !isZero(auth) {
				t.Errorf("%s: %+v, %v, want %v", test.name, auth, err, test.want)
			}
		}
	}
	if calls := b.store.trace(); len(calls) > 0 || slices.Contains(b.sessionStore.trace(), "swap") || slices.Contains(b.directory.trace(), "update") {
		t.Errorf("engine %q, sessions %q, directory %q", calls, b.sessionStore.trace(), b.directory.trace())
	}
	if u := b.user(t, id); u.Lock != (store.Lock{}) {
		t.Errorf("counted: %+v", u.Lock)
	}
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: code, Session: accounts.SessionRequest{Credential: credential(mine)}})
	if err != nil || auth.Session == nil {
		t.Errorf("the code is used up: %v", err)
	}
}

// Without Config.Sessions a request that asks for one is refused, and costs no
// code.
func TestNoSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	for _, r := range []accounts.SessionRequest{{Duration: hour}, {Credential: sessions.Credential{Token: "x"}}, {Credential: sessions.Credential{JWT: "x"}}} {
		if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone), Session: r}); !errors.Is(err, engine.ErrRequest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: sessions.Credential{Token: "x"}}); !errors.Is(err, engine.ErrRequest) {
		t.Error(err)
	}
	if _, err := b.enter(t, sent.MethodID, phone); err != nil {
		t.Error(err)
	}
}

// A session names the user to whom Send adds an address.
func TestSendBySession(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	id := b.addVerified(t)
	session := b.signIn(t, "verified@example.com", accounts.SessionRequest{Duration: hour}).Session
	b.forget()
	sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, Session: credential(session)})
	if err != nil || sent.UserID != id || at(b.user(t, id), phone) == nil {
		t.Fatalf("%+v, %v", sent, err)
	}
	if slices.Contains(b.sessionStore.trace(), "swap") {
		t.Error("a send accessed the session")
	}
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone), Session: accounts.SessionRequest{Credential: credential(session)}})
	if err != nil || !slices.Equal(factorIDs(auth.Session.Session), []string{auth.User.Emails[0].ID, sent.MethodID}) {
		t.Errorf("%+v, %v", auth.Session, err)
	}
	b.forget()
	for _, test := range []struct {
		c    sessions.Credential
		want error
	}{
		{credential(session), sessions.ErrNotFound}, // replaced since
		{sessions.Credential{Token: "x"}, sessions.ErrToken},
		{sessions.Credential{Token: "x", JWT: "x"}, sessions.ErrCredential},
	} {
		if sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email, Session: test.c}); !errors.Is(err, test.want) || !isZero(sent) || b.sent.Load() > 0 {
			t.Errorf("%+v, %v, want %v", sent, err, test.want)
		}
	}
	// A session whose user is gone is none.
	if _, err := b.directory.Directory.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email, Session: credential(auth.Session)}); !errors.Is(err, sessions.ErrNotFound) || !isZero(sent) {
		t.Errorf("%+v, %v", sent, err)
	}
	if g, u, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(auth.Session)}); !errors.Is(err, sessions.ErrNotFound) || !isZero(g) || !isZero(u) {
		t.Errorf("%+v, %+v, %v", g, u, err)
	}
}
