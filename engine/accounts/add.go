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
	return unverified(u) || slices.ContainsFunc(u.TOTPs, func(t store.TOTP) bool { return !t.Verified })
}

// unverified is waiting without the apps.
func unverified(u *store.User) bool {
	is := func(m store.Method) bool { return !m.Verified }
	return slices.ContainsFunc(u.Phones, is) || slices.ContainsFunc(u.Emails, is)
}

// attach adds an address to a user for the time of addWindow, or begins that
// time anew. An address that the user has otherwise stays as it is.
//
// Errors: ErrUserNotFound, ErrUnverified, *store.TakenError,
// engine.ErrUnavailable.
func (a *Accounts) attach(ctx context.Context, user store.User, class delivery.Class, address string, replace bool) (store.Method, error) {
	if m := methodAt(&user, class, address); m != nil && !adding(m) {
		return *m, nil
	}
	for range maxRaces {
		kept, err := a.update(ctx, &user, func(u *store.User) error {
			m := methodAt(u, class, address)
			blocked := waiting(u)
			if m == nil && replace {
				lost := func(m store.Method) bool { return adding(&m) }
				u.Phones, u.Emails = slices.DeleteFunc(u.Phones, lost), slices.DeleteFunc(u.Emails, lost)
				blocked = unverified(u)
			}
			switch {
			case m == nil && blocked:
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
		if err := a.reclaim(ctx, err, class, address); err != nil {
			return store.Method{}, err
		}
	}
	return store.Method{}, unavailable(errContended)
}

// reclaim frees an address if err says that it is taken, and it is by somebody
// who did not verify it in time. Else it returns err, or why it could not.
func (a *Accounts) reclaim(ctx context.Context, err error, class delivery.Class, address string) error {
	var taken *store.TakenError
	if address == "" || !errors.As(err, &taken) || taken.Index != indexOf(class) {
		return err
	}
	return a.free(ctx, class, address)
}

// reclaimEither is reclaim for whichever of two addresses is taken.
func (a *Accounts) reclaimEither(ctx context.Context, err error, phone, email string) error {
	if err = a.reclaim(ctx, err, delivery.ClassPhone, phone); err == nil {
		return nil
	}
	return a.reclaim(ctx, err, delivery.ClassEmail, email)
}

// free sees to it that nobody has an address. Errors: *store.TakenError,
// engine.ErrUnavailable.
func (a *Accounts) free(ctx context.Context, class delivery.Class, address string) error {
	user, method, err := a.lookupAddress(ctx, class, address)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !adding(method) || method.Expires.After(a.now()):
		return &store.TakenError{Index: indexOf(class), Owner: user.ID}
	}
	return a.release(ctx, &user, class, address)
}

// release takes an address from a user for whom it is being added.
func (a *Accounts) release(ctx context.Context, user *store.User, class delivery.Class, address string) error {
	_, err := a.update(ctx, user, func(u *store.User) error {
		methods := methodsOf(u, class)
		*methods = slices.DeleteFunc(*methods, func(m store.Method) bool { return m.Address == address && adding(&m) })
		return nil
	})
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	return err
}
