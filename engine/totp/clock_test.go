package totp_test

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
)

// Steps beyond 32 bits, which begin in the year 6053, are steps like others.
func TestFarFuture(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{
		time.Unix(59, 0), time.Unix(0, 0), time.Unix(20000000000, 0), // RFC 6238
		time.Unix(1<<32*30, 0), time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		b := newBench(t)
		b.set(now)
		e := b.enrol(ada)
		if want := now.Add(24 * time.Hour); !e.Expires.Equal(want) {
			t.Errorf("%v: expires %v", now, e.Expires)
		}
		b.verify(ada, b.wrong(e), engine.ErrWrong)
		b.verify(ada, b.code(e, 0), nil)
		b.verify(ada, b.code(e, 0), totp.ErrReplayed)
		b.verify(ada, b.code(e, 1), nil)
	}
}

// How long the store is told to keep a record.
func TestExpires(t *testing.T) {
	t.Parallel()
	b, watch := spyBench(t)
	want := func(what string, at time.Time) {
		t.Helper()
		if !watch.expires.Equal(at) {
			t.Errorf("%s: kept until %v, want %v", what, watch.expires, at)
		}
	}
	_, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada, Window: totp.MinWindow})
	b.check("Enrol", err, nil)
	want("an enrolment", start.Add(totp.MinWindow+24*time.Hour))
	b.advance(time.Hour)
	e := b.enrol(ada)
	want("a second enrolment", start.Add(time.Hour+48*time.Hour))
	for range 10 {
		b.verify(ada, b.wrong(e), engine.ErrWrong)
	}
	b.remove(ada, e.ID)
	want("wrong guesses", start.Add(time.Hour+24*time.Hour))
	e = b.enrol(ada)
	b.advance(time.Hour)
	b.verify(ada, b.code(e, 0), nil)
	want("an app", b.Now().Add(100*365*24*time.Hour))
	b.recover(ada, e.RecoveryCodes[0].Reveal(), nil)
	want("an app", b.Now().Add(100*365*24*time.Hour))

	// A long lock outlasts everything else.
	c := newBench(t, func(c *totp.Config) { c.Store, c.LockAfter, c.LockFor = watch, 1, 7*24*time.Hour })
	e = c.enrol("eve")
	c.verify("eve", c.wrong(e), engine.ErrWrong)
	want("a lock", start.Add(7*24*time.Hour))
	c.remove("eve", e.ID)
	want("a lock without an app", start.Add(7*24*time.Hour))
}

// An app whose user was away is not collected, and what is over is.
func TestSweep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	memory := b.Config.Store.(*memstore.Store)
	e := b.enrolled(ada)
	b.enrol("eve")
	b.advance(30 * 365 * 24 * time.Hour)
	n, err := memory.Sweep(t.Context())
	if err != nil || n != 1 {
		t.Errorf("%d records were collected, %v", n, err)
	}
	b.verify(ada, b.code(e, 0), nil)
}

// A clock that was ahead for a while has closed nothing for longer than a lock
// may last, and kept nothing open for longer than a window may.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const wrong = 10 * 365 * 24 * time.Hour
	b.advance(wrong)
	e := b.enrol(ada)
	for range 10 {
		b.verify(ada, b.wrong(e), engine.ErrWrong)
	}
	b.advance(-wrong)
	if status := b.status(ada, nil); !status.Expires.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("%+v", status)
	}
	if _, refusal := b.verify(ada, b.code(e, 0), engine.ErrLocked); refusal.RetryAfter != time.Hour {
		t.Errorf("%v", refusal)
	}
	if status := b.status(ada, nil); !status.Expires.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("%+v", status)
	}
	b.advance(time.Hour)
	b.verify(ada, b.code(e, 0), nil)
}
