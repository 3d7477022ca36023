package engine

import (
	"crypto/subtle"
	"time"

	"github.com/passcode-go/passcode/policy"
)

// A step is one decision about one record: startStep, verifyStep or endStep.
// Its method decide is a pure function of the step, the record and the moment:
// it may run several times before the record is stored, and has no side
// effects. It changes the record, says whether it did, and returns what to tell
// the caller: nil for yes. That answer is given only after the changed record
// was stored.

// skew is how far the clocks of two programs that share a store may differ.
const skew = int64(5 * time.Second)

// settle puts a record right that was written while the clock ran ahead: what
// it says of the future counts as of now, and a code from the future is dead.
// Without it a clock that was wrong once could close an address for years, or
// keep a code alive for as long.
//
// It also forgets the row of a record that says nothing any more: the store
// may have dropped it, and the outcome must not depend on whether it did.
func (r *record) settle(now int64, lock time.Duration) (changed bool) {
	if r.row > 0 && r.keepUntil() <= now {
		r.row = 0
	}
	if r.code.state == codeLive && r.code.issued > now+skew {
		r.code.end(codeSpent)
		changed = true
	}
	if latest := now + int64(lock) + skew; r.until > latest {
		r.until = now + int64(lock)
		changed = true
	}
	if r.sends.newest() > now+skew+int64(time.Second) {
		r.sends = r.sends.recent(now)
		changed = true
	}
	if r.wrong.newest().hour > hourOf(now+skew) {
		r.wrong.trim(now)
		changed = true
	}
	return changed
}

// rewind voids what must happen only once in a record of a store that went
// back in time: its code may have been used already. Guesses and sends stay.
//
// The code is spent and not used, so that Resend goes on: most of those whose code
// is void have not entered it yet. Whether one has nobody knows any more, so that a
// challenge which was completed in the time that was lost can be resent as well,
// with a code that is new, counted, and sent to the same address.
func (r *record) rewind() (changed bool) {
	if r.code.state != codeLive {
		return false
	}
	r.code.end(codeSpent)
	return true
}

// locked returns a refusal while the address is closed: by a lock, or because
// it has borne its wrong guesses of the day.
func (r *record) locked(now int64, p *policy.Policy) *Error {
	until := r.until
	if r.wrong.n > 0 && r.wrong.count(now) >= p.PerDay {
		until = max(until, r.wrong.freeAt(now, p.PerDay))
	}
	if until <= now {
		return nil
	}
	return &Error{Kind: ErrLocked, until: until, RetryAfter: time.Duration(until - now)}
}

// startStep reserves a send and replaces the code.
type startStep struct {
	policy  *policy.Policy
	code    code // nonce, channel, key and mac of the new code
	life    time.Duration
	expires int64  // set by decide
	follow  *nonce // with Resend: the nonce of the challenge that goes on
}

func (s *startStep) decide(r *record, now int64) (bool, *Error) {
	changed := r.settle(now, s.policy.Lock.For)
	if s.follow != nil {
		switch c := &r.code; {
		case !c.is(s.follow), c.state == codeUsed, c.state == codeCancelled:
			return changed, &Error{Kind: ErrUsed}
		}
	}
	if refusal := r.locked(now, s.policy); refusal != nil {
		return changed, refusal
	}
	if wait := r.sends.wait(now, s.policy.Sends); wait > 0 {
		return changed, &Error{Kind: ErrLimited, RetryAfter: wait}
	}
	r.sends = r.sends.add(now)
	r.code = s.code
	r.code.state = codeLive
	r.code.tries = 0
	r.code.issued = now
	r.code.life = uint32(s.life / time.Microsecond)
	s.expires = r.code.expires()
	return true, nil
}

// is reports whether the code is the one of the challenge with this nonce. A
// subject alone proves nothing: who does not know the nonce of its challenge
// can neither guess nor burn its owner's tries.
func (c *code) is(n *nonce) bool {
	return c.state != codeNone && subtle.ConstantTimeCompare(c.nonce[:], n[:]) == 1
}

// verifyStep judges a guess.
type verifyStep struct {
	policy  *policy.Policy
	keys    *keySet
	subject string
	guess   string
	nonce   *nonce // nil: whatever code is alive
	client  *clientCheck
	channel byte  // set by decide: how the code was sent
	issued  int64 // set by decide
	at      int64 // set by decide: when the guess was judged
}

func (s *verifyStep) decide(r *record, now int64) (bool, *Error) {
	changed := r.settle(now, s.policy.Lock.For)
	c := &r.code
	if s.nonce != nil && !c.is(s.nonce) {
		return changed, &Error{Kind: ErrUsed}
	}
	if refusal := r.locked(now, s.policy); refusal != nil {
		return changed, refusal
	}
	switch {
	case c.state != codeLive:
		return changed, &Error{Kind: ErrUsed}
	case c.expires() <= now:
		return changed, &Error{Kind: ErrExpired}
	case int(c.tries) >= s.policy.Tries:
		return changed, &Error{Kind: ErrUsed}
	}
	if s.client != nil && !s.client.match(s.keys, s.subject, c) {
		return changed, &Error{Kind: ErrMismatch}
	}
	var sum [macSize]byte
	if !s.keys.codeMAC(&sum, c.key, c.channel, s.subject, &c.nonce, s.guess) {
		return changed, &Error{Kind: ErrUsed}
	}
	s.channel, s.issued, s.at = c.channel, c.issued, now
	if subtle.ConstantTimeCompare(sum[:], c.mac[:]) == 1 {
		c.end(codeUsed)
		r.row = 0
		return true, nil
	}
	c.tries++
	r.row++
	r.wrong.add(now)
	left := min(s.policy.Tries-int(c.tries), s.policy.Lock.After-r.row, s.policy.PerDay-r.wrong.count(now))
	if r.row >= s.policy.Lock.After {
		r.row = 0
		r.until = now + int64(s.policy.Lock.For)
	}
	refusal := &Error{Kind: ErrWrong, AttemptsLeft: max(left, 0)}
	if left <= 0 {
		c.end(codeSpent)
	}
	if shut := r.locked(now, s.policy); shut != nil {
		refusal.until, refusal.RetryAfter = shut.until, shut.RetryAfter
	}
	return true, refusal
}

// endStep ends a code before it was entered.
type endStep struct {
	policy *policy.Policy
	nonce  *nonce
	state  codeState
}

func (s *endStep) decide(r *record, now int64) (bool, *Error) {
	changed := r.settle(now, s.policy.Lock.For)
	if !r.code.is(s.nonce) {
		return changed, &Error{Kind: ErrUsed}
	}
	if r.code.state != codeLive {
		return changed, nil
	}
	r.code.end(s.state)
	return true, nil
}
