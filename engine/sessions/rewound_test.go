package sessions_test

import (
	"testing"

	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/storetest"
)

// In a store that went back in time a session that was ended may be back: none
// of then is taken, and a new one begins.
func TestRewoundSessionsAreOver(t *testing.T) {
	t.Parallel()
	rewinding := storetest.NewRewinding()
	b := newBench(t, func(c *sessions.Config) { c.Store = rewinding })
	ended := b.grant(bySMS())
	b.grant(bySMS())
	rewinding.Copy()
	if err := b.Revoke(t.Context(), token(ended)); err != nil {
		t.Fatal(err)
	}
	rewinding.Rewind()
	if list := b.list(user); len(list) != 0 {
		t.Errorf("%d sessions", len(list))
	}
	b.authenticate(token(ended), sessions.ErrNotFound)
	fresh := b.grant(bySMS())
	b.authenticate(token(fresh), nil)
	b.authenticate(token(ended), sessions.ErrNotFound)
	if list := b.list(user); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}
}

// Who was deleted stays shut out.
func TestRewoundUserStaysClosed(t *testing.T) {
	t.Parallel()
	rewinding := storetest.NewRewinding()
	b := newBench(t, func(c *sessions.Config) { c.Store = rewinding })
	if err := b.Close(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	rewinding.Copy()
	rewinding.Rewind()
	if _, err := b.Grant(t.Context(), bySMS()); err != sessions.ErrClosed {
		t.Errorf("Grant: %v", err)
	}
}
