package totp_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
)

// A model is the rules of this package as one would tell them, with nothing
// stored and nothing sealed: what Apps answer must be what the model answers,
// for any sequence of calls.
type model struct {
	cfg      totp.Config
	app      int // number of the enrolment, from 1; 0 for none
	verified bool
	window   time.Time
	accepted []int64      // steps
	used     map[int]bool // recovery codes
	row, day int
	began    time.Time // of the day
	until    time.Time // of the lock
}

func stepOf(now time.Time) int64 { return now.Unix() / 30 }

// begin returns the model as it is now: what is over is forgotten, and what a
// clock set back has made the future is put right. Only the latter is a change
// by itself. end keeps a model that changed.
func (m *model) begin(now time.Time) (c *model, changed bool) {
	const day = 24 * time.Hour
	const skew = 5 * time.Second
	c = new(model)
	*c = *m
	c.accepted, c.used = slices.Clone(m.accepted), maps.Clone(m.used)
	if c.until.After(now.Add(c.cfg.LockFor + skew)) {
		c.until, changed = now.Add(c.cfg.LockFor), true
	}
	if c.began.After(now.Add(skew)) {
		c.began, changed = now, true
	}
	if c.app > 0 && !c.verified {
		if c.window.After(now.Add(day + skew)) {
			c.window, changed = now.Add(day), true
		}
		if !now.Before(c.window.Add(day)) {
			c.app = 0
		}
	}
	if c.day > 0 && !now.Before(c.began.Add(day)) {
		c.day, c.began = 0, time.Time{}
	}
	if !now.Before(c.until) {
		c.until = time.Time{}
	}
	// Without an app the row lasts as long as the day or the lock does.
	if c.app == 0 && c.day == 0 && c.until.IsZero() {
		c.row = 0
	}
	return c, changed
}

func (m *model) end(c *model, changed *bool) {
	if *changed {
		*m = *c
	}
}

func (m *model) locked() bool { return !m.until.IsZero() || m.day >= m.cfg.PerDay }

func (m *model) wrong(now time.Time) (int, error) {
	if m.day == 0 {
		m.began = now
	}
	m.row++
	m.day++
	left := min(m.cfg.LockAfter-m.row, m.cfg.PerDay-m.day)
	if m.row == m.cfg.LockAfter {
		m.row, m.until = 0, now.Add(m.cfg.LockFor)
	}
	return left, engine.ErrWrong
}

func (m *model) enrol(window time.Duration, now time.Time) error {
	c, changed := m.begin(now)
	defer m.end(c, &changed)
	if c.verified {
		return totp.ErrActive
	}
	c.app++
	c.window, c.accepted, c.used, changed = now.Add(window), nil, make(map[int]bool), true
	return nil
}

// verify is a guess that is the code of a step, or of none if step is negative.
func (m *model) verify(step int64, now time.Time) (left int, first bool, err error) {
	c, changed := m.begin(now)
	defer m.end(c, &changed)
	switch {
	case c.app == 0:
		return 0, false, totp.ErrNone
	case !c.verified && !now.Before(c.window):
		return 0, false, engine.ErrExpired
	case c.locked():
		return 0, false, engine.ErrLocked
	}
	if at := stepOf(now); step < at-1 || step > at+1 {
		changed = true
		left, err := c.wrong(now)
		return left, false, err
	}
	for _, done := range c.accepted {
		if step <= done {
			return 0, false, totp.ErrReplayed
		}
	}
	changed = true
	first = !c.verified
	c.accepted = append(c.accepted, step)
	c.verified, c.row = true, 0
	return 0, first, nil
}

func (m *model) recover(place int, now time.Time) (left int, err error) {
	c, changed := m.begin(now)
	defer m.end(c, &changed)
	if !c.verified {
		return 0, totp.ErrNone
	}
	if c.locked() {
		return 0, engine.ErrLocked
	}
	changed = true
	if place < 0 || c.used[place] {
		return c.wrong(now)
	}
	c.used[place], c.row = true, 0
	return 0, nil
}

func (m *model) remove(now time.Time) {
	c, changed := m.begin(now)
	defer m.end(c, &changed)
	if c.app > 0 {
		c.app, c.verified, changed = 0, false, true
	}
}

func (m *model) unlock(now time.Time) {
	c, changed := m.begin(now)
	defer m.end(c, &changed)
	if c.row > 0 || c.day > 0 || !c.until.IsZero() {
		c.row, c.day, c.began, c.until, changed = 0, 0, time.Time{}, time.Time{}, true
	}
}

func (m *model) status(now time.Time) (left int, err error) {
	c, _ := m.begin(now)
	if c.app == 0 || !c.verified && !now.Before(c.window) {
		return 0, totp.ErrNone
	}
	return 10 - len(c.used), nil
}

func TestAgainstModel(t *testing.T) {
	t.Parallel()
	rules := []totp.Config{
		{LockAfter: 10, LockFor: time.Hour, PerDay: 30},
		{LockAfter: 3, LockFor: 5 * time.Minute, PerDay: 20},
		{LockAfter: 1, LockFor: 48 * time.Hour, PerDay: 1},
		{LockAfter: 4, LockFor: 10 * time.Minute, PerDay: 5},
	}
	all := make(map[string]int)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		cfg := rules[seed%uint64(len(rules))]
		// The store's clock stands still at 1970: else it may collect what is over, and then
		// nobody knows what a clock set back would find.
		memory, err := memstore.New(memstore.Config{Now: func() time.Time { return time.Unix(0, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, func(c *totp.Config) {
			c.Store = memory
			c.LockAfter, c.LockFor, c.PerDay = cfg.LockAfter, cfg.LockFor, cfg.PerDay
		})
		m := &model{cfg: cfg}
		var e totp.Enrolment
		for step := range 300 {
			switch r.IntN(60) {
			case 0:
				b.advance(time.Duration(r.IntN(30)) * time.Hour)
			case 1:
				b.advance(-time.Duration(r.IntN(30*3600)) * time.Second)
			case 2:
				b.advance(time.Duration(r.IntN(6)) * 12 * time.Hour) // to the edges of days
			case 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14:
				b.advance(time.Duration(r.IntN(100)) * time.Second)
			}
			now := b.Now()
			var op string
			var got, want error
			var first, wantFirst bool
			left, wantLeft := 0, 0
			switch n := r.IntN(24); {
			case n == 0 || e.ID == "":
				op = "enrol"
				window := totp.MinWindow + time.Duration(r.IntN(1436))*time.Minute
				var enrolment totp.Enrolment
				enrolment, got = b.Apps.Enrol(t.Context(), totp.Request{UserID: ada, Window: window})
				want = m.enrol(window, now)
				if got == nil {
					e = enrolment
				}
			case n == 1 && r.IntN(4) == 0:
				op = "remove"
				got = b.Apps.Remove(t.Context(), ada, e.ID)
				m.remove(now)
			case n == 2 && r.IntN(8) == 0:
				op = "unlock"
				got = b.Apps.Unlock(t.Context(), ada)
				m.unlock(now)
			case n < 5:
				op = "status"
				var status totp.Status
				status, got = b.Apps.Status(t.Context(), ada)
				left = len(status.RecoveryCodes)
				wantLeft, want = m.status(now)
				if want == nil && status.Verified != m.verified {
					t.Fatalf("seed %d, step %d: %+v", seed, step, status)
				}
			case n < 9:
				op = "recover"
				place := r.IntN(13) - 3
				code := wrongRecovery
				if place >= 0 {
					code = e.RecoveryCodes[place].Reveal()
				} else {
					place = -1
				}
				_, got = b.Apps.Recover(t.Context(), ada, code)
				wantLeft, want = m.recover(place, now)
			case n < 15:
				op = "wrong"
				_, got = b.Apps.Verify(t.Context(), ada, b.wrong(e))
				wantLeft, _, want = m.verify(-1, now)
			default:
				op = "right"
				offset := r.IntN(5) - 2
				var proof totp.Proof
				proof, got = b.Apps.Verify(t.Context(), ada, b.code(e, offset))
				first = proof.Enrolled
				wantLeft, wantFirst, want = m.verify(stepOf(now)+int64(offset), now)
			}
			outcome := "ok"
			if want != nil {
				outcome = want.Error()
			}
			all[op+": "+outcome]++
			var refusal *engine.Error
			if errors.As(got, &refusal) {
				left = refusal.AttemptsLeft
			}
			if !errors.Is(got, want) || left != wantLeft || first != wantFirst {
				t.Fatalf("seed %d, step %d, %s at %v: %v, want %v; left %d, want %d; first %v, want %v",
					seed, step, op, now.Sub(start), got, want, left, wantLeft, first, wantFirst)
			}
		}
	}
	if len(all) < 20 {
		t.Errorf("the walk is too tame: %v", all)
	}
	if testing.Verbose() {
		t.Logf("%d kinds of outcomes: %v", len(all), all)
	}
}
