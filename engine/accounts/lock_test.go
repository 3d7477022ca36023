package accounts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// miss enters a wrong code for an address that was sent one, and returns what
// the engine says.
func (b *bench) miss(t *testing.T, methodID, to string) *engine.Error {
	t.Helper()
	_, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: methodID, Code: wrong(b.kit.Code(to))})
	var refusal *engine.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("a wrong code: %v", err)
	}
	return refusal
}

// lock locks a new user, with five wrong codes for each of two addresses, and
// returns what was sent to the phone. Both have a fresh code.
func (b *bench) lock(t *testing.T) (sms accounts.Sent) {
	t.Helper()
	mail := b.login(t, delivery.Email, email)
	if _, err := b.enter(t, mail.MethodID, email); err != nil {
		t.Fatal(err)
	}
	sms = b.add(t, mail.UserID, phone)
	if _, err := b.enter(t, sms.MethodID, phone); err != nil {
		t.Fatal(err)
	}
	b.login(t, delivery.SMS, phone)
	b.login(t, delivery.Email, email)
	for i := range 4 {
		if r := b.miss(t, sms.MethodID, phone); r.Kind != engine.ErrWrong || r.AttemptsLeft != 4-i {
			t.Fatalf("guess %d: %v", i+1, r)
		}
	}
	for i := range 4 {
		if r := b.miss(t, mail.MethodID, email); r.Kind != engine.ErrWrong || r.AttemptsLeft != min(4-i, 10-5-i) {
			t.Fatalf("guess %d: %v", i+5, r)
		}
	}
	b.login(t, delivery.SMS, phone) // fresh codes, with five tries each
	b.login(t, delivery.Email, email)
	if r := b.miss(t, sms.MethodID, phone); r.Kind != engine.ErrWrong || r.AttemptsLeft != 1 || r.RetryAfter != 0 {
		t.Fatalf("guess 9: %v, retry after %v", r, r.RetryAfter)
	}
	if u := b.user(t, sms.UserID); u.Lock != (store.Lock{Failures: 9}) {
		t.Fatalf("after nine: %+v", u.Lock)
	}
	if r := b.miss(t, mail.MethodID, email); r.Kind != engine.ErrWrong || r.AttemptsLeft != 0 || r.RetryAfter != time.Hour {
		t.Fatalf("guess 10: %v, retry after %v", r, r.RetryAfter)
	}
	return sms
}

func TestUserLock(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"time", "Unlock"} {
		b := newBench(t, func(cfg *engine.Config) { manySends(cfg); cfg.Policy.Lifetime = 10 * time.Minute })
		sms := b.lock(t)
		now := b.kit.Clock.Now()
		want := store.Lock{At: now, Until: now.Add(time.Hour)}
		page, err := b.Search(t.Context(), store.Query{})
		if err != nil || len(page.Users) != 1 || page.Users[0].Lock != want || b.user(t, sms.UserID).Lock != want {
			t.Errorf("lock %+v, searched %+v, %v, want %+v", b.user(t, sms.UserID).Lock, page.Users, err, want)
		}
		code := b.kit.Code(phone)
		b.kit.Clock.Advance(time.Minute)
		b.forget()
		for _, guess := range []string{code, wrong(code), "not a code"} {
			auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sms.MethodID, Code: guess})
			var refusal *engine.Error
			if !errors.As(err, &refusal) || refusal.Kind != engine.ErrLocked || refusal.RetryAfter != 59*time.Minute || !isZero(auth) {
				t.Errorf("while locked: %+v, %v", auth, err)
			}
		}
		for name, send := range map[string]func() (accounts.Sent, error){
			"LoginOrCreate": func() (accounts.Sent, error) {
				return b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone})
			},
			"Send": func() (accounts.Sent, error) {
				return b.Send(t.Context(), accounts.SendRequest{Channel: delivery.WhatsApp, To: phone})
			},
			"Send for a user": func() (accounts.Sent, error) {
				return b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: sms.UserID})
			},
		} {
			if sent, err := send(); !errors.Is(err, engine.ErrLocked) || sent.UserID != sms.UserID || sent.MethodID != sms.MethodID || !isZero(sent.Challenge) {
				t.Errorf("%s while locked: %+v, %v", name, sent, err)
			}
		}
		if calls := b.store.trace(); len(calls) > 0 || b.sent.Load() > 0 {
			t.Errorf("while locked: store calls %q, %d messages", calls, b.sent.Load())
		}

		if release == "time" {
			b.kit.Clock.Advance(59*time.Minute - 1)
			if _, err := b.enter(t, sms.MethodID, phone); !errors.Is(err, engine.ErrLocked) {
				t.Errorf("a nanosecond early: %v", err)
			}
			b.kit.Clock.Advance(1)
			if u := b.user(t, sms.UserID); u.Lock != (store.Lock{}) {
				t.Errorf("after the lock: %+v", u.Lock)
			}
			b.login(t, delivery.SMS, phone) // the old code expired
			if r := b.miss(t, sms.MethodID, phone); r.Kind != engine.ErrWrong || r.RetryAfter != 0 {
				t.Errorf("first guess after the lock: %v", r)
			}
			if u := b.user(t, sms.UserID); u.Lock != (store.Lock{Failures: 1}) {
				t.Errorf("first guess after the lock: %+v", u.Lock)
			}
		} else {
			if user, err := b.Unlock(t.Context(), sms.UserID); err != nil || user.Lock != (store.Lock{}) || user.ID != sms.UserID {
				t.Errorf("Unlock: %+v, %v", user, err)
			}
		}
		// With Unlock this is the code that was refused: it was not used up.
		auth, err := b.enter(t, sms.MethodID, phone)
		if err != nil || auth.User.Lock != (store.Lock{}) || b.user(t, sms.UserID).Lock != (store.Lock{}) {
			t.Errorf("%s: %+v, %v", release, auth.User.Lock, err)
		}
	}
}

// A right code ends the row, so nine and nine are no lock.
func TestRowEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, manySends)
	sent := b.login(t, delivery.SMS, phone)
	for round := range 3 {
		for i := range 9 {
			if i%4 == 0 {
				b.login(t, delivery.SMS, phone)
			}
			// The address has a lock of its own, which is not what is tested.
			if r := b.miss(t, sent.MethodID, phone); r.Kind != engine.ErrWrong || r.AttemptsLeft > 9-i {
				t.Fatalf("round %d, guess %d: %v", round, i+1, r)
			}
		}
		if u := b.user(t, sent.UserID); u.Lock != (store.Lock{Failures: 9}) {
			t.Fatalf("after nine: %+v", u.Lock)
		}
		if auth, err := b.enter(t, sent.MethodID, phone); err != nil || auth.User.Lock != (store.Lock{}) {
			t.Fatalf("%+v, %v", auth.User.Lock, err)
		}
		if u := b.user(t, sent.UserID); u.Lock != (store.Lock{}) {
			t.Errorf("after a right code: %+v", u.Lock)
		}
	}
}

func TestLockConfig(t *testing.T) {
	t.Parallel()
	kit := enginetest.New(t, manySends)
	for _, test := range []struct {
		after int
		long  time.Duration
		ok    bool
	}{
		{0, 0, true}, {1, 5 * time.Minute, true}, {100, 7 * 24 * time.Hour, true}, {3, 0, true}, {0, time.Hour, true},
		{-1, 0, false}, {101, 0, false}, {0, -1, false}, {0, 5*time.Minute - 1, false}, {0, 7*24*time.Hour + 1, false}, {0, 1, false},
	} {
		users := memstore.NewDirectory()
		a, err := accounts.New(accounts.Config{Engine: kit.Engine, Directory: users, LockAfter: test.after, LockFor: test.long, Now: kit.Clock.Now})
		if (err == nil) != test.ok || (a != nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
		if !test.ok || test.after == 100 {
			continue
		}
		// What was configured is what happens.
		after, long := test.after, test.long
		if after == 0 {
			after = 10
		}
		if long == 0 {
			long = time.Hour
		}
		user, err := a.Create(t.Context(), accounts.NewUser{Phone: phone})
		if err != nil {
			t.Fatal(err)
		}
		update(t, users, user.ID, func(u *store.User) { u.Lock.Failures = after - 1 })
		if _, err := a.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone}); err != nil {
			t.Fatal(err)
		}
		_, err = a.Authenticate(t.Context(), accounts.AuthRequest{MethodID: user.Phones[0].ID, Code: wrong(kit.Code(phone))})
		var refusal *engine.Error
		if !errors.As(err, &refusal) || refusal.Kind != engine.ErrWrong || refusal.AttemptsLeft != 0 || refusal.RetryAfter != long {
			t.Errorf("%+v: the last guess is %v", test, err)
		}
		if u, err := a.User(t.Context(), user.ID); err != nil || u.Lock.Until.Sub(u.Lock.At) != long || u.Lock.Failures != 0 {
			t.Errorf("%+v: %+v, %v", test, u.Lock, err)
		}
		kit.Clock.Advance(24 * time.Hour)
	}
}

// The address's own lock is told if it lasts longer.
func TestLongerLockIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ address, user time.Duration }{{time.Hour, 5 * time.Minute}, {time.Hour, 3 * time.Hour}} {
		kit := enginetest.New(t, func(cfg *engine.Config) { cfg.Policy.Lock.After, cfg.Policy.Lock.For = 5, test.address })
		a := newAccounts(t, accounts.Config{
			Engine: kit.Engine, Directory: memstore.NewDirectory(), Now: kit.Clock.Now, LockAfter: 5, LockFor: test.user,
		})
		sent, err := a.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone})
		if err != nil {
			t.Fatal(err)
		}
		var refusal *engine.Error
		for range 5 {
			_, err = a.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: wrong(kit.Code(phone))})
		}
		if !errors.As(err, &refusal) || refusal.Kind != engine.ErrWrong || refusal.RetryAfter != max(test.address, test.user) {
			t.Errorf("%+v: %v, retry after %v", test, err, refusal.RetryAfter)
		}
	}
}

// A lock is shown and holds by the clock's word, whichever way the clock goes.
func TestLockByClock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	at := b.kit.Clock.Now()
	lock := store.Lock{At: at, Until: at.Add(time.Hour)}
	update(t, b.directory.Directory, sent.UserID, func(u *store.User) { u.Lock = lock })
	for _, test := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {time.Hour - 1, true}, {time.Hour, false}, {24 * time.Hour, false}, {30 * time.Minute, true}, {-time.Hour, true}, {time.Hour, false}} {
		b.kit.Clock.Set(at.Add(test.at))
		want := store.Lock{}
		if test.want {
			want = lock
		}
		if u := b.user(t, sent.UserID); u.Lock != want {
			t.Errorf("at %v: %+v", test.at, u.Lock)
		}
		_, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: "123456"})
		if errors.Is(err, engine.ErrLocked) != test.want {
			t.Errorf("at %v: %v", test.at, err)
		}
	}
}
