package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// A SendRequest says where a code goes.
type SendRequest struct {
	Channel delivery.Channel // one of the engine's
	To      string           // the address, as the channel's parser reads it

	// UserID, a user id or an external id, or Session names the user whose
	// address it is or becomes. Only for Send, at most one of them, and
	// optional there.
	UserID  string
	Session sessions.Credential

	// Replace lets go of an address that Send was adding to the user before, and
	// that no code came back from: people mistype. Without it they would wait
	// until its time is over, since ErrUnverified refuses another. An app that
	// waits for its first code is no reason to refuse then. Only with a UserID or
	// a Session.
	Replace bool

	// Pending makes a user that this call creates a pending one. Only for
	// LoginOrCreate. A user who is there already stays as it is.
	Pending bool

	Locale   string        // language of the message, one of delivery.Locales; default English
	Lifetime time.Duration // how long the code can be entered: see engine.Request; default: the policy's
	Client   engine.Client // who asks for the code; kept with it as digests
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
// An address that Send is adding to somebody, and that no code came back from,
// is nobody's here, and is taken from them: else its owner could be lured into
// the account of whoever named it.
//
// What the engine can refuse beforehand (fields, address, country, type of
// number) is refused before anybody is looked up or made. A send that is
// refused later, by a budget, the Store or the provider, leaves the new user
// as it is: then Sent is returned with the error, without a challenge, so that
// a program that acts on Created does not miss it. With every other error
// Sent is zero.
//
// Errors: those of [engine.Engine.Start], of which ErrLocked also says that the
// user is locked; engine.ErrRequest too if the request has a UserID, a
// Session or Replace; engine.ErrUnavailable too if the Directory fails, and then the user
// may have been made.
func (a *Accounts) LoginOrCreate(ctx context.Context, r SendRequest) (Sent, error) {
	if r.UserID != "" || r.Session.Given() || r.Replace {
		return Sent{}, badRequest("UserID, Session and Replace are for Send only")
	}
	req, err := a.request(r)
	if err != nil {
		return Sent{}, err
	}
	class := req.Channel.Class()
	for range maxRaces {
		user, method, err := a.lookupAddress(ctx, class, req.To)
		if err == nil && adding(method) {
			if err := a.release(ctx, &user, class, req.To); err != nil {
				return Sent{}, err
			}
			err = store.ErrNotFound
		}
		if err == nil {
			return a.start(ctx, req, &user, method)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return Sent{}, err
		}
		user = a.newUser(r.Pending)
		method = a.addMethod(&user, class, req.To)
		err = a.directory.Create(ctx, user)
		if err == nil {
			sent, err := a.start(ctx, req, &user, method)
			sent.Created = true
			return sent, err
		}
		if !errors.Is(err, store.ErrTaken) {
			return Sent{}, unavailable(err, req.To)
		}
	}
	return Sent{}, unavailable(errContended)
}

// Send sends a code to an address. It makes no user.
//
// Without a UserID or a Session the address must be some user's, and one that
// is only being added to somebody is nobody's, as with LoginOrCreate. With one
// of them it is that user's, or becomes it: an address that nobody has is added
// to the user, unverified. If no code sent to it comes back within five minutes
// it goes again and is free; a further Send of this kind begins the time anew.
// A user can have one address or app at a time that waits for its first code,
// so ErrUnverified refuses another, unless the request says Replace.
//
// Errors: those of [engine.Engine.Start], of which those that need no store
// come before all others, and ErrLocked also says that the user is locked;
// ErrMethodNotFound if no user has the address. With a UserID instead
// ErrUserNotFound, with a Session those of [sessions.Sessions.Lookup], with
// either ErrUnverified, and a [*store.TakenError] if another user has the
// address. engine.ErrRequest too if the request says Pending, UserID and
// Session, or Replace with neither; engine.ErrUnavailable too if the Directory fails. With an error Sent
// is zero, unless it is the engine's refusal of the send: then Sent names user
// and method.
func (a *Accounts) Send(ctx context.Context, r SendRequest) (Sent, error) {
	switch {
	case r.Pending:
		return Sent{}, badRequest("Pending is for LoginOrCreate only")
	case r.UserID != "" && r.Session.Given():
		return Sent{}, badRequest("UserID and Session exclude each other")
	case r.Replace && r.UserID == "" && !r.Session.Given():
		return Sent{}, badRequest("Replace goes with a UserID or a Session")
	}
	req, err := a.request(r)
	if err != nil {
		return Sent{}, err
	}
	class := req.Channel.Class()
	if r.UserID == "" && !r.Session.Given() {
		user, method, err := a.lookupAddress(ctx, class, req.To)
		if err == nil && adding(method) {
			err = store.ErrNotFound
		}
		if errors.Is(err, store.ErrNotFound) {
			return Sent{}, ErrMethodNotFound
		}
		if err != nil {
			return Sent{}, err
		}
		return a.start(ctx, req, &user, method)
	}
	user, err := a.selected(ctx, r)
	if err != nil {
		return Sent{}, err
	}
	method, err := a.attach(ctx, user, class, req.To, r.Replace)
	if err != nil {
		return Sent{}, err
	}
	return a.start(ctx, req, &user, &method)
}

// selected returns the user whom a request names.
func (a *Accounts) selected(ctx context.Context, r SendRequest) (store.User, error) {
	if r.UserID != "" {
		return a.User(ctx, r.UserID)
	}
	if a.sessions == nil {
		return store.User{}, errNoSessions
	}
	session, err := a.sessions.Lookup(ctx, r.Session)
	if err != nil {
		return store.User{}, err
	}
	return a.userOf(ctx, session)
}

// request makes the engine's request, its address in the canonical form that
// the Directory knows it by, and refuses what the engine would refuse.
func (a *Accounts) request(r SendRequest) (engine.Request, error) {
	req := a.about(r.Channel, r.To)
	req.Locale, req.Lifetime, req.Client = r.Locale, r.Lifetime, r.Client
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

// start sends the code. It returns whom it is for with the engine's refusal
// too. A user who is locked could not use it, and gets none.
func (a *Accounts) start(ctx context.Context, req engine.Request, user *store.User, method *store.Method) (sent Sent, err error) {
	sent = Sent{UserID: user.ID, MethodID: method.ID}
	if err := a.locked(user); err != nil {
		return sent, err
	}
	sent.Challenge, err = a.engine.Start(ctx, req)
	return sent, err
}
