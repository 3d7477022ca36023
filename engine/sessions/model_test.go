package sessions_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
)

// Random lives of sessions, compared with a model that knows only moments. The
// clock goes forward, and back by so little that a session is not put right.
func TestLivesAgainstModel(t *testing.T) {
	t.Parallel()
	type life struct {
		token             sessions.Credential
		accessed, expires time.Time
		revoked           bool
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		idle := time.Duration(r.IntN(2)) * 20 * time.Minute
		b := newBench(t, func(c *sessions.Config) { c.Idle, c.MaxPerUser = idle, 100 })
		var lives []*life
		alive := func(l *life) bool {
			now := b.Now()
			return !l.revoked && now.Before(l.expires) && (idle == 0 || now.Before(l.accessed.Add(idle)))
		}
		for step := range 300 {
			duration := time.Duration(5+r.IntN(60)) * time.Minute
			if len(lives) == 0 || r.IntN(6) == 0 && len(lives) < 60 {
				g := bySMS()
				g.Duration = duration
				lives = append(lives, &life{token: token(b.grant(g)), accessed: b.Now(), expires: b.Now().Add(duration)})
			}
			l := lives[r.IntN(len(lives))]
			if !alive(l) {
				l.revoked = true // it never comes back, though the clock might
			}
			want := error(nil)
			if l.revoked {
				want = sessions.ErrNotFound
			}
			switch r.IntN(5) {
			case 0, 1:
				req := sessions.Request{Credential: l.token}
				if r.IntN(2) == 0 {
					req.Duration = duration
				}
				if _, err := b.Authenticate(t.Context(), req); !errors.Is(err, want) {
					t.Fatalf("seed %d, step %d: Authenticate: %v, want %v", seed, step, err, want)
				}
				if want == nil {
					l.accessed = b.Now()
					if req.Duration != 0 {
						l.expires = b.Now().Add(duration)
					}
				}
			case 2:
				g := byEmail(l.token)
				granted, err := b.Grant(t.Context(), g)
				if !errors.Is(err, want) {
					t.Fatalf("seed %d, step %d: Grant: %v, want %v", seed, step, err, want)
				}
				if want == nil {
					l.token, l.accessed = token(granted), b.Now()
				}
			case 3:
				if r.IntN(4) == 0 {
					if err := b.Revoke(t.Context(), l.token); !errors.Is(err, want) {
						t.Fatalf("seed %d, step %d: Revoke: %v, want %v", seed, step, err, want)
					}
					l.revoked = true
				}
			case 4:
				n := 0
				for _, l := range lives {
					if !l.revoked && alive(l) {
						n++
					}
				}
				if got := len(b.list(user)); got != n {
					t.Fatalf("seed %d, step %d: %d sessions, want %d", seed, step, got, n)
				}
			}
			b.advance(time.Duration(r.IntN(9*60)-1) * time.Second)
		}
	}
}

// A clock that ran ahead, and is put right, keeps no session alive for longer
// than it had then.
func TestClockPutRight(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.Idle = 30 * time.Minute })
	b.advance(1000 * time.Hour)
	g := b.grant(bySMS())
	if err := b.Close(t.Context(), "somebody"); err != nil {
		t.Fatal(err)
	}
	b.advance(-1000 * time.Hour)
	got := b.authenticate(token(g), nil)
	if !got.Session.ExpiresAt.Equal(start.Add(hour)) || !got.Session.LastAccessedAt.Equal(start) || got.Session.StartedAt.After(start) {
		t.Errorf("%+v", got.Session)
	}
	b.advance(29 * time.Minute)
	b.authenticate(token(g), nil)
	b.advance(31 * time.Minute)
	b.authenticate(token(g), sessions.ErrNotFound)
	again := bySMS()
	again.UserID = "somebody"
	b.grant(again) // closed in the future, for five minutes at the most

	// Set back by an hour, a session lives that much longer and no more.
	b = newBench(t)
	g = b.grant(bySMS())
	b.advance(-hour)
	b.authenticate(token(g), nil)
	b.advance(hour - time.Second)
	b.authenticate(token(g), nil)
	b.advance(hour + time.Second)
	b.authenticate(token(g), sessions.ErrNotFound)
}
