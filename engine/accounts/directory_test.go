package accounts_test

import (
	"context"
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

var errDisk = errors.New("disk on fire")

// TestDirectoryFails makes one call of the directory fail, before or after it
// had its effect, at every place where it is called.
func TestDirectoryFails(t *testing.T) {
	t.Parallel()
	ops := map[string]func(ctx context.Context, b *bench, method, code string) (any, error){
		"Authenticate": func(ctx context.Context, b *bench, method, code string) (any, error) {
			return b.Authenticate(ctx, accounts.AuthRequest{MethodID: method, Code: code})
		},
		"Authenticate, wrong": func(ctx context.Context, b *bench, method, code string) (any, error) {
			auth, err := b.Authenticate(ctx, accounts.AuthRequest{MethodID: method, Code: wrong(code)})
			if errors.Is(err, engine.ErrWrong) {
				err = nil
			}
			return auth, err
		},
		"Send, adding": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Send(ctx, accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, UserID: b.verified})
		},
		"Update": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Update(ctx, b.verified, accounts.Change{Email: otherEmail})
		},
		"Delete":       func(ctx context.Context, b *bench, _, _ string) (any, error) { return b.Delete(ctx, b.verified) },
		"DeleteMethod": func(ctx context.Context, b *bench, method, _ string) (any, error) { return b.DeleteMethod(ctx, method) },
		"DeleteExternalID": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.DeleteExternalID(ctx, b.verified)
		},
		"Exchange": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Exchange(ctx, b.verified, delivery.ClassPhone, otherPhone)
		},
		"Search": func(ctx context.Context, b *bench, _, _ string) (any, error) { return b.Search(ctx, store.Query{}) },
		"Unlock": func(ctx context.Context, b *bench, _, _ string) (any, error) { return b.Unlock(ctx, b.verified) },
		"LoginOrCreate, known": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: phone})
		},
		"LoginOrCreate, new": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: otherPhone})
		},
		"Send": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Send(ctx, accounts.SendRequest{Channel: delivery.SMS, To: phone})
		},
		"Send, with user": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Send(ctx, accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: "ext-1"})
		},
		"Create": func(ctx context.Context, b *bench, _, _ string) (any, error) {
			return b.Create(ctx, accounts.NewUser{Email: otherEmail})
		},
		"User": func(ctx context.Context, b *bench, _, _ string) (any, error) { return b.User(ctx, "ext-1") },
	}
	calls := map[string]int{
		"Authenticate": 2, "Authenticate, wrong": 2, "Send, adding": 2, "Update": 2, "Delete": 2, "DeleteMethod": 2,
		"DeleteExternalID": 2, "Exchange": 3, "Search": 1, "Unlock": 2, "LoginOrCreate, known": 1, "LoginOrCreate, new": 2,
		"Send": 1, "Send, with user": 2, "Create": 1, "User": 2,
	}
	vain := map[string]int{"User": 1, "Send, with user": 1, "LoginOrCreate, new": 1, "Exchange": 2} // the look-up that finds nobody
	for name, op := range ops {
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				b := newBench(t)
				user, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, ExternalID: "ext-1"})
				if err != nil {
					t.Fatal(err)
				}
				b.login(t, delivery.SMS, phone)
				code := b.kit.Code(phone)
				b.verified = b.addVerified(t)
				b.forget()
				fail := func(string, string) error {
					if len(b.directory.trace()) == at {
						return errDisk
					}
					return nil
				}
				if after {
					b.directory.after = fail
				} else {
					b.directory.before = fail
				}
				result, err := op(t.Context(), b, user.Phones[0].ID, code)
				if len(b.directory.trace()) < at {
					if err != nil || at-1 != calls[name] {
						t.Errorf("%s: %v after %d calls, want %d", name, err, at-1, calls[name])
					}
					break
				}
				if after && at == vain[name] {
					continue // nothing to fail after
				}
				var refusal *engine.Error
				if !errors.As(err, &refusal) || refusal.Kind != engine.ErrUnavailable || !errors.Is(err, errDisk) {
					t.Errorf("%s, call %d failing, after its effect %v: %v", name, at, after, err)
				}
				if !isZero(result) {
					t.Errorf("%s, call %d failing, after its effect %v: %+v", name, at, after, result)
				}
				if b.sent.Load() > 0 {
					t.Errorf("%s, call %d failing, after its effect %v: a message was sent", name, at, after)
				}
				if name == "Authenticate" && at > 1 {
					b.directory.before, b.directory.after = nil, nil
					if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: user.Phones[0].ID, Code: code}); !errors.Is(err, engine.ErrUsed) {
						t.Errorf("the code after a failing call %d: %v", at, err)
					}
				}
			}
		}
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)})
	if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A liar finds users by what they do not have.
type liar struct{ store.Directory }

func (liar) Lookup(context.Context, store.Index, string) (store.User, error) {
	return store.User{ID: "user-1", Status: store.Active}, nil
}

// A loser returns from Update a user without methods.
type loser struct{ store.Directory }

func (l loser) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	return store.User{ID: id, Status: store.Active}, nil
}

func TestDirectoryThatLies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := accounts.SendRequest{Channel: delivery.SMS, To: phone}
	a := newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: liar{b.directory}})
	_, err1 := a.LoginOrCreate(t.Context(), r)
	_, err2 := a.Send(t.Context(), r)
	_, err3 := a.Authenticate(t.Context(), accounts.AuthRequest{MethodID: "phone-number-1", Code: "123456"})
	b.wantUntouched(t)
	sent := b.login(t, delivery.SMS, phone)
	a = newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: loser{b.directory}})
	_, err4 := a.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)})
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
	}
}
