package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// Claim is Authenticate for somebody who is logged in already and shows that an
// address is theirs, though another user may have it. r.Session.Credential says
// who it is. With a method of their own it does what Authenticate does.
//
// The address of another user becomes theirs, verified, if that user is no more
// than what a form left behind: nothing of it was ever verified, no session is
// its own, and the program gave it neither name, external id, roles nor
// metadata. Else anybody could block an address for good by typing it once. The
// other user stays, without the address. One that verifies at this moment either
// keeps it, or comes too late. An address that Send is only adding to another
// user is taken from them too, as with LoginOrCreate.
//
// Wrong codes count for the lock of who is logged in, not for that of the other.
//
// Errors: those of [sessions.Sessions.Lookup]; those of Authenticate; a
// [*store.TakenError] if the other user keeps the address, and then the code is
// used up.
func (a *Accounts) Claim(ctx context.Context, r AuthRequest) (Authentication, error) {
	user, err := a.selected(ctx, SendRequest{Session: r.Session.Credential})
	if err != nil {
		return Authentication{}, err
	}
	owner, method, class, err := a.lookupMethod(ctx, r.MethodID)
	if err != nil {
		return Authentication{}, err
	}
	if owner.ID == user.ID {
		return a.Authenticate(ctx, r)
	}
	if err := a.locked(&user); err != nil {
		return Authentication{}, err
	}
	if err := a.checkSession(ctx, &user, r.Session); err != nil {
		return Authentication{}, err
	}
	proof, err := a.verify(ctx, class, method.Address, r)
	if err != nil {
		return Authentication{}, a.refused(ctx, &user, err)
	}
	if user, method, err = a.takeOver(ctx, user, class, method.Address); err != nil {
		return Authentication{}, err
	}
	auth := Authentication{User: user, Method: *method, Proof: proof}
	factor := sessions.Factor{ID: method.ID, Address: method.Address, Method: sessions.Method(proof.Channel)}
	if auth.Session, err = a.grant(ctx, &user, r.Session, factor); err != nil {
		return Authentication{}, unlessClosed(err, ErrUserNotFound)
	}
	return auth, nil
}

// takeOver makes an address, which was proved, the user's.
func (a *Accounts) takeOver(ctx context.Context, user store.User, class delivery.Class, address string) (store.User, *store.Method, error) {
	for range maxRaces {
		kept, err := a.update(ctx, &user, func(u *store.User) error {
			m := methodAt(u, class, address)
			if m == nil {
				m = a.addMethod(u, class, address)
			}
			m.Verified, m.Expires = true, store.Method{}.Expires
			succeed(u)
			return nil
		}, address)
		if err == nil {
			if m := methodAt(&kept, class, address); m != nil {
				return kept, m, nil
			}
			return store.User{}, nil, unavailable(errLost)
		}
		var taken *store.TakenError
		if errors.As(err, &taken) && taken.Index == indexOf(class) {
			err = a.vacate(ctx, class, address)
		}
		if err != nil {
			return store.User{}, nil, err
		}
	}
	return store.User{}, nil, unavailable(errContended)
}

// vacate takes an address from the user who has it, if Claim says so. Whether
// that is so is decided where the address goes, in one step with it. Errors:
// *store.TakenError, engine.ErrUnavailable.
func (a *Accounts) vacate(ctx context.Context, class delivery.Class, address string) error {
	owner, _, err := a.lookupAddress(ctx, class, address)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	taken := &store.TakenError{Index: indexOf(class), Owner: owner.ID}
	live := false // who has a session has verified something, though it may be gone since
	if a.sessions != nil {
		list, err := a.sessions.List(ctx, owner.ID)
		if err != nil {
			return err
		}
		live = len(list) > 0
	}
	_, err = a.update(ctx, &owner, func(u *store.User) error {
		m := methodAt(u, class, address)
		switch {
		case m == nil:
			return nil
		case !adding(m) && (live || !leftBehind(u)):
			return taken
		}
		methods := methodsOf(u, class)
		*methods = slices.DeleteFunc(*methods, func(m store.Method) bool { return m.Address == address })
		return nil
	}, address)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	return err
}

// leftBehind reports whether a user is nothing but addresses that nobody showed
// to be theirs.
func leftBehind(u *store.User) bool {
	isVerified := func(m store.Method) bool { return m.Verified }
	return !slices.ContainsFunc(u.Phones, isVerified) && !slices.ContainsFunc(u.Emails, isVerified) &&
		!slices.ContainsFunc(u.TOTPs, func(t store.TOTP) bool { return t.Verified }) &&
		u.Name == (store.Name{}) && u.ExternalID == "" && len(u.Roles) == 0 && len(u.Trusted) == 0 && len(u.Untrusted) == 0
}
