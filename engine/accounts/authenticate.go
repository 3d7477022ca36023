package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// An Authentication says who entered a code.
type Authentication struct {
	User   store.User   // as the Directory has it now
	Method store.Method // where the code had been sent; verified
	Proof  engine.Proof // when and how: its Channel tells SMS from WhatsApp
}

// Authenticate checks what somebody typed against the live code of a method.
// If it is right, the method is verified from now on, and a pending user
// active; the Directory is written to only if that is news.
//
// The user is read again after the code was accepted: one that was deleted in
// the meantime, or lost the method, is not found. When the Directory fails at
// that point the code is used up all the same, and the person needs another.
//
// Errors: ErrMethodNotFound if no user has a method with this id; those of
// [engine.Engine.VerifyAddress]; engine.ErrUnavailable too if the Directory
// fails.
func (a *Accounts) Authenticate(ctx context.Context, methodID, code string) (Authentication, error) {
	user, method, class, err := a.lookupMethod(ctx, methodID)
	if err != nil {
		return Authentication{}, err
	}
	address := method.Address
	proof, err := a.verify(ctx, class, address, code)
	if err != nil {
		return Authentication{}, err
	}
	user, method, _, err = a.lookupMethod(ctx, methodID)
	if err == nil && method.Address != address {
		err = ErrMethodNotFound
	}
	if err == nil && (!method.Verified || user.Status == store.Pending) {
		user, method, err = a.confirm(ctx, user, methodID, address)
	}
	if err != nil {
		return Authentication{}, err
	}
	return Authentication{User: user, Method: *method, Proof: proof}, nil
}

// lookupMethod returns the user who has a method, the method and its class.
// Errors: ErrMethodNotFound, engine.ErrUnavailable.
func (a *Accounts) lookupMethod(ctx context.Context, id string) (store.User, *store.Method, delivery.Class, error) {
	if !plausible(id) {
		return store.User{}, nil, "", ErrMethodNotFound
	}
	user, err := a.lookup(ctx, store.ByMethod, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, nil, "", ErrMethodNotFound
	}
	if err != nil {
		return store.User{}, nil, "", err
	}
	method, class := methodWith(&user, id)
	if method == nil {
		return store.User{}, nil, "", unavailable(errLost)
	}
	return user, method, class, nil
}

// verify checks the code by any channel of the class. Which one makes no
// difference but for its parser: a number that SMS does not take may have been
// sent to by WhatsApp.
func (a *Accounts) verify(ctx context.Context, class delivery.Class, address, code string) (engine.Proof, error) {
	refusal := badRequest("no channel for this kind of address is configured")
	for _, channel := range a.channels(class) {
		proof, err := a.engine.VerifyAddress(ctx, a.about(channel, address), code)
		if !unparsed(err) {
			return proof, err
		}
		refusal = err
	}
	return engine.Proof{}, refusal
}

// unparsed reports whether the engine refused an address, and so did nothing.
func unparsed(err error) bool {
	return errors.Is(err, engine.ErrAddress) || errors.Is(err, engine.ErrCountry) || errors.Is(err, engine.ErrNumberType)
}

// channels returns the configured channels to a class of address. SMS comes
// before WhatsApp.
func (a *Accounts) channels(class delivery.Class) []delivery.Channel {
	return slices.DeleteFunc(a.engine.Channels(), func(c delivery.Channel) bool { return c.Class() != class })
}

// confirm makes the method verified and the user active, if the user has the
// method still.
func (a *Accounts) confirm(ctx context.Context, user store.User, methodID, address string) (store.User, *store.Method, error) {
	kept, err := a.directory.Update(ctx, user.ID, func(u *store.User) error {
		method, _ := methodWith(u, methodID)
		if method == nil || method.Address != address {
			return ErrMethodNotFound
		}
		method.Verified = true
		if u.Status == store.Pending {
			u.Status = store.Active
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrMethodNotFound), errors.Is(err, store.ErrNotFound):
		return store.User{}, nil, ErrMethodNotFound
	case err != nil:
		return store.User{}, nil, unavailable(err, addresses(&user)...)
	}
	method, _ := methodWith(&kept, methodID)
	if method == nil {
		return store.User{}, nil, unavailable(errLost)
	}
	return kept, method, nil
}
