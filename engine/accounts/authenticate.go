package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// An AuthRequest is what somebody typed, and where it had been sent.
type AuthRequest struct {
	MethodID string
	Code     string

	// ChallengeID, if it is given, is the Challenge.ID of the Sent that the
	// method is from. Only the code of that challenge is right then, and who
	// knows no more than the method's id can spend none of its tries. For
	// programs that can keep it where its client cannot change it.
	ChallengeID string

	// Client is who enters the code. MatchIP and MatchUserAgent want it to be
	// who asked for it: see engine.Request.
	Client                  engine.Client
	MatchIP, MatchUserAgent bool

	Session SessionRequest // what session comes of it
}

// An Authentication says who entered a code.
type Authentication struct {
	User    store.User
	Method  store.Method      // where the code had been sent; verified
	Proof   engine.Proof      // when and how: its Channel tells SMS from WhatsApp
	Session *sessions.Granted // nil if none was asked for
}

// Authenticate checks what somebody typed against the live code of a method.
// If it is right, the method is verified from now on, and a pending user
// active; the Directory is written to only if that is news. A wrong code counts
// for the user's lock.
//
// The session that is asked for is checked before the code is: a request that
// cannot have it uses up no code.
//
// The user is read once, before the code. One who is deleted in this moment may
// still be returned here, as if that had come first, but gets no session.
//
// Errors: ErrMethodNotFound if no user has a method with this id; those of
// [engine.Engine.VerifyAddress], or of [engine.Engine.Verify] with a
// ChallengeID, of which ErrLocked also says that the user is locked (RetryAfter
// tells for how long, Until does not), and ErrRequest that the challenge was
// not sent to the method; with a session those of [sessions.Sessions.Grant], and
// engine.ErrRequest without Config.Sessions; engine.ErrUnavailable too if the
// Directory fails, and then the code may be used up.
func (a *Accounts) Authenticate(ctx context.Context, r AuthRequest) (Authentication, error) {
	user, method, class, err := a.lookupMethod(ctx, r.MethodID)
	if err != nil {
		return Authentication{}, err
	}
	if err := a.locked(&user); err != nil {
		return Authentication{}, err
	}
	factor := sessions.Factor{ID: method.ID, Address: method.Address}
	if err := a.checkSession(ctx, &user, r.Session); err != nil {
		return Authentication{}, err
	}
	proof, err := a.verify(ctx, class, method.Address, r)
	if err != nil {
		return Authentication{}, a.refused(ctx, &user, err)
	}
	if !method.Verified || user.Status == store.Pending || user.Lock != (store.Lock{}) {
		user, method, err = a.confirm(ctx, user, method)
	}
	if err != nil {
		return Authentication{}, err
	}
	auth := Authentication{User: user, Method: *method, Proof: proof}
	factor.Method = sessions.Method(proof.Channel)
	if auth.Session, err = a.grant(ctx, &user, r.Session, factor); err != nil {
		return Authentication{}, unlessClosed(err, ErrMethodNotFound)
	}
	return auth, nil
}

// lookupMethod returns the user who has a method, the method and its class.
// Errors: ErrMethodNotFound, engine.ErrUnavailable.
func (a *Accounts) lookupMethod(ctx context.Context, id string) (store.User, *store.Method, delivery.Class, error) {
	user, err := a.lookupByMethod(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, nil, "", ErrMethodNotFound
	}
	if err != nil {
		return store.User{}, nil, "", err
	}
	method, class := methodWith(&user, id)
	if method == nil {
		return store.User{}, nil, "", ErrMethodNotFound
	}
	return user, method, class, nil
}

// lookupByMethod returns the user whom the Directory knows by a method id or an
// app's, without what time has taken. Errors: store.ErrNotFound,
// engine.ErrUnavailable.
func (a *Accounts) lookupByMethod(ctx context.Context, id string) (store.User, error) {
	if !plausible(id) {
		return store.User{}, store.ErrNotFound
	}
	user, err := a.lookup(ctx, store.ByMethod, id)
	if err != nil {
		return store.User{}, err
	}
	if m, _ := methodWith(&user, id); m == nil && !slices.ContainsFunc(user.TOTPs, func(t store.TOTP) bool { return t.ID == id }) {
		return store.User{}, unavailable(errLost)
	}
	a.settle(&user)
	return user, nil
}

// verify checks the code by any channel of the class. Which one makes no
// difference but for its parser: a number that SMS does not take may have been
// sent to by WhatsApp.
func (a *Accounts) verify(ctx context.Context, class delivery.Class, address string, r AuthRequest) (engine.Proof, error) {
	if r.ChallengeID != "" {
		return a.verifyChallenge(ctx, class, address, r)
	}
	refusal := badRequest("no channel for this kind of address is configured")
	for _, channel := range a.channels(class) {
		req := a.about(channel, address)
		req.Client, req.MatchIP, req.MatchUserAgent = r.Client, r.MatchIP, r.MatchUserAgent
		proof, err := a.engine.VerifyAddress(ctx, req, r.Code)
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

// confirm makes the method verified and the user active and forgets the wrong
// guesses, if the user has the method still.
func (a *Accounts) confirm(ctx context.Context, user store.User, was *store.Method) (store.User, *store.Method, error) {
	kept, err := a.update(ctx, &user, func(u *store.User) error {
		method, _ := methodWith(u, was.ID)
		if method == nil || method.Address != was.Address {
			return ErrMethodNotFound
		}
		method.Verified, method.Expires = true, store.Method{}.Expires
		succeed(u)
		return nil
	})
	if errors.Is(err, ErrUserNotFound) {
		err = ErrMethodNotFound
	}
	if err != nil {
		return store.User{}, nil, err
	}
	method, _ := methodWith(&kept, was.ID)
	if method == nil {
		return store.User{}, nil, unavailable(errLost)
	}
	return kept, method, nil
}

// succeed is what a right code changes of a user besides its method. A lock
// that fell while the code was under way stays.
func succeed(u *store.User) {
	if u.Lock.Until.IsZero() {
		u.Lock = store.Lock{}
	}
	if u.Status == store.Pending {
		u.Status = store.Active
	}
}
