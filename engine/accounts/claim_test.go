package accounts_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
)

// A claim is a user with a verified phone and a session, who wants the e-mail
// address of a user that a form left behind.
type claim struct {
	*bench
	user  string
	shown sessions.Credential
	left  accounts.Sent
}

func newClaim(t *testing.T, directories ...store.Directory) *claim {
	t.Helper()
	c := &claim{bench: newFullBench(t, manySends)}
	if len(directories) > 0 {
		c.directory.Directory = directories[0]
	}
	auth := c.signIn(t, phone, accounts.SessionRequest{Duration: hour})
	c.user, c.shown = auth.User.ID, credential(auth.Session)
	c.left = c.login(t, delivery.Email, email)
	return c
}

// code sends a code to the address, whoever has it, and returns it.
func (c *claim) code(t *testing.T) string {
	t.Helper()
	if _, err := c.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email}); err != nil {
		t.Fatal(err)
	}
	return c.kit.Code(email)
}

func (c *claim) claim(t *testing.T, code string) (accounts.Authentication, error) {
	t.Helper()
	return c.Claim(t.Context(), accounts.AuthRequest{MethodID: c.left.MethodID, Code: code, Session: accounts.SessionRequest{Credential: c.shown}})
}

func TestClaim(t *testing.T) {
	t.Parallel()
	c := newClaim(t)
	if _, err := c.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email, Session: c.shown}); !errors.Is(err, store.ErrTaken) {
		t.Fatal(err)
	}
	c.kit.Clock.Advance(hour / 2)
	code := c.code(t)
	if _, err := c.claim(t, wrong(code)); !errors.Is(err, engine.ErrWrong) {
		t.Fatal(err)
	}
	if n, other := c.bench.user(t, c.user).Lock.Failures, c.bench.user(t, c.left.UserID).Lock.Failures; n != 1 || other != 0 {
		t.Errorf("the wrong code counts %d for who typed it and %d for the other", n, other)
	}
	auth, err := c.claim(t, code)
	if err != nil {
		t.Fatal(err)
	}
	user := c.bench.user(t, c.user)
	m := at(user, email)
	if m == nil || !m.Verified || !m.Expires.IsZero() || m.ID == c.left.MethodID || auth.Method != *m || !reflect.DeepEqual(auth.User, user) || user.Lock.Failures != 0 {
		t.Errorf("%+v, user %+v", auth, user)
	}
	if auth.Session == nil || !slices.Contains(factorIDs(auth.Session.Session), m.ID) || auth.Session.Session.UserID != c.user {
		t.Errorf("session %+v", auth.Session)
	}
	if owners := c.owners(t, email); !slices.Equal(owners, []string{c.user}) {
		t.Errorf("owners %q", owners)
	}
	if left := c.bench.user(t, c.left.UserID); len(left.Emails) != 0 {
		t.Errorf("left behind %+v", left)
	}
	if sent := c.login(t, delivery.Email, email); sent.UserID != c.user || sent.Created {
		t.Errorf("a login later: %+v", sent)
	}
}

// One's own address needs no claim, and is no reason for one.
func TestClaimOwn(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	auth := b.signIn(t, phone, accounts.SessionRequest{Duration: hour})
	sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email, Session: credential(auth.Session)})
	if err != nil {
		t.Fatal(err)
	}
	auth, err = b.Claim(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(email), Session: accounts.SessionRequest{Credential: credential(auth.Session)}})
	if err != nil || auth.User.ID != sent.UserID || auth.Method.ID != sent.MethodID || !auth.Method.Verified {
		t.Errorf("%+v, %v", auth, err)
	}
}

// Whoever has shown anything, or was given anything, keeps the address.
func TestClaimRefused(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]func(*store.User){
		"the address is verified": func(u *store.User) { u.Emails[0].Verified = true },
		"another one is":          func(u *store.User) { u.Phones = []store.Method{{ID: "p", Address: otherPhone, Verified: true}} },
		"an app":                  func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "t", Verified: true}} },
		"a name":                  func(u *store.User) { u.Name.First = "Ada" },
		"an external id":          func(u *store.User) { u.ExternalID = "ext-1" },
		"a role":                  func(u *store.User) { u.Roles = []string{"admin"} },
		"trusted metadata":        func(u *store.User) { u.Trusted = json.RawMessage(`{"a":1}`) },
		"untrusted metadata":      func(u *store.User) { u.Untrusted = json.RawMessage(`{"a":1}`) },
		"a session":               nil,
	} {
		c := newClaim(t)
		if kept != nil {
			update(t, c.directory.Directory, c.left.UserID, kept)
		} else if _, err := c.sessions.Grant(t.Context(), sessions.Grant{UserID: c.left.UserID, Duration: hour, Factor: sessions.Factor{Method: sessions.RecoveryCode, ID: "r"}}); err != nil {
			t.Fatal(err)
		}
		before := c.bench.user(t, c.left.UserID)
		auth, err := c.claim(t, c.code(t))
		var taken *store.TakenError
		if !errors.As(err, &taken) || taken.Owner != c.left.UserID || taken.Index != store.ByEmail || !isZero(auth) {
			t.Errorf("%s: %+v, %v", name, auth, err)
		}
		if after := c.bench.user(t, c.left.UserID); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: the owner was\n%+v, is\n%+v", name, before, after)
		}
		if u := c.bench.user(t, c.user); len(u.Emails) != 0 {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

// Nothing is compared for who has no session, or is locked.
func TestClaimBeforeTheCode(t *testing.T) {
	t.Parallel()
	c := newClaim(t)
	code := c.code(t)
	for want, shown := range map[error]sessions.Credential{sessions.ErrCredential: {}, sessions.ErrToken: {Token: "nonsense"}} {
		auth, err := c.Claim(t.Context(), accounts.AuthRequest{MethodID: c.left.MethodID, Code: code, Session: accounts.SessionRequest{Credential: shown}})
		if !errors.Is(err, want) || !isZero(auth) {
			t.Errorf("%+v, %v, want %v", auth, err, want)
		}
	}
	if _, err := newBench(t).Claim(t.Context(), accounts.AuthRequest{MethodID: c.left.MethodID, Code: code}); !errors.Is(err, engine.ErrRequest) {
		t.Errorf("without sessions: %v", err)
	}
	session := accounts.SessionRequest{Credential: c.shown}
	if _, err := c.Claim(t.Context(), accounts.AuthRequest{MethodID: "email-test-1", Code: code, Session: session}); !errors.Is(err, accounts.ErrMethodNotFound) {
		t.Errorf("an unknown method: %v", err)
	}
	session.Duration = 1
	if _, err := c.Claim(t.Context(), accounts.AuthRequest{MethodID: c.left.MethodID, Code: code, Session: session}); !errors.Is(err, sessions.ErrDuration) {
		t.Errorf("a session that cannot be: %v", err)
	}
	update(t, c.directory.Directory, c.user, func(u *store.User) { u.Lock.Until = c.kit.Clock.Now().Add(hour / 2) })
	if _, err := c.claim(t, code); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	update(t, c.directory.Directory, c.user, func(u *store.User) { u.Lock = store.Lock{} })
	if _, err := c.claim(t, code); err != nil {
		t.Errorf("the code was used up: %v", err)
	}
}

// Each failure of the directory is told as one, and the address is never lost to
// both for good.
func TestClaimWhereTheDirectoryFails(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			c := newClaim(t)
			code := c.code(t)
			c.forget()
			fail := func(string, string) error {
				if len(c.directory.trace()) == n {
					return errDisk
				}
				return nil
			}
			if after {
				c.directory.after = fail
			} else {
				c.directory.before = fail
			}
			auth, err := c.claim(t, code)
			if len(c.directory.trace()) < n {
				if err != nil || n-1 != 6 { // two users, taken, who has it, not any more, and given
					t.Errorf("%v after %d calls", err, n-1)
				}
				break
			}
			if after && n == 3 {
				continue // it had no effect
			}
			if !errors.Is(err, engine.ErrUnavailable) || !isZero(auth) {
				t.Errorf("call %d failing, after its effect %v: %+v, %v", n, after, auth, err)
			}
			if owners := c.owners(t, email); len(owners) > 1 {
				t.Errorf("call %d failing: owners %q", n, owners)
			}
		}
	}
}

// The owner verifies at the same moment, by a code of their own: one of the two
// has the address, and the other is told.
func TestClaimRace(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) store.Directory{
		"memstore": func(*testing.T) store.Directory { return memstore.NewDirectory() },
		"boltstore": func(t *testing.T) store.Directory {
			db, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "claim.db"), boltstore.Config{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return db.Directory()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				raceForAddress(t, open(t))
			}
		})
	}
}

func raceForAddress(t *testing.T, directory store.Directory) {
	t.Helper()
	c := newClaim(t, directory)
	// Both codes are right before either is written down.
	var first atomic.Bool
	var once sync.Once
	waits, begin := make(chan struct{}), make(chan struct{})
	start := func() { once.Do(func() { close(begin) }) }
	code := c.code(t)
	c.directory.before = func(call, id string) error {
		switch {
		case call != "update" || id != c.left.UserID:
		case first.CompareAndSwap(false, true):
			close(waits)
			<-begin
		default:
			start()
		}
		return nil
	}
	var group sync.WaitGroup
	var verified, claimed error
	group.Go(func() {
		_, verified = c.Authenticate(t.Context(), accounts.AuthRequest{MethodID: c.left.MethodID, Code: code})
	})
	<-waits
	_, claimed = c.claim(t, c.code(t))
	start()
	group.Wait()
	winner := c.left.UserID
	switch {
	case verified == nil && errors.Is(claimed, store.ErrTaken):
	case claimed == nil && errors.Is(verified, accounts.ErrMethodNotFound):
		winner = c.user
	default:
		t.Fatalf("the owner: %v; the claim: %v", verified, claimed)
	}
	c.directory.before = nil
	if owners := c.owners(t, email); !slices.Equal(owners, []string{winner}) || !at(c.bench.user(t, winner), email).Verified {
		t.Errorf("owners %q, want %s, verified", owners, winner)
	}
}

// The address goes and comes while it is being claimed.
func TestClaimLate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(t *testing.T, c *claim)
		won       bool
	}{
		"the owner is deleted": {func(t *testing.T, c *claim) {
			if _, err := c.directory.Directory.Delete(t.Context(), c.left.UserID); err != nil {
				t.Error(err)
			}
		}, true},
		"the owner loses it": {func(t *testing.T, c *claim) {
			update(t, c.directory.Directory, c.left.UserID, func(u *store.User) { u.Emails = nil })
		}, true},
		"somebody else adds it": {func(t *testing.T, c *claim) {
			update(t, c.directory.Directory, c.left.UserID, func(u *store.User) { u.Emails = nil })
			c.add(t, c.addVerified(t), email)
		}, true},
		"the owner verifies it": {func(t *testing.T, c *claim) {
			update(t, c.directory.Directory, c.left.UserID, func(u *store.User) { u.Emails[0].Verified = true })
		}, false},
	} {
		for _, at := range []int{3, 4, 5} { // taken, who has it, not any more
			c := newClaim(t)
			code := c.code(t)
			c.forget()
			c.directory.before = func(string, string) error {
				if len(c.directory.trace()) == at {
					c.directory.before = nil
					test.meanwhile(t, c)
				}
				return nil
			}
			auth, err := c.claim(t, code)
			if test.won && (err != nil || auth.User.ID != c.user) || !test.won && !errors.Is(err, store.ErrTaken) {
				t.Errorf("%s before call %d: %+v, %v", name, at, auth, err)
			}
			if owners := c.owners(t, email); len(owners) != 1 || (owners[0] == c.user) != test.won {
				t.Errorf("%s before call %d: owners %q", name, at, owners)
			}
		}
	}
}
