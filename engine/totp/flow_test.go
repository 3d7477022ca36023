package totp_test

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
)

// The step that is now, one before and one after, to the nanosecond.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		steps int           // which code
		at    time.Duration // when, counted from the start of a step
		want  error
	}{
		{-2, 0, engine.ErrWrong},
		{-1, 0, nil},
		{-1, 30*time.Second - 1, nil},
		{-1, 30 * time.Second, engine.ErrWrong},
		{0, 0, nil},
		{1, 0, nil},
		{1, -1, engine.ErrWrong},
		{2, 30 * time.Second, nil},
		{2, 0, engine.ErrWrong},
	} {
		b := newBench(t)
		e := b.enrol(ada)
		code := b.code(e, tc.steps)
		b.advance(tc.at)
		if _, refusal := b.verify(ada, code, tc.want); refusal != nil && refusal.AttemptsLeft != 9 {
			t.Errorf("step %d at %v: %d attempts left", tc.steps, tc.at, refusal.AttemptsLeft)
		}
	}
}

// A code of which one digit is wrong is wrong, whichever it is.
func TestOneDigitWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrolled(ada)
	right, recovery := b.code(e, 0), e.RecoveryCodes[0].Reveal()
	for i := range right {
		guess := []byte(right)
		guess[i] = '0' + (guess[i]-'0'+1)%10
		if s := string(guess); s != b.code(e, -1) && s != b.code(e, 1) {
			b.verify(ada, s, engine.ErrWrong)
		}
		b.unlock(ada)
	}
	for i := range recovery {
		guess := []byte(recovery)
		switch guess[i] {
		case '-':
			continue
		case 'x':
			guess[i] = 'y'
		default:
			guess[i] = 'x'
		}
		b.recover(ada, string(guess), engine.ErrWrong)
		b.unlock(ada)
	}
	b.verify(ada, right, nil)
	b.recover(ada, recovery, nil)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrolled(ada)
	now, before, next := b.code(e, 0), b.code(e, -1), b.code(e, 1)
	b.verify(ada, now, nil)
	for range 50 { // a replay costs nothing, however often
		b.verify(ada, now, totp.ErrReplayed)
		b.verify(ada, before, totp.ErrReplayed)
	}
	b.verify(ada, next, nil)
	b.verify(ada, now, totp.ErrReplayed)
	b.advance(30 * time.Second)
	b.verify(ada, now, totp.ErrReplayed)
	b.verify(ada, next, totp.ErrReplayed)
	b.advance(60 * time.Second)
	b.verify(ada, next, engine.ErrWrong) // out of the window it is like any other

	// A recovery code moves no step.
	b.advance(90 * time.Second)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), nil)
	b.verify(ada, b.code(e, -1), nil)

	// The clock is set back to before a code that was accepted: all that can
	// be entered is used up, and wrong guesses are still wrong.
	code := b.code(e, 0)
	b.verify(ada, code, nil)
	b.advance(-10 * time.Minute)
	b.verify(ada, b.code(e, 1), totp.ErrReplayed)
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	b.advance(10 * time.Minute)
	b.verify(ada, code, totp.ErrReplayed)
	b.verify(ada, b.code(e, 1), nil)
}

func TestWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.verify(ada, "123456", totp.ErrNone)
	b.status(ada, totp.ErrNone)
	e, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada, Window: 10 * time.Minute})
	b.check("Enrol", err, nil)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), totp.ErrNone)
	status := b.status(ada, nil)
	if status.ID != e.ID || status.Verified || !status.Expires.Equal(start.Add(10*time.Minute)) || len(status.RecoveryCodes) != 10 {
		t.Errorf("%+v", status)
	}
	b.advance(10*time.Minute - time.Microsecond)
	b.status(ada, nil)
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	b.advance(time.Microsecond)
	b.verify(ada, b.code(e, 0), engine.ErrExpired)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), totp.ErrNone)
	b.status(ada, totp.ErrNone)
	b.advance(24*time.Hour - time.Microsecond)
	b.verify(ada, b.code(e, 0), engine.ErrExpired)
	b.advance(time.Microsecond)
	b.verify(ada, b.code(e, 0), totp.ErrNone)

	// A new enrolment takes the place of the old one: its codes are wrong.
	first := b.enrol(ada)
	second := b.enrol(ada)
	b.verify(ada, b.code(first, 0), engine.ErrWrong)
	b.verify(ada, b.code(second, 0), nil)
	if _, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada}); err != totp.ErrActive {
		t.Errorf("with a verified app: %v", err)
	}
	// Once verified it has no end.
	b.advance(40 * 365 * 24 * time.Hour)
	b.verify(ada, b.code(second, 0), nil)
	if status := b.status(ada, nil); !status.Verified || !status.Expires.IsZero() || status.ID != second.ID {
		t.Errorf("%+v", status)
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.recover(ada, wrongRecovery, totp.ErrNone)
	e := b.enrolled(ada)
	ids := make(map[string]bool)
	for i, code := range e.RecoveryCodes {
		proof, _ := b.recover(ada, code.Reveal(), nil)
		if proof.ID != e.ID || proof.Enrolled || !proof.At.Equal(b.Now()) || proof.At.Location() != time.UTC {
			t.Errorf("%+v", proof)
		}
		ids[proof.Recovery] = true
		b.recover(ada, code.Reveal(), engine.ErrWrong)
		left := b.status(ada, nil).RecoveryCodes
		if len(left) != 9-i {
			t.Errorf("%d recovery codes are left", len(left))
		}
		for j, code := range left {
			if code.Reveal() != e.RecoveryCodes[i+1+j].Reveal() {
				t.Errorf("after %d, code %d is %s", i+1, j, code.Reveal())
			}
		}
	}
	if len(ids) != 10 || ids[""] {
		t.Errorf("ids: %v", ids)
	}
	b.verify(ada, b.code(e, 0), nil)
}

// Codes of the app and recovery codes are counted together; success ends the
// row, and not the day.
func TestLock(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *totp.Config) { c.LockAfter, c.LockFor, c.PerDay = 3, 10*time.Minute, 8 })
	e := b.enrolled(ada)
	recovery := 0
	wrong := func(left int, retry time.Duration) {
		t.Helper()
		_, refusal := b.verify(ada, b.wrong(e), engine.ErrWrong)
		if refusal.AttemptsLeft != left || refusal.RetryAfter != retry {
			t.Fatalf("%v, retry after %v; want %d, %v", refusal, refusal.RetryAfter, left, retry)
		}
	}
	locked := func(retry time.Duration) {
		t.Helper()
		for _, code := range []string{b.wrong(e), b.code(e, 0)} {
			if _, refusal := b.verify(ada, code, engine.ErrLocked); refusal.RetryAfter != retry {
				t.Fatalf("%v, want %v", refusal, retry)
			}
		}
		if _, refusal := b.recover(ada, e.RecoveryCodes[9].Reveal(), engine.ErrLocked); refusal.RetryAfter != retry {
			t.Fatalf("%v, want %v", refusal, retry)
		}
	}
	day := b.Now()
	wrong(2, 0)                                                                                  // 1
	if _, refusal := b.recover(ada, wrongRecovery, engine.ErrWrong); refusal.AttemptsLeft != 1 { // 2
		t.Fatal(refusal)
	}
	b.verify(ada, b.code(e, 0), nil)
	wrong(2, 0) // 3
	b.recover(ada, e.RecoveryCodes[recovery].Reveal(), nil)
	wrong(2, 0)              // 4
	wrong(1, 0)              // 5
	wrong(0, 10*time.Minute) // 6
	locked(10 * time.Minute)
	b.advance(4 * time.Minute)
	locked(6 * time.Minute)
	b.advance(6*time.Minute - time.Microsecond)
	locked(time.Microsecond)
	b.advance(time.Microsecond)
	wrong(1, 0) // 7: the day has one more
	b.verify(ada, b.code(e, 0), nil)
	rest := day.Add(24 * time.Hour).Sub(b.Now())
	wrong(0, rest) // 8
	locked(rest)
	b.advance(rest - time.Microsecond)
	locked(time.Microsecond)
	b.advance(time.Microsecond)
	wrong(1, 0) // the row of one goes on, the day began anew
	wrong(0, 10*time.Minute)
}

// Of a lock and the day's end, the later counts.
func TestLockLongerThanTheDay(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *totp.Config) { c.LockAfter, c.LockFor, c.PerDay = 1, 48*time.Hour, 1 })
	e := b.enrolled(ada)
	for _, code := range []string{b.wrong(e), b.wrong(e)} {
		_, err := b.Apps.Verify(t.Context(), ada, code)
		if refusal := b.check("Verify", err, err); refusal == nil || refusal.RetryAfter != 48*time.Hour {
			t.Errorf("%v", err)
		}
	}
}

// Neither a new enrolment nor the removal of an app gives new guesses.
func TestGuessesOutliveTheApp(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *totp.Config) { c.LockAfter, c.LockFor, c.PerDay = 3, time.Hour, 5 })
	compared := 0
	guess := func(e totp.Enrolment) error {
		_, err := b.Apps.Verify(t.Context(), ada, b.wrong(e))
		if b.check("Verify", err, err).Kind == engine.ErrWrong {
			compared++
		}
		return err
	}
	for range 20 {
		e := b.enrol(ada)
		guess(e)
		b.remove(ada, e.ID)
		b.verify(ada, b.code(e, 0), totp.ErrNone)
	}
	if compared != 3 {
		t.Errorf("%d guesses were compared before the lock", compared)
	}
	// A lock does not keep anybody from enrolling, but from verifying.
	e := b.enrol(ada)
	b.verify(ada, b.code(e, 0), engine.ErrLocked)
	b.advance(time.Hour)
	for range 20 {
		e = b.enrol(ada)
		guess(e)
	}
	if compared != 5 {
		t.Errorf("%d guesses were compared on one day", compared)
	}
	b.advance(23*time.Hour - time.Second)
	b.verify(ada, b.code(e, 0), engine.ErrLocked)
	b.advance(time.Second)
	b.verify(ada, b.code(e, 0), nil)
}

func TestRemove(t *testing.T) {
	t.Parallel()
	b, watch := spyBench(t)
	e := b.enrolled(ada)
	eve := b.enrolled("eve")
	b.remove(ada, eve.ID) // somebody else's
	b.remove(ada, "totp-live"+eve.ID[len("totp-test"):])
	b.remove("nobody", e.ID)
	b.remove(ada, "totp-live"+e.ID[len("totp-test"):])
	b.verify(ada, b.code(e, 0), nil)
	b.remove(ada, e.ID)
	if !watch.deleted {
		t.Error("a record that says nothing was kept")
	}
	b.remove(ada, e.ID)
	b.verify(ada, b.code(e, 1), totp.ErrNone)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), totp.ErrNone)
	b.status(ada, totp.ErrNone)
	b.verify("eve", b.code(eve, 0), nil)

	again := b.enrol(ada)
	if again.ID == e.ID || again.Secret.Reveal() == e.Secret.Reveal() {
		t.Error("the new app is the old one")
	}
	// The step that was used up was the old app's.
	if proof, _ := b.verify(ada, b.code(again, -1), nil); !proof.Enrolled {
		t.Errorf("%+v", proof)
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *totp.Config) { c.LockAfter, c.PerDay = 2, 2 })
	b.unlock(ada)
	e := b.enrolled(ada)
	b.unlock(ada)
	for range 3 {
		b.verify(ada, b.wrong(e), engine.ErrWrong)
		b.verify(ada, b.wrong(e), engine.ErrWrong)
		b.verify(ada, b.code(e, 0), engine.ErrLocked)
		b.unlock(ada)
	}
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	b.verify(ada, b.code(e, 0), nil)
	b.unlock(ada)
	b.verify(ada, b.code(e, 0), totp.ErrReplayed)
}

// One tenant's users are not another's, whatever their ids, and a store that
// is shared keeps them apart.
func TestTenants(t *testing.T) {
	t.Parallel()
	one := newBench(t, func(c *totp.Config) { c.Tenant = "a" })
	two := newBench(t, func(c *totp.Config) { c.Tenant, c.Store, c.Now = "ab", one.Config.Store, one.Now })
	e := one.enrolled("bc")
	two.verify("c", one.code(e, 0), totp.ErrNone)
	two.verify("bc", one.code(e, 0), totp.ErrNone)
	one.verify("bc", one.code(e, 0), nil)
}
