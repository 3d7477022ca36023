package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
)

// An action is a method of an engine.
type action string

const (
	start         action = "Start"
	resend        action = "Resend"
	verify        action = "Verify"
	verifyAddress action = "VerifyAddress"
	cancel        action = "Cancel"
)

// A request is a call of an engine, about one address. Challenges have numbers,
// from 1; moments are durations since the beginning of the history. Nobody
// moves the clock while a call is under way, so a call has one moment.
type request struct {
	action    action
	address   int
	challenge int           // of Resend, Verify and Cancel
	guess     string        // of Verify and VerifyAddress
	at        time.Duration // what the clock showed
	number    int           // of Start and Resend: the new challenge,
	code      string        // and its code; empty if nobody got to know it
}

// An answer is what an engine said.
type answer struct {
	kind    engine.Kind   // 0 for yes, engine.ErrUnavailable for unknown
	left    int           // AttemptsLeft
	until   time.Duration // end of the lock
	retry   time.Duration // RetryAfter
	expires time.Duration // of a new challenge
	sent    time.Duration // Proof.SentAt
	proved  time.Duration // Proof.VerifiedAt
}

// A fate is what became of a code.
type fate string

const (
	live      fate = "live"
	used      fate = "used"
	spent     fate = "spent"
	cancelled fate = "cancelled"
)

// A flow is what an engine knows of an address, as the model has it. A history
// is shorter than a day, so what counts for a day counts to its end.
type flow struct {
	number int // of the newest challenge; 0 if there was none
	code   string
	fate   fate
	issued time.Duration
	tries  int
	row    int           // wrong guesses since the last success or lock
	wrong  int           // wrong guesses of the day
	first  time.Duration // when the first of them was
	until  time.Duration // end of the lock
	sends  string        // moments, 8 bytes each: a string can be compared
}

// rules are what the model judges by.
type rules struct {
	policy.Policy
	began time.Time // of the history
}

// engineLevel is histories of engines that share a store: a flow for each
// address.
func engineLevel(rules rules) level {
	return level{
		model:      spec[flow, request, answer]{part: address, step: rules.judge, before: before}.model(),
		about:      func(op porcupine.Operation) string { return address(op.Input.(request), answer{}) },
		outcome:    func(op porcupine.Operation) string { return op.Output.(answer).outcome(op.Input.(request)) },
		invariants: func(history []porcupine.Operation) []string { return invariants(rules, history) },
	}
}

func address(q request, _ answer) string { return strconv.Itoa(q.address) }

// before reports whether an answer about a challenge tells that the challenge
// was not yet replaced, or not yet completed, and the change is just that.
func before(from, to flow, q request, a answer) bool {
	if q.challenge != from.number || q.challenge == 0 || a.kind == engine.ErrUsed {
		return false
	}
	closes := to.fate != from.fate && (to.fate == used || to.fate == cancelled)
	return to.number != from.number || closes && (q.action == resend || q.action == verify && a.kind != engine.ErrLocked)
}

// engineOutcomes are what has to happen for an engine to be tested.
func engineOutcomes() []string {
	return []string{
		"Start: yes", "Start: locked", "Start: limited", "Start: unavailable",
		"Resend: yes", "Resend: used", "Resend: locked", "Resend: limited", "Resend: unavailable",
		"Verify: yes", "Verify: wrong", "Verify: used", "Verify: expired", "Verify: locked", "Verify: unavailable",
		"VerifyAddress: yes", "VerifyAddress: wrong", "VerifyAddress: used", "VerifyAddress: expired", "VerifyAddress: locked", "VerifyAddress: unavailable",
		"Cancel: yes", "Cancel: used", "Cancel: unavailable",
	}
}

func (a answer) outcome(q request) string { return string(q.action) + ": " + name(a.kind) }

func name(kind engine.Kind) string {
	switch kind {
	case 0:
		return "yes"
	case engine.ErrWrong:
		return "wrong"
	case engine.ErrExpired:
		return "expired"
	case engine.ErrUsed:
		return "used"
	case engine.ErrLocked:
		return "locked"
	case engine.ErrLimited:
		return "limited"
	case engine.ErrUnavailable:
		return "unavailable"
	}
	return kind.Error()
}

// judge says what becomes of a flow by a call, and what is to be answered.
func (r rules) judge(f flow, q request) (flow, answer) {
	switch q.action {
	case start, resend:
		return r.send(f, q)
	case verify, verifyAddress:
		return r.guess(f, q)
	case cancel:
		if q.challenge != f.number {
			return f, answer{kind: engine.ErrUsed}
		}
		if f.fate == live {
			f.fate = cancelled
		}
		return f, answer{}
	}
	panic("not an action")
}

// lock returns until when the address is locked, 0 if it is not: for wrong
// guesses in a row, or for those of a day, which last until the 25th hour
// after the one in which the first fell.
func (r rules) lock(f flow, at time.Duration) time.Duration {
	until := f.until
	if f.wrong >= r.PerDay {
		until = max(until, r.began.Add(f.first).Truncate(time.Hour).Add(25*time.Hour).Sub(r.began))
	}
	if until <= at {
		return 0
	}
	return until
}

func (r rules) send(f flow, q request) (flow, answer) {
	if q.action == resend && (q.challenge != f.number || f.fate == used || f.fate == cancelled) {
		return f, answer{kind: engine.ErrUsed}
	}
	if until := r.lock(f, q.at); until > 0 {
		return f, answer{kind: engine.ErrLocked, until: until, retry: until - q.at}
	}
	var wait time.Duration
	for _, budget := range r.Sends {
		if first := len(f.sends)/8 - budget.Limit; first >= 0 {
			at := time.Duration(binary.BigEndian.Uint64([]byte(f.sends[8*first:])))
			wait = max(wait, at+budget.Window-q.at)
		}
	}
	if wait > 0 {
		return f, answer{kind: engine.ErrLimited, retry: wait}
	}
	f.number, f.code, f.fate, f.issued, f.tries = q.number, q.code, live, q.at, 0
	f.sends += string(binary.BigEndian.AppendUint64(nil, uint64(q.at)))
	return f, answer{expires: q.at + r.Lifetime}
}

func (r rules) guess(f flow, q request) (flow, answer) {
	if q.action == verify && q.challenge != f.number {
		return f, answer{kind: engine.ErrUsed}
	}
	if until := r.lock(f, q.at); until > 0 {
		return f, answer{kind: engine.ErrLocked, until: until, retry: until - q.at}
	}
	switch {
	case f.fate != live:
		return f, answer{kind: engine.ErrUsed}
	case q.at >= f.issued+r.Lifetime:
		return f, answer{kind: engine.ErrExpired}
	case q.guess == f.code:
		f.fate, f.row = used, 0
		return f, answer{sent: f.issued, proved: q.at}
	}
	if f.wrong == 0 {
		f.first = q.at
	}
	f.tries++
	f.row++
	f.wrong++
	left := max(0, min(r.Tries-f.tries, r.Lock.After-f.row, r.PerDay-f.wrong))
	if left == 0 {
		f.fate = spent
	}
	if f.row == r.Lock.After {
		f.row, f.until = 0, q.at+r.Lock.For
	}
	a := answer{kind: engine.ErrWrong, left: left}
	if until := r.lock(f, q.at); until > 0 {
		a.until, a.retry = until, until-q.at
	}
	return f, a
}

// foreign is the kind of an error that is not the engine's, which is always
// wrong.
const foreign = ^engine.Kind(0)

// answerOf returns an error as an answer.
func (r rules) answerOf(err error) answer {
	if err == nil {
		return answer{}
	}
	var refusal *engine.Error
	if !errors.As(err, &refusal) {
		return answer{kind: foreign}
	}
	a := answer{kind: refusal.Kind, left: refusal.AttemptsLeft, retry: refusal.RetryAfter}
	if until := refusal.Until(); !until.IsZero() {
		a.until = until.Sub(r.began)
	}
	return a
}

func (a answer) lost() bool { return a.kind == engine.ErrUnavailable }

func (q request) String() string {
	switch q.action {
	case start:
		return fmt.Sprintf("%v Start #%d", q.at, q.number)
	case resend:
		return fmt.Sprintf("%v Resend #%d as #%d", q.at, q.challenge, q.number)
	case verify:
		return fmt.Sprintf("%v Verify #%d with %s", q.at, q.challenge, q.guess)
	case verifyAddress:
		return fmt.Sprintf("%v VerifyAddress with %s", q.at, q.guess)
	}
	return fmt.Sprintf("%v %s #%d", q.at, q.action, q.challenge)
}

func (a answer) describe(q request) string {
	switch {
	case a.lost():
		return "unknown"
	case a.kind == 0 && (q.action == start || q.action == resend):
		return fmt.Sprintf("code %s, until %v", q.code, a.expires)
	case a.kind == 0:
		return "yes"
	case a.kind == engine.ErrWrong && a.until == 0:
		return fmt.Sprintf("wrong, %d left", a.left)
	}
	return fmt.Sprintf("%s, locked until %v, retry after %v", name(a.kind), a.until, a.retry)
}
