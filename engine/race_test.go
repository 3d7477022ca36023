package engine_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
)

// stores are the stores of this module; every rule that a store could break
// is tried on each.
var stores = map[string]func(*testing.T, func() time.Time) store.Store{
	"memstore": func(t *testing.T, now func() time.Time) store.Store {
		s, err := memstore.New(memstore.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
	"boltstore": func(t *testing.T, now func() time.Time) store.Store {
		db, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "race.db"), boltstore.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	},
}

const (
	racers = 1000
	rounds = 100
)

// onEveryStore runs a test with an engine on each store.
func onEveryStore(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, func(c *engine.Config) { c.Store = open(t, c.Now) }))
		})
	}
}

// race runs f in many goroutines that begin together.
func race(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			f(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}

// tally counts outcomes.
type tally struct {
	mu                          sync.Mutex
	accepted, wrong, used, rest int
}

func (c *tally) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.accepted++
	case errors.Is(err, engine.ErrWrong):
		c.wrong++
	case errors.Is(err, engine.ErrUsed):
		c.used++
	default:
		c.rest++
	}
}

func TestRaceOfRightCodes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		for round := range rounds {
			req := someone
			req.To = number(round)
			challenge, code := b.start(req)
			var c tally
			race(racers, func(int) {
				_, err := b.Engine.Verify(t.Context(), challenge.ID, code)
				c.add(err)
			})
			if c.accepted != 1 || c.used != racers-1 {
				t.Fatalf("round %d: %+v of %d right codes at once", round, &c, racers)
			}
		}
	})
}

func TestRaceOfWrongCodes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		for round := range rounds / 5 {
			req := someone
			req.To = number(round)
			challenge, code := b.start(req)
			var c tally
			race(racers, func(int) {
				_, err := b.Engine.Verify(t.Context(), challenge.ID, wrong(code))
				c.add(err)
			})
			if c.wrong != challenge.Tries || c.used != racers-challenge.Tries {
				t.Fatalf("round %d: %+v of %d wrong codes at once", round, &c, racers)
			}
			b.verify(challenge.ID, code, engine.ErrUsed)
		}
	})
}

// Guesses, right codes and resends at once: the old code is dead once a new
// one is out, no more than the tries of each code are compared, and each code
// is accepted at most once.
func TestRaceOfEverything(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		for round := range rounds / 5 {
			req := someone
			req.To = number(round)
			challenge, code := b.start(req)
			var c tally
			started := 0
			var mu sync.Mutex
			race(64, func(i int) {
				switch i % 8 {
				case 0:
					if _, err := b.Engine.Start(t.Context(), req); err == nil {
						mu.Lock()
						started++
						mu.Unlock()
					}
				case 1, 2:
					_, err := b.Engine.Verify(t.Context(), challenge.ID, code)
					c.add(err)
				default:
					_, err := b.Engine.Verify(t.Context(), challenge.ID, wrong(code))
					c.add(err)
				}
			})
			if c.accepted > 1 || c.wrong > challenge.Tries || started != 4 || c.rest != 0 {
				t.Fatalf("round %d: %+v, %d started", round, &c, started)
			}
		}
	})
}

func TestRaceOfSends(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		var mu sync.Mutex
		sent, limited := 0, 0
		race(200, func(int) {
			_, err := b.Engine.Start(t.Context(), someone)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				sent++
			} else if errors.Is(err, engine.ErrLimited) {
				limited++
			}
		})
		if sent != 5 || limited != 195 || b.sent() != 5 {
			t.Fatalf("%d sent, %d limited, %d messages", sent, limited, b.sent())
		}
	})
}

// A restart forgets nothing that boltstore was told: neither wrong guesses nor
// sends, and a used code stays used.
func TestRestartGivesNoNewGuesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "restart.db")
	var db *boltstore.DB
	restart := func() *bench {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return newBench(t, func(c *engine.Config) {
			var err error
			if db, err = boltstore.Open(t.Context(), path, boltstore.Config{Now: c.Now}); err != nil {
				t.Fatal(err)
			}
			c.Store = db
		})
	}
	challenge, code := restart().start(someone)
	for left := 4; left >= 0; left-- {
		if e := restart().verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != left {
			t.Fatalf("%d attempts left, want %d", e.AttemptsLeft, left)
		}
	}
	restart().verify(challenge.ID, code, engine.ErrUsed)
	for range 4 {
		challenge, code = restart().start(someone)
		restart().verify(challenge.ID, code, nil)
		restart().verify(challenge.ID, code, engine.ErrUsed)
	}
	_, err := restart().Engine.Start(t.Context(), someone)
	newBench(t).check("sixth Start", err, engine.ErrLimited)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
