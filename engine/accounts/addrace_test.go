package accounts_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// together runs do n times at once.
func together(n int, do func(i int)) {
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	group.Wait()
}

// verifiedUsers makes n users with a verified e-mail address each.
func (b *bench) verifiedUsers(t *testing.T, n int) (ids []string) {
	t.Helper()
	for i := range n {
		user, err := b.Create(t.Context(), accounts.NewUser{Email: fmt.Sprintf("user%d@example.com", i)})
		if err != nil {
			t.Fatal(err)
		}
		update(t, b.directory.Directory, user.ID, func(u *store.User) { u.Emails[0].Verified = true })
		ids = append(ids, user.ID)
	}
	return ids
}

// owners returns the users who have an address in the directory, and checks
// that the directory finds the address by each index that it has.
func (b *bench) owners(t *testing.T, address string) (ids []string) {
	t.Helper()
	for _, u := range b.users(t) {
		if at(u, address) != nil {
			ids = append(ids, u.ID)
		}
		for by, value := range u.Values {
			if found, err := b.directory.Directory.Lookup(t.Context(), by, value); err != nil || found.ID != u.ID {
				t.Errorf("%s of %s finds %q, %v", by, u.ID, found.ID, err)
			}
		}
	}
	return ids
}

func TestAddRace(t *testing.T) {
	t.Parallel()
	const n = 32
	b := newBench(t, manySends)
	ids := b.verifiedUsers(t, n+1)
	for round := range 3 { // twice with an address that nobody has, and once when a window is just over
		if round == 2 {
			b.add(t, ids[n], phone)
			b.kit.Clock.Advance(window)
		}
		var winner atomic.Pointer[accounts.Sent]
		together(n, func(i int) {
			sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: ids[i]})
			switch {
			case err == nil:
				if winner.Swap(&sent) != nil {
					t.Error("two users got one address")
				}
			case !errors.Is(err, store.ErrTaken):
				t.Error(err)
			}
		})
		won := winner.Load()
		if won == nil {
			t.Fatal("nobody got the address")
		}
		if owners := b.owners(t, phone); len(owners) != 1 || owners[0] != won.UserID {
			t.Errorf("owners %q, want %s", owners, won.UserID)
		}
		b.kit.Clock.Advance(window)
	}
}

// One user, many requests: one method, whatever their order.
func TestAddTwiceAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, manySends)
	id := b.addVerified(t)
	var methods sync.Map
	together(16, func(i int) {
		to := []string{phone, otherPhone}[i%2]
		sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: to, UserID: id})
		if err == nil {
			methods.Store(sent.MethodID, true)
		} else if !errors.Is(err, accounts.ErrUnverified) {
			t.Error(err)
		}
	})
	user := b.user(t, id)
	if len(user.Phones) != 1 {
		t.Fatalf("phones %+v", user.Phones)
	}
	methods.Delete(user.Phones[0].ID)
	methods.Range(func(id, _ any) bool { t.Errorf("%v was returned and is gone", id); return true })
}

// TestAddAgainstLogin has users who add an address race with its owner, who
// logs in, and in the end is the one who has it.
func TestAddAgainstLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, manySends)
	ids := b.verifiedUsers(t, 8)
	var owner sync.Map
	var created atomic.Int64
	together(16, func(i int) {
		if i < len(ids) {
			_, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: ids[i]})
			if err != nil && !errors.Is(err, store.ErrTaken) && !errors.Is(err, engine.ErrUnavailable) {
				t.Error(err)
			}
			return
		}
		sent, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone})
		if err != nil {
			t.Error(err)
		}
		owner.Store(sent.UserID, true)
		if sent.Created {
			created.Add(1)
		}
	})
	owners := b.owners(t, phone)
	if len(owners) != 1 || created.Load() != 1 || len(b.users(t)) != len(ids)+1 {
		t.Fatalf("owners %q, %d created, %d users", owners, created.Load(), len(b.users(t)))
	}
	owner.Range(func(id, _ any) bool {
		if id != owners[0] {
			t.Errorf("logged in as %v, the owner is %s", id, owners[0])
		}
		return true
	})
}

// TestLateRaces plays what the races above only hope for.
func TestLateRaces(t *testing.T) {
	t.Parallel()
	// once does something the first time that the directory is called so.
	once := func(b *bench, call string, do func()) {
		b.directory.before = func(made, _ string) error {
			if made == call {
				b.directory.before = nil
				do()
			}
			return nil
		}
	}
	t.Run("verified before it is taken", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		id := b.addVerified(t)
		added := b.add(t, id, phone)
		once(b, "update", func() {
			if _, err := b.enter(t, added.MethodID, phone); err != nil {
				t.Error(err)
			}
		})
		if sent := b.login(t, delivery.SMS, phone); sent.Created || sent.UserID != id || sent.MethodID != added.MethodID {
			t.Errorf("added %+v, sent %+v", added, sent)
		}
	})
	t.Run("taken before it is verified", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		id := b.addVerified(t)
		added := b.add(t, id, phone)
		code := b.kit.Code(phone)
		var owner accounts.Sent
		once(b, "update", func() { owner = b.login(t, delivery.SMS, phone) })
		_, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: added.MethodID, Code: code})
		if !errors.Is(err, accounts.ErrMethodNotFound) || !owner.Created {
			t.Errorf("%v, owner %+v", err, owner)
		}
	})
	t.Run("the one who had it is gone", func(t *testing.T) {
		t.Parallel()
		for _, call := range []int{3, 4} { // finding out who has it, and taking it away
			b := newBench(t)
			ids := b.verifiedUsers(t, 2)
			b.add(t, ids[0], phone)
			b.kit.Clock.Advance(window)
			b.forget()
			b.directory.before = func(string, string) (err error) {
				if len(b.directory.trace()) == call {
					_, err = b.directory.Directory.Delete(t.Context(), ids[0])
				}
				return err
			}
			if sent := b.add(t, ids[1], phone); sent.UserID != ids[1] {
				t.Errorf("gone before call %d: %+v", call, sent)
			}
		}
	})
	t.Run("put there otherwise meanwhile", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		id := b.addVerified(t)
		once(b, "update", func() {
			if _, err := b.Update(t.Context(), id, accounts.Change{Phone: phone}); err != nil {
				t.Error(err)
			}
		})
		sent := b.add(t, id, phone)
		if m := at(b.user(t, id), phone); m == nil || !m.Expires.IsZero() || m.ID != sent.MethodID {
			t.Errorf("method %+v", m)
		}
	})
	t.Run("verified, with a time to expire", func(t *testing.T) { // as an import may have it
		t.Parallel()
		b := newBench(t)
		id := b.addVerified(t)
		update(t, b.directory.Directory, id, func(u *store.User) { u.Emails[0].Expires = b.kit.Clock.Now() })
		if sent := b.login(t, delivery.Email, "verified@example.com"); sent.Created || sent.UserID != id {
			t.Errorf("%+v", sent)
		}
		if _, err := b.Create(t.Context(), accounts.NewUser{Email: "verified@example.com"}); !errors.Is(err, store.ErrTaken) {
			t.Error(err)
		}
	})
	t.Run("always somebody else", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		id := b.addVerified(t)
		b.directory.after = func(call, value string) error {
			if call == "update" {
				return &store.TakenError{Index: store.ByPhone, Owner: "gone"}
			}
			return nil
		}
		_, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, UserID: id})
		if !errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, store.ErrTaken) {
			t.Error(err)
		}
		if n := len(b.directory.trace()); n > 60 {
			t.Errorf("%d calls", n)
		}
	})
}
