package accounts_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestOnlyWrongCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	for _, guess := range []string{"", "12345", "abcdef"} {
		b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: guess})
	}
	if _, err := b.enter(t, sent.MethodID, phone); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: code}); !errors.Is(err, engine.ErrUsed) {
		t.Error(err)
	}
	b.login(t, delivery.SMS, phone)
	b.kit.Clock.Advance(time.Hour)
	if _, err := b.enter(t, sent.MethodID, phone); !errors.Is(err, engine.ErrExpired) {
		t.Error(err)
	}
	if u := b.user(t, sent.UserID); u.Lock != (store.Lock{}) {
		t.Errorf("counted: %+v", u.Lock)
	}
}

// Every ErrWrong is one in the row, and none is lost under concurrency.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, manySends, func(cfg *engine.Config) { cfg.Policy.Tries = 3 })
	sms, mail := b.login(t, delivery.SMS, phone), b.login(t, delivery.Email, otherEmail)
	// One user has both.
	if _, err := b.directory.Directory.Delete(t.Context(), mail.UserID); err != nil {
		t.Fatal(err)
	}
	update(t, b.directory.Directory, sms.UserID, func(u *store.User) {
		u.Emails = []store.Method{{ID: mail.MethodID, Address: otherEmail, Verified: true}}
	})
	guesses := []accounts.AuthRequest{
		{MethodID: sms.MethodID, Code: wrong(b.kit.Code(phone))},
		{MethodID: mail.MethodID, Code: wrong(b.kit.Code(otherEmail))},
	}
	var counted atomic.Int64
	together(32, func(i int) {
		_, err := b.Authenticate(t.Context(), guesses[i%2])
		switch {
		case errors.Is(err, engine.ErrWrong):
			counted.Add(1)
		case !errors.Is(err, engine.ErrUsed):
			t.Error(err)
		}
	})
	if u := b.user(t, sms.UserID); counted.Load() != 6 || u.Lock != (store.Lock{Failures: 6}) {
		t.Errorf("%d guesses were compared, counted %+v", counted.Load(), u.Lock)
	}
}

// Guesses that are compared while the lock falls make it no longer, and count
// for nothing when it is over.
func TestGuessUnderWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	until := b.kit.Clock.Now().Add(time.Minute)
	lock := store.Lock{At: until.Add(-time.Hour), Until: until}
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			update(t, b.directory.Directory, sent.UserID, func(u *store.User) { u.Lock = lock })
		}
		return nil
	}
	if r := b.miss(t, sent.MethodID, phone); r.Kind != engine.ErrWrong || r.AttemptsLeft != 0 || r.RetryAfter != time.Minute {
		t.Errorf("%v, retry after %v", r, r.RetryAfter)
	}
	if u := b.user(t, sent.UserID); u.Lock != lock {
		t.Errorf("lock %+v, was %+v", u.Lock, lock)
	}
	// A right one is accepted, and leaves the lock to those who come after it.
	auth, err := func() (accounts.Authentication, error) {
		update(t, b.directory.Directory, sent.UserID, func(u *store.User) { u.Lock = store.Lock{} })
		return b.enter(t, sent.MethodID, phone)
	}()
	if err != nil || auth.User.Lock != lock || b.user(t, sent.UserID).Lock != lock {
		t.Errorf("%+v, %v", auth.User.Lock, err)
	}
}

// The user may be gone when the guess is counted. The guess was wrong all the
// same.
func TestGuessAtNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	b.directory.before = func(call, _ string) (err error) {
		if call == "update" {
			_, err = b.directory.Directory.Delete(context.Background(), sent.UserID)
		}
		return err
	}
	if r := b.miss(t, sent.MethodID, phone); r.Kind != engine.ErrWrong || r.AttemptsLeft != 4 {
		t.Error(r)
	}
}
