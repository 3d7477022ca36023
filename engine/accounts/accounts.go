package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// A Config says what Accounts are made of.
type Config struct {
	// Engine makes, sends and checks the codes. Required.
	Engine *engine.Engine

	// Directory keeps the users. Required.
	Directory store.Directory

	// Sessions begin when somebody authenticates and asks for one. Default:
	// none, and then a request that asks for a session is engine.ErrRequest.
	Sessions *sessions.Sessions

	// Apps are the authenticator apps. Default: none, and then the methods for
	// them are engine.ErrRequest.
	Apps *totp.Apps

	// LockAfter wrong guesses in a row over all of a user's methods, from 1 to
	// 100, the user is locked for LockFor, from 5 minutes to 7 days. Default:
	// 10, and an hour.
	LockAfter int
	LockFor   time.Duration

	// Live makes new ids say "live" instead of "test". It changes nothing
	// else, and ids of either kind are found.
	Live bool

	// Tenant and Purpose are passed to the engine with every request: up to
	// 128 bytes each. With another value every address has another code, and
	// other budgets. Default: no tenant, and the purpose "login".
	Tenant  string
	Purpose string

	// Now is the clock for the times of users. The engine has its own.
	// Default: time.Now.
	Now func() time.Time
}

// Accounts are users who log in with passcodes. Make them with [New]. They
// are safe for concurrent use and hold no state of their own: several
// programs may share a Store and a Directory.
type Accounts struct {
	engine    *engine.Engine
	directory store.Directory
	sessions  *sessions.Sessions
	apps      *totp.Apps
	lockAfter int
	lockFor   time.Duration
	live      bool
	tenant    string
	purpose   string
	now       func() time.Time
}

// New returns Accounts, or an error that names what is missing from the config
// or cannot be used.
func New(cfg Config) (*Accounts, error) {
	switch {
	case cfg.Engine == nil:
		return nil, errors.New("accounts: Config.Engine is missing")
	case cfg.Directory == nil:
		return nil, errors.New("accounts: Config.Directory is missing")
	case len(cfg.Tenant) > maxName || len(cfg.Purpose) > maxName:
		return nil, fmt.Errorf("accounts: Config.Tenant or Purpose is longer than %d bytes", maxName)
	case cfg.LockAfter < 0 || cfg.LockAfter > maxLockAfter:
		return nil, fmt.Errorf("accounts: Config.LockAfter is outside 1 to %d", maxLockAfter)
	case cfg.LockFor != 0 && (cfg.LockFor < minLockFor || cfg.LockFor > maxLockFor):
		return nil, fmt.Errorf("accounts: Config.LockFor is outside %v to %v", minLockFor, maxLockFor)
	}
	a := &Accounts{
		engine:    cfg.Engine,
		directory: cfg.Directory,
		sessions:  cfg.Sessions,
		apps:      cfg.Apps,
		lockAfter: cmp.Or(cfg.LockAfter, 10),
		lockFor:   cmp.Or(cfg.LockFor, time.Hour),
		live:      cfg.Live,
		tenant:    cfg.Tenant,
		purpose:   cmp.Or(cfg.Purpose, "login"),
		now:       cfg.Now,
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// maxName is the engine's limit on tenant and purpose, in bytes.
const maxName = 128

// User returns the user with this user id or, if there is none, the one with
// this external id. Like every user that this package returns, it has no
// addresses and apps whose time to be verified is over, and its Lock.Until is
// zero unless it is locked now. Errors: ErrUserNotFound,
// engine.ErrUnavailable.
func (a *Accounts) User(ctx context.Context, id string) (store.User, error) {
	user, err := a.kept(ctx, id)
	a.settle(&user)
	return user, err
}

// kept returns a user as the Directory keeps them. Errors: those of User.
func (a *Accounts) kept(ctx context.Context, id string) (store.User, error) {
	if !plausible(id) {
		return store.User{}, ErrUserNotFound
	}
	user, err := a.lookup(ctx, store.ByID, id)
	if errors.Is(err, store.ErrNotFound) {
		user, err = a.lookup(ctx, store.ByExternalID, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, ErrUserNotFound
	}
	return user, err
}

// settle takes from a user what time has taken: addresses and apps that were
// not verified in time, and a lock that is over.
func (a *Accounts) settle(u *store.User) {
	now := a.now()
	gone := func(verified bool, expires time.Time) bool {
		return !verified && !expires.IsZero() && !expires.After(now)
	}
	lost := func(m store.Method) bool { return gone(m.Verified, m.Expires) }
	u.Phones, u.Emails = slices.DeleteFunc(u.Phones, lost), slices.DeleteFunc(u.Emails, lost)
	u.TOTPs = slices.DeleteFunc(u.TOTPs, func(t store.TOTP) bool { return gone(t.Verified, t.Expires) })
	if !u.Lock.Until.After(now) {
		u.Lock.At, u.Lock.Until = time.Time{}, time.Time{}
	}
}

// plausible reports whether somebody may have this id. It keeps from the
// Directory what only an attacker sends: ids of a megabyte, or with bytes that
// a database chokes on.
func plausible(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if id[i] < '!' || id[i] > '~' {
			return false
		}
	}
	return true
}

// lookup asks the Directory. Errors: store.ErrNotFound, engine.ErrUnavailable.
func (a *Accounts) lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	user, err := a.directory.Lookup(ctx, by, value)
	switch {
	case err == nil:
		return user, nil
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, store.ErrNotFound
	}
	return store.User{}, unavailable(err, value)
}

// lookupAddress returns the user who has an address, as the Directory keeps
// it, and the address's method. Errors: those of lookup.
func (a *Accounts) lookupAddress(ctx context.Context, class delivery.Class, address string) (store.User, *store.Method, error) {
	user, err := a.lookup(ctx, indexOf(class), address)
	if err != nil {
		return store.User{}, nil, err
	}
	method := methodAt(&user, class, address)
	if method == nil {
		return store.User{}, nil, unavailable(errLost)
	}
	return user, method, nil
}

// update changes a user, after settle; known are addresses besides the user's
// that no error may repeat. Errors: ErrUserNotFound, what change
// returns, *store.TakenError, engine.ErrUnavailable.
func (a *Accounts) update(ctx context.Context, user *store.User, change func(*store.User) error, known ...string) (store.User, error) {
	known = append(known, addresses(user)...)
	var refusal error // of change
	kept, err := a.directory.Update(ctx, user.ID, func(u *store.User) error {
		known = append(known, addresses(u)...)
		a.settle(u)
		refusal = change(u)
		return refusal
	})
	var taken *store.TakenError
	switch {
	case err == nil:
		return kept, nil
	case refusal != nil && errors.Is(err, refusal):
		return store.User{}, refusal
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, ErrUserNotFound
	case errors.As(err, &taken):
		return store.User{}, taken
	}
	return store.User{}, unavailable(err, known...)
}

func indexOf(class delivery.Class) store.Index {
	if class == delivery.ClassEmail {
		return store.ByEmail
	}
	return store.ByPhone
}

// methodsOf returns the user's methods of a class.
func methodsOf(u *store.User, class delivery.Class) *[]store.Method {
	if class == delivery.ClassEmail {
		return &u.Emails
	}
	return &u.Phones
}

// methodAt returns the user's method with an address, or nil.
func methodAt(u *store.User, class delivery.Class, address string) *store.Method {
	methods := *methodsOf(u, class)
	for i := range methods {
		if methods[i].Address == address {
			return &methods[i]
		}
	}
	return nil
}

// methodWith returns the user's method with an id and its class, or nil.
func methodWith(u *store.User, id string) (*store.Method, delivery.Class) {
	for i := range u.Phones {
		if u.Phones[i].ID == id {
			return &u.Phones[i], delivery.ClassPhone
		}
	}
	for i := range u.Emails {
		if u.Emails[i].ID == id {
			return &u.Emails[i], delivery.ClassEmail
		}
	}
	return nil, ""
}

// addresses returns all addresses of a user.
func addresses(u *store.User) (all []string) {
	for _, m := range slices.Concat(u.Phones, u.Emails) {
		all = append(all, m.Address)
	}
	return all
}
