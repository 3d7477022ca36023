package totp

import (
	"context"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// A Status says what app a user has.
type Status struct {
	ID            string
	Verified      bool
	Expires       time.Time         // if it is not verified: the end of its window; UTC
	RecoveryCodes []delivery.Secret // those that were not used yet
}

// Status returns what app a user has. Errors: ErrNone, also for an app whose
// window is over; engine.ErrUnavailable.
func (a *Apps) Status(ctx context.Context, userID string) (Status, error) {
	owner, ok := a.owner(userID)
	if !ok {
		return Status{}, ErrNone
	}
	r, now, err := a.load(ctx, owner)
	if err != nil {
		return Status{}, err
	}
	r.settle(&a.rules, now)
	if r.state == stateNone || r.state == statePending && r.window <= now {
		return Status{}, ErrNone
	}
	app, err := owner.open(&r)
	if err != nil {
		return Status{}, unavailable(err)
	}
	s := Status{ID: a.appID(r.id), Verified: r.state == stateVerified}
	if !s.Verified {
		s.Expires = time.UnixMicro(r.window).UTC()
	}
	for i := range app.recovery {
		if r.used&(1<<i) == 0 {
			s.RecoveryCodes = append(s.RecoveryCodes, app.recovery[i].show())
		}
	}
	return s, nil
}

// Remove takes the app with this id from the user. An app that is not there is
// no error. The wrong guesses of the day and a lock stay for as long as they
// would have lasted. Errors: engine.ErrUnavailable.
func (a *Apps) Remove(ctx context.Context, userID, id string) error {
	owner, known := a.owner(userID)
	app, ok := a.parseAppID(id)
	if !known || !ok {
		return nil
	}
	s := removeStep{&a.rules, app}
	return a.update(ctx, owner, s.decide)
}

// Unlock ends a lock and forgets the wrong guesses, those of the day included.
// It is for a person who has convinced themselves who is asking. Errors:
// engine.ErrUnavailable.
func (a *Apps) Unlock(ctx context.Context, userID string) error {
	owner, ok := a.owner(userID)
	if !ok {
		return nil
	}
	s := unlockStep{&a.rules}
	return a.update(ctx, owner, s.decide)
}
