package sessions

import (
	"errors"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// Two users whose names collide, which no test waits for: one's session is put
// where the other's would be.
func TestNamesThatCollide(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	memory, err := memstore.New(memstore.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Store: memory, Keys: engine.RandomKeys(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	grant := Grant{UserID: "late", Duration: time.Hour, Factor: Factor{Method: SMS, ID: "phone-1"}}
	n := nameOf(s.keys.Load().ring, "", grant.UserID)
	token, digest := newToken(n)
	first := entry{id: newID(n), started: now.UnixNano(), accessed: now.UnixNano(), expires: now.Add(time.Hour).UnixNano(), tokens: digest[:]}
	s.seal(&first, &content{userID: "first", factors: []Factor{{Method: SMS, ID: "phone-1", CreatedAt: now, LastAt: now}}})
	r := record{entries: []entry{first}}
	if _, swapped, err := memory.CompareAndSwap(ctx, s.keys.Load().key(n), nil, r.encode(nil), now.Add(time.Hour)); err != nil || !swapped {
		t.Fatal(swapped, err)
	}
	if got, err := s.Grant(ctx, grant); !errors.Is(err, engine.ErrUnavailable) || got.Token.Reveal() != "" {
		t.Errorf("Grant: %+v, %v", got, err)
	}
	if list, err := s.List(ctx, grant.UserID); err != nil || len(list) != 0 {
		t.Errorf("List: %+v, %v", list, err)
	}
	if err := s.Forget(ctx, grant.UserID, "phone-1"); err != nil {
		t.Errorf("Forget: %v", err)
	}
	shown := Credential{Token: token.Reveal()}
	if got, err := s.Authenticate(ctx, Request{Credential: shown}); err != nil || got.Session.UserID != "first" || len(got.Session.Factors) != 1 {
		t.Errorf("Authenticate: %+v, %v", got, err)
	}
	if err := s.Revoke(ctx, shown); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if _, err := s.Grant(ctx, grant); err != nil {
		t.Errorf("Grant after the other's session: %v", err)
	}
}
