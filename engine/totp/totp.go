package totp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/store"
)

// A Config says what Apps are made of.
type Config struct {
	// Store keeps a record for each user who has an app. It must be one that
	// forgets nothing: who loses the record cannot log in by the app any more.
	// Required.
	Store store.Store

	// Keys are the secrets. Index names the records and stays the same for the
	// life of the data; the first key of the Ring seals the apps' secrets, the
	// others still open them. What an older key sealed is sealed anew whenever
	// the record is written: a key has to stay until every app that it sealed
	// was used once more, or is gone. Where several programs share a Store,
	// give all of them a new key in the second place before the first of them
	// seals with it. The engine's Index may be used here too, its Ring should
	// not. Required.
	Keys engine.Keys

	// Issuer is the name of the application, as the authenticator app shows
	// it: up to 64 bytes of printable UTF-8 without a colon. Required.
	Issuer string

	// Tenant sets the users of one tenant apart from another's: up to 128
	// bytes. Default: none.
	Tenant string

	// Live makes the ids of apps say "live" instead of "test".
	Live bool

	// LockAfter wrong guesses in a row, from 1 to 100, nothing is compared for
	// LockFor, from 5 minutes to 7 days. Default: 10, and an hour.
	LockAfter int
	LockFor   time.Duration

	// PerDay is how many wrong guesses are compared within 24 hours of the
	// first of them, from LockAfter to 100. Three codes are right at any
	// moment, so that each guess is right with odds of 3e-6. Default: 30, for
	// odds of 9e-5, or LockAfter if that is more.
	PerDay int

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// What is refused, besides the engine's ErrRequest, ErrFormat, ErrWrong,
// ErrExpired, ErrLocked and ErrUnavailable.
var (
	ErrNone         = errors.New("totp: the user has no authenticator app")
	ErrActive       = errors.New("totp: the user has an authenticator app already")
	ErrReplayed     = errors.New("totp: this code was accepted before")
	ErrRecoveryCode = errors.New("totp: a recovery code where a code of the app is expected")
	ErrAppCode      = errors.New("totp: a code of the app where a recovery code is expected")
)

// Apps are the authenticator apps of users, one for each. Make them with
// [New]. They are safe for concurrent use and hold no state but keys: several
// programs may share a Store.
type Apps struct {
	store  store.Store
	ring   atomic.Pointer[seal.Ring]
	issuer string
	tenant string
	env    string // "test-" or "live-"
	rules  rules
	now    func() time.Time
}

// Bounds of what callers give, in bytes.
const (
	maxIssuer  = 64
	maxTenant  = 128
	maxUserID  = 256
	maxAccount = 320
)

// New returns Apps, or an error that names what is missing from the config or
// cannot be used. It keeps nothing of cfg that the caller could change.
func New(cfg Config) (*Apps, error) {
	lockAfter := cmp.Or(cfg.LockAfter, 10)
	lockFor := cmp.Or(cfg.LockFor, time.Hour)
	perDay := cmp.Or(cfg.PerDay, max(30, lockAfter))
	switch {
	case cfg.Store == nil:
		return nil, errors.New("totp: Config.Store is missing")
	case cfg.Issuer == "" || !isLabel(cfg.Issuer, maxIssuer):
		return nil, fmt.Errorf("totp: Config.Issuer is not 1 to %d bytes of printable UTF-8 without a colon", maxIssuer)
	case len(cfg.Tenant) > maxTenant:
		return nil, fmt.Errorf("totp: Config.Tenant has %d bytes, more than %d", len(cfg.Tenant), maxTenant)
	case lockAfter < 1 || lockAfter > maxCount:
		return nil, fmt.Errorf("totp: Config.LockAfter is %d, not from 1 to %d", lockAfter, maxCount)
	case lockFor < 5*time.Minute || lockFor > 7*24*time.Hour:
		return nil, fmt.Errorf("totp: Config.LockFor is %v, not from 5 minutes to 7 days", lockFor)
	case perDay < lockAfter || perDay > maxCount:
		return nil, fmt.Errorf("totp: Config.PerDay is %d, not from LockAfter, %d, to %d", perDay, lockAfter, maxCount)
	}
	a := &Apps{
		store:  cfg.Store,
		issuer: cfg.Issuer,
		tenant: cfg.Tenant,
		env:    "test-",
		rules:  rules{lockAfter, lockFor.Microseconds(), perDay},
		now:    cfg.Now,
	}
	if cfg.Live {
		a.env = "live-"
	}
	if a.now == nil {
		a.now = time.Now
	}
	if err := a.SetKeys(cfg.Keys); err != nil {
		return nil, err
	}
	return a, nil
}

// isLabel reports whether an authenticator app can show s beside another: a
// colon is what stands between the two.
func isLabel(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == ':' || !unicode.IsPrint(r) })
}

// SetKeys replaces the ring while the program runs. The index key cannot
// change. On error the old keys stay.
func (a *Apps) SetKeys(keys engine.Keys) error {
	ring, err := seal.NewRing(keys, "totp")
	if err != nil {
		return fmt.Errorf("totp: %w", err)
	}
	if old := a.ring.Load(); old != nil && !old.SameNames(ring) {
		return errors.New("totp: the index key cannot change while the program runs")
	}
	a.ring.Store(ring)
	return nil
}
