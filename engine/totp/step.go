package totp

import (
	"time"

	"github.com/passcode-go/passcode/engine"
)

// A step is one decision about one record: enrolStep, verifyStep and the
// others. Its method decide is a pure function of the step, the record and the
// moment: it may run several times before the record is stored. It changes the
// record, says whether it did, and returns what to tell the caller: nil for
// yes. That answer is given only after the changed record was stored. Every
// step settles the record first.

// rules are the limits of wrong guesses.
type rules struct {
	lockAfter int
	lockFor   int64 // microseconds
	perDay    int
}

// skew is how far the clocks of two programs that share a store may differ.
const skew = int64(5 * time.Second / time.Microsecond)

// settle puts a record right that was written while the clock ran ahead: what
// it says of the future counts as of now. Only the last step stays, because a
// code must not be accepted twice whatever the clock does.
//
// It also forgets what is over. That is no change: it need not be stored, and
// the outcome must not depend on whether the store still had it.
func (r *record) settle(rules *rules, now int64) (changed bool) {
	if r.until > now+rules.lockFor+skew {
		r.until = now + rules.lockFor
		changed = true
	}
	if r.began > now+skew {
		r.began = now
		changed = true
	}
	if most := MaxWindow.Microseconds(); r.window > now+most+skew {
		r.window = now + most
		changed = true
	}
	if r.state == statePending && r.window+oneDay <= now {
		r.drop()
	}
	if r.state == stateNone && r.keepUntil() <= now {
		*r = record{}
	}
	if r.day > 0 && r.began+oneDay <= now {
		r.day, r.began = 0, 0
	}
	if r.until <= now {
		r.until = 0
	}
	return changed
}

// drop takes the app away. The guesses stay: a new app brings no new ones.
func (r *record) drop() { *r = record{guesses: r.guesses} }

// locked returns a refusal while nothing is compared, else nil.
func (r *record) locked(rules *rules, now int64) *engine.Error {
	until := r.until
	if r.day >= rules.perDay {
		until = max(until, r.began+oneDay)
	}
	if until <= now {
		return nil
	}
	return &engine.Error{Kind: engine.ErrLocked, RetryAfter: time.Duration(until-now) * time.Microsecond}
}

// wrong counts a wrong guess and returns what to say of it.
func (r *record) wrong(rules *rules, now int64) *engine.Error {
	if r.day == 0 {
		r.began = now
	}
	r.row++
	r.day++
	refusal := &engine.Error{Kind: engine.ErrWrong, AttemptsLeft: max(0, min(rules.lockAfter-r.row, rules.perDay-r.day))}
	if r.row >= rules.lockAfter {
		r.row = 0
		r.until = now + rules.lockFor
	}
	if shut := r.locked(rules, now); shut != nil {
		refusal.RetryAfter = shut.RetryAfter
	}
	return refusal
}

// enrolStep puts a pending app in place.
type enrolStep struct {
	rules   *rules
	window  int64 // microseconds
	id      appID
	sealed  [sealedSize]byte
	expires int64 // set by decide
}

func (s *enrolStep) decide(r *record, now int64) (bool, error) {
	changed := r.settle(s.rules, now)
	if r.state == stateVerified {
		return changed, ErrActive
	}
	s.expires = now + s.window
	*r = record{state: statePending, id: s.id, window: s.expires, sealed: s.sealed, guesses: r.guesses}
	return true, nil
}

// verifyStep judges a code of the app.
type verifyStep struct {
	rules *rules
	owner *owner
	guess string
	id    appID // set by decide
	first bool  // set by decide: it was the app's first code
	at    int64 // set by decide
}

func (s *verifyStep) decide(r *record, now int64) (bool, error) {
	changed := r.settle(s.rules, now)
	switch {
	case r.state == stateNone:
		return changed, ErrNone
	case r.state == statePending && r.window <= now:
		return changed, &engine.Error{Kind: engine.ErrExpired}
	}
	if refusal := r.locked(s.rules, now); refusal != nil {
		return changed, refusal
	}
	app, err := s.owner.open(r)
	if err != nil {
		return false, unavailable(err)
	}
	first := now/period - 1
	equal, err := match(app.base32(), s.guess, first)
	if err != nil {
		return false, unavailable(err)
	}
	// The same six digits may stand for two steps. They are a replay if one of
	// them is used up, and else use up the later one too.
	last := int64(-1)
	for i, eq := range equal {
		switch step := first + int64(i); {
		case eq && step < r.next:
			return changed, ErrReplayed
		case eq:
			last = step
		}
	}
	if last < 0 {
		return true, r.wrong(s.rules, now)
	}
	s.id, s.first, s.at = r.id, r.state == statePending, now
	r.state, r.window, r.next, r.row = stateVerified, 0, last+1, 0
	return true, nil
}

// recoverStep judges a recovery code.
type recoverStep struct {
	rules *rules
	owner *owner
	guess recoveryCode
	id    appID // set by decide
	place int   // set by decide: which code it was
	at    int64 // set by decide
}

func (s *recoverStep) decide(r *record, now int64) (bool, error) {
	changed := r.settle(s.rules, now)
	if r.state != stateVerified {
		return changed, ErrNone
	}
	if refusal := r.locked(s.rules, now); refusal != nil {
		return changed, refusal
	}
	app, err := s.owner.open(r)
	if err != nil {
		return false, unavailable(err)
	}
	place := app.find(&s.guess)
	if place < 0 || r.used&(1<<place) != 0 {
		return true, r.wrong(s.rules, now)
	}
	s.id, s.place, s.at = r.id, place, now
	r.used |= 1 << place
	r.row = 0
	return true, nil
}

// removeStep takes an app away.
type removeStep struct {
	rules *rules
	id    appID
}

func (s *removeStep) decide(r *record, now int64) (bool, error) {
	changed := r.settle(s.rules, now)
	if r.state == stateNone || r.id != s.id {
		return changed, nil
	}
	r.drop()
	return true, nil
}

// unlockStep forgets the wrong guesses.
type unlockStep struct{ rules *rules }

func (s *unlockStep) decide(r *record, now int64) (bool, error) {
	changed := r.settle(s.rules, now)
	if r.guesses == (guesses{}) {
		return changed, nil
	}
	r.guesses = guesses{}
	return true, nil
}
