package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// Bounds of Config.LockAfter and LockFor.
const (
	maxLockAfter = 100
	minLockFor   = 5 * time.Minute
	maxLockFor   = 7 * 24 * time.Hour
)

var errUserLocked = errors.New("the user is locked")

// locked returns a refusal while the user is locked. Its Until is zero: that of
// engine.Error is for addresses.
func (a *Accounts) locked(u *store.User) error {
	left := u.Lock.Until.Sub(a.now())
	if left <= 0 {
		return nil
	}
	return &engine.Error{Kind: engine.ErrLocked, RetryAfter: left, Err: errUserLocked}
}

// refused counts a wrong guess against the user, if err is one, and returns
// what to tell the caller. The guess is counted before it is answered.
//
// The codes of an address and of an app have counts of their own, which hold
// exactly under concurrency. This one is above them: guesses that were under
// way when the lock fell are still compared.
func (a *Accounts) refused(ctx context.Context, user *store.User, err error) error {
	var wrong *engine.Error
	if !errors.As(err, &wrong) || wrong.Kind != engine.ErrWrong {
		return err
	}
	kept, err := a.update(ctx, user, func(u *store.User) error {
		if u.Lock.Until.IsZero() {
			u.Lock.Failures++
		}
		if u.Lock.Failures >= a.lockAfter {
			now := a.now().UTC().Round(0)
			u.Lock = store.Lock{At: now, Until: now.Add(a.lockFor)}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return err
	}
	answer := *wrong
	if shut := (*engine.Error)(nil); errors.As(a.locked(&kept), &shut) {
		answer.AttemptsLeft = 0
		answer.RetryAfter = max(answer.RetryAfter, shut.RetryAfter)
	} else {
		answer.AttemptsLeft = min(answer.AttemptsLeft, a.lockAfter-kept.Lock.Failures)
	}
	return &answer
}

// Unlock ends a user's lock, that of the authenticator app included, and
// forgets the wrong guesses in a row. Locks of addresses end by themselves.
// Errors: ErrUserNotFound, engine.ErrUnavailable.
func (a *Accounts) Unlock(ctx context.Context, id string) (store.User, error) {
	user, err := a.User(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	if a.apps != nil {
		if err := a.apps.Unlock(ctx, user.ID); err != nil {
			return store.User{}, err
		}
	}
	return a.update(ctx, &user, func(u *store.User) error {
		u.Lock = store.Lock{}
		return nil
	})
}
