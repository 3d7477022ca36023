package totp

import (
	"errors"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// newOwner returns a user with a verified app whose secret is that of the RFCs.
func newOwner(t *testing.T) (*owner, record) {
	t.Helper()
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	apps, err := New(Config{Store: memory, Issuer: "Example", Keys: engine.RandomKeys()})
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := apps.owner("someone")
	rec := record{state: stateVerified}
	owner.seal(&rec.sealed, rec.id, &contents{secret: [secretSize]byte(rfcSecret)})
	return owner, rec
}

// Once in a million, two steps have the same code. Whoever saw it must not be
// able to use it again for the other step.
func TestTwoStepsWithOneCode(t *testing.T) {
	t.Parallel()
	owner, fresh := newOwner(t)
	rules := rules{lockAfter: 10, lockFor: oneDay, perDay: 30}
	for _, tc := range []struct {
		name   string
		first  int64 // the first of the steps with the code
		second int64
		code   string
	}{
		{"one after the other", 910737, 910738, "911617"},
		{"two apart", 153567, 153569, "468457"},
	} {
		// Nothing used up: the code uses up both steps.
		r, now := fresh, (tc.first+1)*period
		verify := func() error {
			s := verifyStep{rules: &rules, owner: owner, guess: tc.code}
			changed, err := s.decide(&r, now)
			if err != nil && changed {
				t.Errorf("%s: %v was counted", tc.name, err)
			}
			return err
		}
		if err := verify(); err != nil || r.next != tc.second+1 {
			t.Errorf("%s: %v, next step %d, want %d", tc.name, err, r.next, tc.second+1)
		}
		for now = (tc.first - 1) * period; now <= (tc.second+1)*period; now += period {
			r.state = stateVerified
			if err := verify(); !errors.Is(err, ErrReplayed) {
				t.Errorf("%s: at step %d again: %v", tc.name, now/period, err)
			}
		}
		// The first step used up, the second not: it is what was typed before.
		r, now = fresh, (tc.first+1)*period
		r.next = tc.first + 1
		if err := verify(); !errors.Is(err, ErrReplayed) {
			t.Errorf("%s: with the first used up: %v", tc.name, err)
		}
	}
}

// A step may run twice on the same record, and says the same.
func TestStepsRunTwice(t *testing.T) {
	t.Parallel()
	owner, r := newOwner(t)
	rules := rules{lockAfter: 2, lockFor: oneDay, perDay: 3}
	right, _ := codeAt((&contents{secret: [secretSize]byte(rfcSecret)}).base32(), 100)
	for _, guess := range []string{right, "000000"} {
		s := verifyStep{rules: &rules, owner: owner, guess: guess}
		first, second := r, r
		_, err1 := s.decide(&first, 100*period)
		_, err2 := s.decide(&second, 100*period)
		if first != second || !errors.Is(err2, kindOf(err1)) {
			t.Errorf("%s: %v and %v", guess, err1, err2)
		}
	}
}

func kindOf(err error) error {
	var typed *engine.Error
	if errors.As(err, &typed) {
		return typed.Kind
	}
	return err
}

func TestSettle(t *testing.T) {
	t.Parallel()
	const (
		now  = 1_790_000_000_000_000
		hour = oneDay / 24
		skew = 5_000_000
	)
	rules := rules{lockAfter: 10, lockFor: hour, perDay: 30}
	for _, tc := range []struct {
		name    string
		in, out record
		changed bool
	}{
		{"nothing", record{}, record{}, false},
		{"a lock as long as may be",
			record{state: stateVerified, guesses: guesses{until: now + hour + skew}},
			record{state: stateVerified, guesses: guesses{until: now + hour + skew}}, false},
		{"a lock from the future",
			record{state: stateVerified, guesses: guesses{until: now + hour + skew + 1}},
			record{state: stateVerified, guesses: guesses{until: now + hour}}, true},
		{"a lock that is over",
			record{state: stateVerified, guesses: guesses{row: 3, until: now}},
			record{state: stateVerified, guesses: guesses{row: 3}}, false},
		{"a day a little in the future",
			record{state: stateVerified, guesses: guesses{day: 5, began: now + skew}},
			record{state: stateVerified, guesses: guesses{day: 5, began: now + skew}}, false},
		{"a day from the future",
			record{state: stateVerified, guesses: guesses{day: 5, began: now + skew + 1}},
			record{state: stateVerified, guesses: guesses{day: 5, began: now}}, true},
		{"a day at its end",
			record{state: stateVerified, guesses: guesses{row: 2, day: 5, began: now - oneDay}},
			record{state: stateVerified, guesses: guesses{row: 2}}, false},
		{"a day before its end",
			record{state: stateVerified, guesses: guesses{day: 5, began: now - oneDay + 1}},
			record{state: stateVerified, guesses: guesses{day: 5, began: now - oneDay + 1}}, false},
		{"a window from the future",
			record{state: statePending, window: now + 2*oneDay},
			record{state: statePending, window: now + oneDay}, true},
		{"a window that was over for less than a day",
			record{state: statePending, window: now - oneDay + 1},
			record{state: statePending, window: now - oneDay + 1}, false},
		{"a window that was over for a day",
			record{state: statePending, window: now - oneDay, guesses: guesses{row: 2}},
			record{}, false},
		{"the same, with guesses that count",
			record{state: statePending, window: now - oneDay, guesses: guesses{row: 2, day: 2, began: now - hour}},
			record{guesses: guesses{row: 2, day: 2, began: now - hour}}, false},
		{"the last step is in the future",
			record{state: stateVerified, next: now},
			record{state: stateVerified, next: now}, false},
		{"guesses of nobody's app",
			record{guesses: guesses{row: 2, day: 2, began: now - 1}},
			record{guesses: guesses{row: 2, day: 2, began: now - 1}}, false},
		{"guesses of nobody's app that are over",
			record{guesses: guesses{row: 2, day: 2, began: now - oneDay}},
			record{}, false},
	} {
		got := tc.in
		if changed := got.settle(&rules, now); changed != tc.changed || got != tc.out {
			t.Errorf("%s: %v\n%+v, want %v\n%+v", tc.name, changed, got, tc.changed, tc.out)
		}
	}
}
