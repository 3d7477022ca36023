package accounts

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store"
)

// A Change says what to change of a user. What is nil or empty stays. Limits
// are those of [NewUser], for the user that comes of it.
type Change struct {
	Name       NameChange
	ExternalID *string         // "" takes it away
	Trusted    json.RawMessage // a JSON object, merged at the top: a null there takes its key away
	Untrusted  json.RawMessage
	Roles      *[]string
	Phone      string // a further phone number, unverified until a code sent to it comes back
	Email      string // or a further e-mail address
}

// A NameChange changes the parts that are not nil.
type NameChange struct{ First, Middle, Last *string }

// Update changes a user.
//
// An address is added as Create adds one: it stays until it is verified or
// deleted, however long that takes. A user can have one address or app at a
// time that waits for its first code. The package comment says whose addresses
// a user may have.
//
// Errors: ErrUserNotFound; ErrUnverified; ErrHasAddress; [*FieldError];
// [*AddressError]; [*store.TakenError]; engine.ErrUnavailable, and then the
// user may have been changed.
func (a *Accounts) Update(ctx context.Context, id string, c Change) (store.User, error) {
	phone, email, err := a.reachableBoth(c.Phone, c.Email)
	if err != nil {
		return store.User{}, err
	}
	user, err := a.User(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	return a.updateFreeing(ctx, &user, phone, email, func(u *store.User) error {
		if err := c.apply(u); err != nil {
			return err
		}
		if err := a.addTo(u, delivery.ClassPhone, phone); err != nil {
			return err
		}
		return a.addTo(u, delivery.ClassEmail, email)
	})
}

// updateFreeing is update for a change that gives the user new addresses. It
// frees first what somebody else did not verify in time.
func (a *Accounts) updateFreeing(ctx context.Context, user *store.User, phone, email string, change func(*store.User) error) (store.User, error) {
	for range maxRaces {
		kept, err := a.update(ctx, user, change, phone, email)
		if err == nil {
			return kept, nil
		}
		if err := a.reclaimEither(ctx, err, phone, email); err != nil {
			return store.User{}, err
		}
	}
	return store.User{}, unavailable(errContended)
}

// addTo adds an unverified address to a user.
func (a *Accounts) addTo(u *store.User, class delivery.Class, address string) error {
	switch {
	case address == "":
		return nil
	case methodAt(u, class, address) != nil:
		return ErrHasAddress
	case waiting(u):
		return ErrUnverified
	}
	a.addMethod(u, class, address)
	return nil
}

// reachableBoth is reachable for two addresses that may be empty. Errors:
// *AddressError.
func (a *Accounts) reachableBoth(phone, email string) (string, string, error) {
	var err error
	if phone != "" {
		if phone, err = a.reachable(delivery.ClassPhone, phone); err != nil {
			return "", "", &AddressError{delivery.ClassPhone, err}
		}
	}
	if email != "" {
		if email, err = a.reachable(delivery.ClassEmail, email); err != nil {
			return "", "", &AddressError{delivery.ClassEmail, err}
		}
	}
	return phone, email, nil
}

// apply changes the fields of a user, or returns a *FieldError.
func (c *Change) apply(u *store.User) error {
	for _, part := range []struct{ to, from *string }{
		{&u.Name.First, c.Name.First}, {&u.Name.Middle, c.Name.Middle}, {&u.Name.Last, c.Name.Last}, {&u.ExternalID, c.ExternalID},
	} {
		if part.from != nil {
			*part.to = *part.from
		}
	}
	if c.Roles != nil {
		u.Roles = *c.Roles // fill copies them
	}
	return fill(u, NewUser{
		Name: u.Name, ExternalID: u.ExternalID, Roles: u.Roles, Trusted: c.Trusted, Untrusted: c.Untrusted,
	})
}

// Exchange replaces the one factor of a user, a phone number or an e-mail
// address, by another address of the same or the other class, which is
// unverified. Sessions lose the factor, and end if they had no other, as with
// DeleteMethod.
//
// Errors: ErrUserNotFound; ErrNotSingle; ErrHasAddress; [*AddressError];
// [*store.TakenError]; engine.ErrUnavailable: then call it again.
func (a *Accounts) Exchange(ctx context.Context, id string, class delivery.Class, address string) (store.User, error) {
	address, err := a.reachable(class, address)
	if err != nil {
		return store.User{}, &AddressError{class, err}
	}
	user, err := a.User(ctx, id)
	if err != nil {
		return store.User{}, err
	}
	old, err := single(&user)
	if err != nil {
		return store.User{}, err
	}
	// A refusal should cost nobody their sessions.
	if methodAt(&user, class, address) != nil {
		return store.User{}, ErrHasAddress
	}
	if err := a.free(ctx, class, address); err != nil {
		return store.User{}, err
	}
	return a.withoutFactor(ctx, user.ID, old, func() (store.User, error) {
		return a.exchange(ctx, &user, old, class, address)
	})
}

func (a *Accounts) exchange(ctx context.Context, user *store.User, old string, class delivery.Class, address string) (store.User, error) {
	phone, email := address, ""
	if class == delivery.ClassEmail {
		phone, email = "", address
	}
	return a.updateFreeing(ctx, user, phone, email, func(u *store.User) error {
		now, err := single(u)
		switch {
		case err != nil:
			return err
		case methodAt(u, class, address) != nil:
			return ErrHasAddress
		case now != old:
			return ErrNotSingle // exchanged meanwhile
		}
		u.Phones, u.Emails = nil, nil
		a.addMethod(u, class, address)
		return nil
	})
}

// single returns the id of a user's one factor, if that is an address.
func single(u *store.User) (id string, err error) {
	methods := slices.Concat(u.Phones, u.Emails)
	if len(methods) != 1 || len(u.TOTPs) > 0 {
		return "", ErrNotSingle
	}
	return methods[0].ID, nil
}
