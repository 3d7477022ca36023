package sessions_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/engine/sessions"
)

// Of 64 logins of one user at once none is lost.
func TestRaceOfGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.MaxPerUser = 100 })
	granted := make([]sessions.Granted, 64)
	var wg sync.WaitGroup
	for i := range granted {
		wg.Go(func() {
			var err error
			if granted[i], err = b.Grant(t.Context(), bySMS()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(b.list(user)); n != len(granted) {
		t.Errorf("%d sessions", n)
	}
	for _, g := range granted {
		b.authenticate(token(g), nil)
	}
}

// What RevokeAll has ended stays ended, whatever else goes on.
func TestRaceOfRevokeAll(t *testing.T) {
	t.Parallel()
	for range 30 {
		b := newBench(t)
		before := []sessions.Granted{b.grant(bySMS()), b.grant(bySMS())}
		revoked := make(chan struct{})
		var wg sync.WaitGroup
		for _, g := range before {
			for range 4 {
				wg.Go(func() {
					for range 20 {
						_, err := b.Authenticate(t.Context(), sessions.Request{Credential: token(g)})
						if err != nil && !errors.Is(err, sessions.ErrNotFound) {
							t.Error(err)
						}
					}
					<-revoked
					b.authenticate(token(g), sessions.ErrNotFound)
				})
			}
		}
		var during sessions.Granted
		wg.Go(func() {
			var err error
			if during, err = b.Grant(t.Context(), bySMS()); err != nil {
				t.Error(err)
			}
		})
		if err := b.RevokeAll(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		close(revoked)
		wg.Wait()
		// Begun before or after: there or not, but nothing else.
		if list := b.list(user); len(list) > 1 || len(list) == 1 && list[0].ID != during.Session.ID {
			t.Fatalf("%+v", list)
		}
	}
}

// Tokens that were given out for JWTs at once are all good.
func TestRaceOfJWTs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	jwt := sessions.Credential{JWT: b.jwt(b.grant(bySMS()).Session)}
	granted := make([]sessions.Granted, 8)
	var wg sync.WaitGroup
	for i := range granted {
		wg.Go(func() {
			var err error
			if granted[i], err = b.Authenticate(t.Context(), sessions.Request{Credential: jwt}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, g := range granted {
		b.authenticate(token(g), nil)
	}
}

// Two step ups of one token at once: one gets the session.
func TestRaceOfStepUps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.grant(bySMS())
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 32 {
		wg.Go(func() {
			switch _, err := b.Grant(t.Context(), byEmail(token(first))); {
			case err == nil:
				mu.Lock()
				won++
				mu.Unlock()
			case !errors.Is(err, sessions.ErrNotFound):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d won", won)
	}
}
