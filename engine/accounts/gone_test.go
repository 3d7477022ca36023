package accounts_test

import (
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// TestUserGone takes the user or the method away while the right code is
// entered. Before any call of the Directory it keeps everybody out; after the
// last one it came too late.
func TestUserGone(t *testing.T) {
	t.Parallel()
	change := map[string]func(t *testing.T, d store.Directory, id string){
		"user deleted": func(t *testing.T, d store.Directory, id string) {
			if _, err := d.Delete(t.Context(), id); err != nil {
				t.Error(err)
			}
		},
		"method removed": func(t *testing.T, d store.Directory, id string) {
			update(t, d, id, func(u *store.User) { u.Phones = nil })
		},
		"method has another address": func(t *testing.T, d store.Directory, id string) {
			update(t, d, id, func(u *store.User) { u.Phones[0].Address = otherPhone })
		},
		"address has another method": func(t *testing.T, d store.Directory, id string) {
			update(t, d, id, func(u *store.User) { u.Phones[0].ID = accounts.PhoneID.New(false) })
		},
	}
	for what, change := range change {
		for _, verified := range []bool{false, true} {
			for before := range 4 { // the number of directory calls that come before
				b := newBench(t)
				sent := b.login(t, delivery.SMS, phone)
				update(t, b.directory.Directory, sent.UserID, func(u *store.User) { u.Phones[0].Verified = verified })
				code := b.kit.Code(phone)
				b.forget()
				changed := false
				b.directory.before = func(string, string) error {
					if len(b.directory.trace()) == before+1 {
						change(t, b.directory.Directory, sent.UserID)
						changed = true
					}
					return nil
				}
				auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: code})
				calls := 2 // look up, update
				if verified {
					calls = 1
				}
				if changed != (before < calls) {
					t.Fatalf("%s before call %d: directory calls %q", what, before, b.directory.trace())
				}
				if !changed {
					if err != nil {
						t.Errorf("nothing happened, and yet %v", err)
					}
					continue
				}
				want := accounts.ErrMethodNotFound
				if what == "method has another address" && before == 0 {
					want = engine.ErrUsed // of the new address: it was sent no code
				}
				if !errors.Is(err, want) || !isZero(auth) {
					t.Errorf("%s before call %d: %+v, %v; want %v", what, before, auth, err, want)
				}
			}
		}
	}
}

func update(t *testing.T, d store.Directory, id string, change func(*store.User)) {
	t.Helper()
	if _, err := d.Update(t.Context(), id, func(u *store.User) error { change(u); return nil }); err != nil {
		t.Error(err)
	}
}

func TestDeletedUserStartsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	if _, err := b.directory.Delete(t.Context(), sent.UserID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)}); !errors.Is(err, accounts.ErrMethodNotFound) {
		t.Error(err)
	}
	if again := b.login(t, delivery.SMS, phone); !again.Created || again.UserID == sent.UserID || again.MethodID == sent.MethodID {
		t.Errorf("first %+v, then %+v", sent, again)
	}
}
