package accounts

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store"
)

// A NewUser says whom to create.
type NewUser struct {
	Phone string // in E.164; Phone, Email or both
	Email string

	Name       store.Name // each part up to 128 bytes of printable UTF-8
	Pending    bool       // pending until a code comes back; else active at once
	ExternalID string     // the program's own id for the user: 1 to 128 of [A-Za-z0-9._|-], not of the form of a user id; "" is none

	// Trusted and Untrusted are metadata: each a JSON object of at most 20
	// keys at the top and 4096 bytes without the space between tokens, or
	// nothing. A JSON null is nothing.
	Trusted, Untrusted json.RawMessage

	Roles []string // at most 64, each 1 to 128 bytes of printable UTF-8
}

// Create makes a user and sends nothing. All addresses must be one person's:
// see the package comment. They are unverified.
//
// A phone number is taken if SMS reaches it or, in an engine without SMS, if
// WhatsApp does.
//
// Errors: ErrNoAddress; [*FieldError]; an [*AddressError] of the engine's
// ErrAddress, ErrCountry or ErrNumberType, or of its ErrRequest if it has no
// channel for that address;
// [*store.TakenError] with the index of what another user has;
// engine.ErrUnavailable if the Directory fails, and then the user may have
// been made.
func (a *Accounts) Create(ctx context.Context, n NewUser) (store.User, error) {
	if n.Phone == "" && n.Email == "" {
		return store.User{}, ErrNoAddress
	}
	user := a.newUser(n.Pending)
	if err := fill(&user, n); err != nil {
		return store.User{}, err
	}
	phone, email, err := a.reachableBoth(n.Phone, n.Email)
	if err != nil {
		return store.User{}, err
	}
	if phone != "" {
		a.addMethod(&user, delivery.ClassPhone, phone)
	}
	if email != "" {
		a.addMethod(&user, delivery.ClassEmail, email)
	}
	for range maxRaces {
		err := a.directory.Create(ctx, user)
		var taken *store.TakenError
		switch {
		case err == nil:
			return user, nil
		case !errors.As(err, &taken):
			return store.User{}, unavailable(err, addresses(&user)...)
		}
		if err := a.reclaimEither(ctx, taken, phone, email); err != nil {
			return store.User{}, err
		}
	}
	return store.User{}, unavailable(errContended)
}

// reachable returns an address in canonical form, if the engine reaches it.
func (a *Accounts) reachable(class delivery.Class, address string) (string, error) {
	channels := a.channels(class)
	if len(channels) == 0 {
		return "", badRequest("no channel for this kind of address is configured")
	}
	canonical, _, err := a.engine.Check(a.about(channels[0], address))
	return canonical.Reveal(), err
}

// newUser returns a user without methods.
func (a *Accounts) newUser(pending bool) store.User {
	user := store.User{ID: UserID.New(a.live), Status: store.Active, CreatedAt: a.now().UTC().Round(0)}
	if pending {
		user.Status = store.Pending
	}
	return user
}

// addMethod adds an unverified method to a user.
func (a *Accounts) addMethod(u *store.User, class delivery.Class, address string) *store.Method {
	kind, methods := PhoneID, methodsOf(u, class)
	if class == delivery.ClassEmail {
		kind = EmailID
	}
	*methods = append(*methods, store.Method{ID: kind.New(a.live), Address: address, CreatedAt: a.now().UTC().Round(0)})
	return &(*methods)[len(*methods)-1]
}
