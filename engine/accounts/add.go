package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store"
)

// addWindow is how long an address that Send added to a user waits for its
// code. After that it is free again.
const addWindow = 5 * time.Minute

// adding reports whether a method is one that Send added and that no code came
// back from yet.
func adding(m *store.Method) bool { return !m.Verified && !m.Expires.IsZero() }

// waiting reports whether a user has an address or an app that no code came
// back from yet. One at a time is enough, and keeps a user from holding
// addresses of other people.
func waiting(u *store.User) bool {
	unverified := func(m store.Method) bool { return !m.Verified }
	return slices.ContainsFunc(u.Phones, unverified) || slices.ContainsFunc(u.Emails, unverified) ||
		slices.ContainsFunc(u.TOTPs, func(t store.TOTP) bool { return !t.Verified })
}

// attach adds an address to a user for the time of addWindow, or begins that
// time anew. An address that the user has otherwise stays as it is.
//
// Errors: ErrUserNotFound, ErrUnverified, *store.TakenError,
// engine.ErrUnavailable.
func (a *Accounts) attach(ctx context.Context, user store.User, class delivery.Class, address string) (store.Method, error) {
	if m := methodAt(&user, class, address); m != nil && !adding(m) {
		return *m, nil
	}
	for range maxRaces {
		kept, err := a.update(ctx, &user, func(u *store.User) error {
			m := methodAt(u, class, address)
			switch {
			case m == nil && waiting(u):
				return ErrUnverified
			case m == nil:
				m = a.addMethod(u, class, address)
				m.Expires = m.CreatedAt.Add(addWindow)
			case adding(m):
				m.Expires = a.now().UTC().Round(0).Add(addWindow)
			}
			return nil
		}, address)
		if err == nil {
			if m := methodAt(&kept, class, address); m != nil {
				return *m, nil
			}
			return store.Method{}, unavailable(errLost)
		}
		free, err := a.reclaimAfter(ctx, err, class, address)
		if err != nil {
			return store.Method{}, err
		}
		if !free {
			return store.Method{}, unavailable(errLost)
		}
	}
	return store.Method{}, unavailable(errContended)
}

// reclaimAfter frees an address if err says that it is taken by somebody who
// did not verify it in time. Else it returns err.
func (a *Accounts) reclaimAfter(ctx context.Context, err error, class delivery.Class, address string) (free bool, _ error) {
	var taken *store.TakenError
	if !errors.As(err, &taken) || taken.Index != indexOf(class) {
		return false, err
	}
	user, method, err := a.lookupAddress(ctx, class, address)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return true, nil
	case err != nil:
		return false, err
	case !adding(method) || method.Expires.After(a.now()):
		return false, taken
	}
	return true, a.release(ctx, &user, class, address)
}

// reclaim is reclaimAfter for whichever of a new user's addresses is taken.
func (a *Accounts) reclaim(ctx context.Context, taken *store.TakenError, u *store.User) (free bool, err error) {
	for _, class := range []delivery.Class{delivery.ClassPhone, delivery.ClassEmail} {
		for _, m := range *methodsOf(u, class) {
			if taken.Index == indexOf(class) {
				free, err = a.reclaimAfter(ctx, taken, class, m.Address)
			}
		}
	}
	if errors.Is(err, store.ErrTaken) {
		return false, nil
	}
	return free, err
}

// release takes an address from a user for whom it is being added.
func (a *Accounts) release(ctx context.Context, user *store.User, class delivery.Class, address string) error {
	_, err := a.update(ctx, user, func(u *store.User) error {
		methods := methodsOf(u, class)
		*methods = slices.DeleteFunc(*methods, func(m store.Method) bool { return m.Address == address && adding(&m) })
		return nil
	}, address)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	return err
}
