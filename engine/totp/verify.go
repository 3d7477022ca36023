package totp

import (
	"context"
	"time"
)

// A Proof says that a code was right.
type Proof struct {
	ID       string    // of the app
	Enrolled bool      // it was the app's first code: no other proof says so of it
	Recovery string    // id of the recovery code, "totp-recovery-code-test-" or "…-live-" and a UUID; empty for a code of the app
	At       time.Time // UTC
}

// Verify checks a code of the user's app: of the step of 30 seconds that is
// now, the one before or the next (RFC 6238 §5.2). A code, and any of a step
// before one that was accepted, is accepted once only, under any number of
// concurrent calls. A wrong code is counted before this returns. Spaces in the
// input are forgiven.
//
// Errors: ErrNone; ErrReplayed (right, but accepted before, or older than one
// that was; not counted); ErrRecoveryCode (it has the form of one; not
// counted); those of the engine, of type *engine.Error: ErrFormat (not six
// digits of ASCII; not counted), ErrWrong with AttemptsLeft, and with
// RetryAfter if it was the last, ErrExpired (the window of the enrolment is
// over), ErrLocked with RetryAfter, ErrUnavailable. After ErrUnavailable the
// guess may have been counted, and a right code may have been used up: if it
// was the app's first, no proof ever says so.
func (a *Apps) Verify(ctx context.Context, userID, code string) (Proof, error) {
	guess, err := readCode(code)
	if err != nil {
		return Proof{}, err
	}
	owner, ok := a.owner(userID)
	if !ok {
		return Proof{}, ErrNone
	}
	s := verifyStep{rules: &a.rules, owner: owner, guess: guess}
	if err := a.update(ctx, owner, s.decide); err != nil {
		return Proof{}, err
	}
	return Proof{ID: a.appID(s.id), Enrolled: s.first, At: time.UnixMicro(s.at).UTC()}, nil
}

// Recover takes a recovery code in the place of the app. Each is accepted
// once. A wrong one is counted with the wrong codes of the app. Letters of
// either case are taken, and the hyphens may be missing.
//
// Errors: as Verify, with ErrAppCode (six digits; not counted) in the place of
// ErrReplayed and ErrRecoveryCode, and ErrNone in the place of ErrExpired, as
// for every app that never sent a code. A code that was used is a wrong one.
func (a *Apps) Recover(ctx context.Context, userID, code string) (Proof, error) {
	guess, err := readRecoveryCode(code)
	if err != nil {
		return Proof{}, err
	}
	owner, ok := a.owner(userID)
	if !ok {
		return Proof{}, ErrNone
	}
	s := recoverStep{rules: &a.rules, owner: owner, guess: guess}
	if err := a.update(ctx, owner, s.decide); err != nil {
		return Proof{}, err
	}
	return Proof{ID: a.appID(s.id), Recovery: a.recoveryID(owner, s.id, s.place), At: time.UnixMicro(s.at).UTC()}, nil
}
