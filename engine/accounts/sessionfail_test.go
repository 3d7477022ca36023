package accounts_test

import (
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

// TestStoresFail makes one call of a store fail, before or after it had its
// effect. Whoever is told of a session has it; whoever is told of a failure was
// told nothing else, and can do what they did again.
func TestStoresFail(t *testing.T) {
	t.Parallel()
	type op struct {
		do    func(b *bench, code string) (any, error)
		calls int // of the session store
		again bool
	}
	var goesOn *sessions.Granted
	for name, op := range map[string]op{
		"new session": {func(b *bench, code string) (any, error) {
			return b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: b.verified, Code: code, Session: accounts.SessionRequest{Duration: hour}})
		}, 2, false},
		"session that goes on": {func(b *bench, code string) (any, error) {
			return b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: b.verified, Code: code, Session: accounts.SessionRequest{Credential: credential(goesOn)}})
		}, 3, false},
		"session": {func(b *bench, _ string) (any, error) {
			_, user, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(goesOn)})
			return user, err
		}, 2, true},
		"Send": {func(b *bench, _ string) (any, error) {
			return b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, Session: credential(goesOn)})
		}, 1, true},
		"Delete":       {func(b *bench, _ string) (any, error) { return b.Delete(t.Context(), goesOn.Session.UserID) }, 2, true},
		"DeleteMethod": {func(b *bench, _ string) (any, error) { return b.DeleteMethod(t.Context(), b.verified) }, 3, true},
		"Exchange": {func(b *bench, _ string) (any, error) {
			return b.Exchange(t.Context(), goesOn.Session.UserID, delivery.ClassPhone, otherPhone)
		}, 3, true},
	} {
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				b := newFullBench(t)
				b.addVerified(t)
				auth := b.signIn(t, "verified@example.com", accounts.SessionRequest{Duration: hour})
				goesOn, b.verified = auth.Session, auth.Method.ID
				b.login(t, delivery.Email, "verified@example.com")
				code := b.kit.Code("verified@example.com")
				b.forget()
				fail := func(string) error {
					if len(b.sessionStore.trace()) == at {
						return errDisk
					}
					return nil
				}
				if after {
					b.sessionStore.after = fail
				} else {
					b.sessionStore.before = fail
				}
				result, err := op.do(b, code)
				if len(b.sessionStore.trace()) < at {
					if err != nil || at-1 != op.calls {
						t.Errorf("%s: %v after %d calls, want %d", name, err, at-1, op.calls)
					}
					break
				}
				if !errors.Is(err, engine.ErrUnavailable) || !isZero(result) {
					t.Errorf("%s, call %d failing, after its effect %v: %+v, %v", name, at, after, result, err)
				}
				if b.sent.Load() > 0 {
					t.Errorf("%s, call %d failing: a message was sent", name, at)
				}
				b.sessionStore.before, b.sessionStore.after = nil, nil
				_, err = op.do(b, code)
				used := errors.Is(err, engine.ErrUsed) || errors.Is(err, sessions.ErrNotFound) && at == op.calls // the code, or the token
				// Once the user's part is done there is nothing left to do.
				gone := errors.Is(err, accounts.ErrMethodNotFound) || errors.Is(err, accounts.ErrHasAddress)
				if op.again && err != nil && !(gone && at == op.calls) || !op.again && (err != nil) != used {
					t.Errorf("%s, call %d failing, after its effect %v: again: %v", name, at, after, err)
				}
			}
		}
	}
}
