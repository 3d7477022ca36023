package accounts_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

// TestTrace says what a request costs: the calls of the directory and of each
// store, in order. A right code of a known user is one look-up and what the
// engine itself needs.
func TestTrace(t *testing.T) {
	t.Parallel()
	b := newFullBench(t, manySends)
	ada := b.newAda(t)
	session := b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session
	type calls struct{ directory, engine, sessions []string }
	var (
		none    []string
		look    = []string{"lookup"}
		swap    = []string{"swap"} // the engine that has sent the code remembers its record
		getSwap = []string{"get", "swap"}
	)
	authenticate := func(code string, r accounts.SessionRequest) error {
		auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: ada.Phones[0].ID, Code: code, Session: r})
		if auth.Session != nil {
			session = auth.Session
		}
		return err
	}
	for _, test := range []struct {
		name string
		do   func(code string) error
		want calls
	}{
		{"a right code", func(code string) error {
			return authenticate(code, accounts.SessionRequest{})
		}, calls{look, swap, none}},
		{"a right code, with a new session", func(code string) error {
			return authenticate(code, accounts.SessionRequest{Duration: hour})
		}, calls{look, swap, getSwap}},
		{"a right code, with a session that goes on", func(code string) error {
			return authenticate(code, accounts.SessionRequest{Credential: credential(session)})
		}, calls{look, swap, []string{"get", "get", "swap"}}},
		{"a wrong code", func(code string) error {
			if err := authenticate(wrong(code), accounts.SessionRequest{}); !errors.Is(err, engine.ErrWrong) {
				return err
			}
			return nil
		}, calls{[]string{"lookup", "update"}, swap, none}},
		{"a right code after a wrong one", func(code string) error {
			return authenticate(code, accounts.SessionRequest{})
		}, calls{[]string{"lookup", "update"}, swap, none}},
		{"a session", func(string) error {
			_, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(session)})
			return err
		}, calls{look, none, getSwap}},
	} {
		b.login(t, delivery.SMS, phone)
		code := b.kit.Code(phone)
		b.forget()
		if err := test.do(code); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := calls{b.directory.trace(), b.store.trace(), b.sessionStore.trace()}
		t.Logf("%s: directory %q, engine %q, sessions %q", test.name, got.directory, got.engine, got.sessions)
		if !slices.Equal(got.directory, test.want.directory) || !slices.Equal(got.engine, test.want.engine) || !slices.Equal(got.sessions, test.want.sessions) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
