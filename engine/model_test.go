package engine_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
)

// A model is the rules of the engine as one would tell them, with lists of
// moments in place of windows and nothing stored: what the engine answers must
// be what the model answers, for any sequence of calls.
type model struct {
	policy policy.Policy
	sends  []time.Time
	wrong  []time.Time
	row    int
	until  time.Time
	live   int // number of the challenge whose code may be entered; 0 for none
	last   int // number of the challenge made last
	ended  map[int]bool
	tries  int
	issued time.Time
}

func (m *model) locked(now time.Time) error {
	if now.Before(m.until) {
		return engine.ErrLocked
	}
	return nil
}

// quiet forgets the row after a day without a send or guess.
func (m *model) quiet(now time.Time) {
	last := m.until
	if n := len(m.sends); n > 0 && m.sends[n-1].Add(policy.Day).After(last) {
		last = m.sends[n-1].Add(policy.Day)
	}
	if n := len(m.wrong); n > 0 {
		if at := m.wrong[n-1].Truncate(time.Hour).Add(25 * time.Hour); at.After(last) {
			last = at
		}
	}
	if !now.Before(last) {
		m.row = 0
	}
}

func (m *model) start(now time.Time) error {
	m.quiet(now)
	if err := m.locked(now); err != nil {
		return err
	}
	for _, b := range m.policy.Sends {
		n := 0
		for _, at := range m.sends {
			if at.Add(b.Window).After(now) {
				n++
			}
		}
		if n >= b.Limit {
			return engine.ErrLimited
		}
	}
	m.sends = append(m.sends, now)
	m.last++
	m.live, m.tries, m.issued = m.last, 0, now
	return nil
}

func (m *model) resend(challenge int, now time.Time) error {
	if challenge != m.last || m.ended[challenge] {
		return engine.ErrUsed
	}
	return m.start(now)
}

func (m *model) cancel(challenge int) error {
	if challenge != m.last {
		return engine.ErrUsed
	}
	if m.live == challenge {
		m.live, m.ended[challenge] = 0, true
	}
	return nil
}

func (m *model) verify(challenge int, right bool, now time.Time) (left int, err error) {
	m.quiet(now)
	switch {
	case challenge != m.last:
		return 0, engine.ErrUsed
	case m.locked(now) != nil:
		return 0, engine.ErrLocked
	case m.live == 0:
		return 0, engine.ErrUsed
	case !now.Before(m.issued.Add(m.policy.Lifetime)):
		return 0, engine.ErrExpired
	case right:
		m.live, m.row, m.ended[challenge] = 0, 0, true
		return 0, nil
	}
	m.tries++
	m.row++
	m.wrong = append(m.wrong, now)
	left = min(m.policy.Tries-m.tries, m.policy.Lock.After-m.row)
	if m.row == m.policy.Lock.After {
		m.row, m.until = 0, now.Add(m.policy.Lock.For)
	}
	if left == 0 {
		m.live = 0
	}
	return left, engine.ErrWrong
}

func TestAgainstModel(t *testing.T) {
	t.Parallel()
	rules := []policy.Policy{
		{PerDay: 1000},
		{PerDay: 1000, Tries: 3, Lock: policy.Lock{After: 4, For: 20 * time.Minute}},
		{PerDay: 1000, Tries: 1, Sends: []policy.Budget{{Limit: 2, Window: time.Minute}, {Limit: 50, Window: policy.Day}}},
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, func(c *engine.Config) {
			c.Policy, c.UnsafeOdds = rules[seed%3], true
			c.Cache = []int{engine.DefaultCache, -1, 8}[seed/3%3]
		})
		// With other engines beside it, what each remembers is often overtaken.
		engines := []*engine.Engine{b.Engine}
		for range seed / 9 % 3 {
			other, err := engine.New(b.Config)
			if err != nil {
				t.Fatal(err)
			}
			engines = append(engines, other)
		}
		m := &model{policy: rules[seed%3].WithDefaults(), ended: make(map[int]bool)}
		ids, codes := []string{"c.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA"}, []string{"000000"}
		outcomes := make(map[string]int)
		for step := range 400 {
			b.Engine = engines[r.IntN(len(engines))]
			// Whole seconds, to which the engine rounds sends.
			b.advance(time.Duration(r.IntN(4)*r.IntN(4)*r.IntN(60)) * time.Second)
			now := b.Now()
			challenge := max(0, len(ids)-1-r.IntN(2)*r.IntN(3))
			var got, want error
			left := 0
			op := "start"
			switch n := r.IntN(10); {
			case n < 2 || n == 2 && len(ids) > 1:
				var ch engine.Challenge
				if n == 2 {
					op = "resend"
					ch, got = b.Engine.Resend(t.Context(), ids[challenge], someone)
					want = m.resend(challenge, now)
				} else {
					ch, got = b.Engine.Start(t.Context(), someone)
					want = m.start(now)
				}
				if got == nil {
					ids, codes = append(ids, ch.ID), append(codes, b.last().Code.Reveal())
				}
			case n == 3 && r.IntN(4) == 0 && len(ids) > 1:
				op = "cancel"
				got, want = b.Engine.Cancel(t.Context(), ids[challenge]), m.cancel(challenge)
			case len(ids) > 1:
				right := r.IntN(6) == 0
				code := codes[challenge]
				op = "right"
				if !right {
					code, op = wrong(code), "wrong"
				}
				_, got = b.Engine.Verify(t.Context(), ids[challenge], code)
				left, want = m.verify(challenge, right, now)
			default:
				continue
			}
			outcome := "ok"
			if want != nil {
				outcome = want.Error()
			}
			outcomes[op+": "+outcome]++
			var refusal *engine.Error
			if !errors.Is(got, want) || errors.As(got, &refusal) && refusal.AttemptsLeft != left {
				t.Fatalf("seed %d, step %d, %s of challenge %d at %v: %v, want %v with %d left",
					seed, step, op, challenge, now.Sub(start), got, want, left)
			}
		}
		if seed == 1 && len(outcomes) < 12 {
			t.Errorf("the walk is too tame: %v", outcomes)
		}
	}
}
