package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// A SendRequest says where a code goes.
type SendRequest struct {
	Channel delivery.Channel // one of the engine's
	To      string           // the address, as the channel's parser reads it

	// UserID is whose address it must be: a user id or an external id. Only
	// for Send, and optional there.
	UserID string

	// Pending makes a user that this call creates a pending one. Only for
	// LoginOrCreate. A user who is there already stays as it is.
	Pending bool

	Locale   string        // language of the message, one of delivery.Locales; default English
	Lifetime time.Duration // how long the code can be entered: see engine.Request; default: the policy's
}

// Sent says what was sent, and to whom.
type Sent struct {
	UserID    string           // whose address it is
	MethodID  string           // for Authenticate
	Created   bool             // this call made the user: no other call says so of it
	Challenge engine.Challenge // what the engine sent
}

// maxRaces is how often LoginOrCreate starts over because the user it wanted
// to make was made by somebody else, and gone when it looked.
const maxRaces = 8

// LoginOrCreate sends a code to an address. If nobody has the address it makes
// a user with it first: the method unverified, the user active, or pending if
// the request says so. Of any number of calls for one new address one makes
// the user.
//
// What the engine can refuse beforehand (fields, address, country, type of
// number) is refused before anybody is looked up or made. A send that is
// refused later, by a budget, the Store or the provider, leaves the new user
// as it is: then Sent is returned with the error, without a challenge, so that
// a program that acts on Created does not miss it. With every other error
// Sent is zero.
//
// Errors: those of [engine.Engine.Start]; engine.ErrRequest too if the request
// has a UserID; engine.ErrUnavailable too if the Directory fails, and then the
// user may have been made.
func (a *Accounts) LoginOrCreate(ctx context.Context, r SendRequest) (Sent, error) {
	if r.UserID != "" {
		return Sent{}, badRequest("UserID is for Send only")
	}
	req, err := a.request(r)
	if err != nil {
		return Sent{}, err
	}
	class := req.Channel.Class()
	for range maxRaces {
		user, method, err := a.lookupAddress(ctx, class, req.To)
		if err == nil {
			return a.start(ctx, req, Sent{UserID: user.ID, MethodID: method.ID})
		}
		if !errors.Is(err, store.ErrNotFound) {
			return Sent{}, err
		}
		user = a.newUser(r.Pending)
		method = a.addMethod(&user, class, req.To)
		err = a.directory.Create(ctx, user)
		if err == nil {
			return a.start(ctx, req, Sent{UserID: user.ID, MethodID: method.ID, Created: true})
		}
		if !errors.Is(err, store.ErrTaken) {
			return Sent{}, unavailable(err, req.To)
		}
	}
	return Sent{}, unavailable(errContended)
}

// Send sends a code to an address that a user has, and with SendRequest.UserID
// only if it is that user's. It makes no user.
//
// Errors: those of [engine.Engine.Start], of which those that need no store
// come before all others; ErrMethodNotFound if no user has the address; with a
// UserID instead ErrUserNotFound, and ErrNotOwned if the user does not have
// the address, whoever else may; engine.ErrRequest too if the request says
// Pending; engine.ErrUnavailable too if the Directory fails. With an error
// Sent is zero, unless it is the engine's refusal of the send: then Sent names
// user and method.
func (a *Accounts) Send(ctx context.Context, r SendRequest) (Sent, error) {
	if r.Pending {
		return Sent{}, badRequest("Pending is for LoginOrCreate only")
	}
	req, err := a.request(r)
	if err != nil {
		return Sent{}, err
	}
	class := req.Channel.Class()
	if r.UserID != "" {
		user, err := a.User(ctx, r.UserID)
		if err != nil {
			return Sent{}, err
		}
		method := methodAt(&user, class, req.To)
		if method == nil {
			return Sent{}, ErrNotOwned
		}
		return a.start(ctx, req, Sent{UserID: user.ID, MethodID: method.ID})
	}
	user, method, err := a.lookupAddress(ctx, class, req.To)
	if errors.Is(err, store.ErrNotFound) {
		return Sent{}, ErrMethodNotFound
	}
	if err != nil {
		return Sent{}, err
	}
	return a.start(ctx, req, Sent{UserID: user.ID, MethodID: method.ID})
}

// request makes the engine's request, its address in the canonical form that
// the Directory knows it by, and refuses what the engine would refuse.
func (a *Accounts) request(r SendRequest) (engine.Request, error) {
	req := a.about(r.Channel, r.To)
	req.Locale, req.Lifetime = r.Locale, r.Lifetime
	address, _, err := a.engine.Check(req)
	if err != nil {
		return engine.Request{}, err
	}
	req.To = address.Reveal()
	return req, nil
}

// about returns the engine's request about an address.
func (a *Accounts) about(channel delivery.Channel, address string) engine.Request {
	return engine.Request{Tenant: a.tenant, Purpose: a.purpose, Channel: channel, To: address}
}

// start sends the code. It returns sent with the engine's refusal too.
func (a *Accounts) start(ctx context.Context, req engine.Request, sent Sent) (Sent, error) {
	var err error
	sent.Challenge, err = a.engine.Start(ctx, req)
	return sent, err
}
