package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/passcode-go/passcode/store"
)

// Delete deletes a user, with sessions and authenticator app, and returns who
// it was. The addresses are free. Errors: ErrUserNotFound,
// engine.ErrUnavailable: then call it again.
func (a *Accounts) Delete(ctx context.Context, id string) (store.User, error) {
	user, err := a.kept(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	// The user goes last: who finds the user can try again.
	if a.sessions != nil {
		if err := a.sessions.Close(ctx, user.ID); err != nil {
			return store.User{}, err
		}
	}
	if err := a.removeApps(ctx, &user); err != nil {
		return store.User{}, err
	}
	gone, err := a.directory.Delete(ctx, user.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, ErrUserNotFound
	case err != nil:
		return store.User{}, unavailable(err, addresses(&user)...)
	}
	a.settle(&gone)
	return gone, nil
}

// DeleteMethod takes a phone number or an e-mail address from its user and
// returns the user. The address is free. Sessions lose the factor, and end if
// they had no other. A login that entered its right code before, and comes for
// its session only after all this, still gets it: a matter of milliseconds, and
// [sessions.Sessions.RevokeAll] a moment later ends that one too. Errors:
// ErrMethodNotFound, engine.ErrUnavailable: then call it again.
func (a *Accounts) DeleteMethod(ctx context.Context, methodID string) (store.User, error) {
	return a.deleteMethod(ctx, methodID, func(*store.User) error { return nil })
}

// RemoveMethod is DeleteMethod for pages on which people look after their own
// addresses: it never takes the last verified one, whatever else is removed at
// the same time, since nobody could log in as the user any more. Where several
// are removed at once, sessions may have lost the one that stays. Errors: those
// of DeleteMethod; ErrLastAddress.
func (a *Accounts) RemoveMethod(ctx context.Context, methodID string) (store.User, error) {
	return a.deleteMethod(ctx, methodID, func(u *store.User) error {
		others := func(m store.Method) bool { return m.Verified && m.ID != methodID }
		if m, _ := methodWith(u, methodID); m.Verified && !slices.ContainsFunc(slices.Concat(u.Phones, u.Emails), others) {
			return ErrLastAddress
		}
		return nil
	})
}

// deleteMethod takes a method from its user unless refuse, which is called for
// users who have it, returns an error.
func (a *Accounts) deleteMethod(ctx context.Context, methodID string, refuse func(*store.User) error) (store.User, error) {
	user, _, _, err := a.lookupMethod(ctx, methodID)
	if err == nil {
		err = refuse(&user) // a refusal should cost nobody their sessions
	}
	if err != nil {
		return store.User{}, err
	}
	is := func(m store.Method) bool { return m.ID == methodID }
	kept, err := a.withoutFactor(ctx, user.ID, methodID, func() (store.User, error) {
		return a.update(ctx, &user, func(u *store.User) error {
			if m, _ := methodWith(u, methodID); m == nil {
				return ErrMethodNotFound
			}
			if err := refuse(u); err != nil {
				return err
			}
			u.Phones, u.Emails = slices.DeleteFunc(u.Phones, is), slices.DeleteFunc(u.Emails, is)
			return nil
		})
	})
	if errors.Is(err, ErrUserNotFound) {
		err = ErrMethodNotFound
	}
	return kept, err
}

// withoutFactor takes a factor from the user's sessions around a change that
// takes it from the user: before, so that a failure leaves something to try
// again, and after, for a login that was under way.
func (a *Accounts) withoutFactor(ctx context.Context, userID, factorID string, change func() (store.User, error)) (store.User, error) {
	if err := a.forget(ctx, userID, factorID); err != nil {
		return store.User{}, err
	}
	kept, err := change()
	if err != nil {
		return store.User{}, err
	}
	if err := a.forget(ctx, userID, factorID); err != nil {
		return store.User{}, err
	}
	return kept, nil
}

// DeleteExternalID takes the external id from a user, who may have none, and
// returns the user. Errors: ErrUserNotFound, engine.ErrUnavailable.
func (a *Accounts) DeleteExternalID(ctx context.Context, id string) (store.User, error) {
	user, err := a.User(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	return a.update(ctx, &user, func(u *store.User) error {
		u.ExternalID = ""
		return nil
	})
}

// DeleteTOTP takes an authenticator app from its user and returns the user.
// Sessions lose the factor, and end if they had no other, as with DeleteMethod.
// A recovery code that was used stays in its session: who lost the app deletes
// it from there. Errors: ErrTOTPGone, engine.ErrUnavailable: then call it again.
func (a *Accounts) DeleteTOTP(ctx context.Context, totpID string) (store.User, error) {
	is := func(t store.TOTP) bool { return t.ID == totpID }
	user, err := a.lookupByMethod(ctx, totpID)
	if err == nil && !slices.ContainsFunc(user.TOTPs, is) {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, ErrTOTPGone
	}
	if err != nil {
		return store.User{}, err
	}
	if err := a.removeApp(ctx, user.ID, totpID); err != nil {
		return store.User{}, err
	}
	kept, err := a.withoutFactor(ctx, user.ID, totpID, func() (store.User, error) {
		return a.update(ctx, &user, func(u *store.User) error {
			u.TOTPs = slices.DeleteFunc(u.TOTPs, is)
			return nil
		})
	})
	if errors.Is(err, ErrUserNotFound) {
		err = ErrTOTPGone
	}
	return kept, err
}
