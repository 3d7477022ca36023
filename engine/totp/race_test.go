package totp_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
)

// stores are the stores of this module.
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
	rounds = 5
)

// onEveryStore runs a test a few rounds with Apps on each store.
func onEveryStore(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range rounds {
				test(t, newBench(t, func(c *totp.Config) { c.Store = open(t, c.Now) }))
			}
		})
	}
}

// race calls f from many goroutines that begin together and counts what it
// returns, by the words of the error; "" is nil.
func race(f func(i int) error) map[string]int {
	var mu sync.Mutex
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	outcomes := make(map[string]int)
	for i := range racers {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			err := f(i)
			var refusal *engine.Error
			outcome := ""
			switch {
			case errors.As(err, &refusal):
				outcome = refusal.Kind.Error()
			case err != nil:
				outcome = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[outcome]++
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return outcomes
}

func TestRaceOneCode(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrol(ada)
		code := b.code(e, 0)
		var mu sync.Mutex
		enrolled := 0
		got := race(func(int) error {
			proof, err := b.Apps.Verify(t.Context(), ada, code)
			if proof.Enrolled {
				mu.Lock()
				enrolled++
				mu.Unlock()
			}
			return err
		})
		if got[""] != 1 || got[totp.ErrReplayed.Error()] != racers-1 || enrolled != 1 {
			t.Errorf("outcomes %v, %d of them enrolled", got, enrolled)
		}
	})
}

// Three codes are right: some of them are accepted, each once, and one of them
// is the first.
func TestRaceThreeCodes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrol(ada)
		codes := []string{b.code(e, -1), b.code(e, 0), b.code(e, 1)}
		var mu sync.Mutex
		accepted := make(map[string]int)
		enrolled := 0
		got := race(func(i int) error {
			proof, err := b.Apps.Verify(t.Context(), ada, codes[i%3])
			if err == nil {
				mu.Lock()
				accepted[codes[i%3]]++
				if proof.Enrolled {
					enrolled++
				}
				mu.Unlock()
			}
			return err
		})
		for code, n := range accepted {
			if n != 1 {
				t.Errorf("%s was accepted %d times", code, n)
			}
		}
		if got[""] != len(accepted) || accepted[codes[2]] != 1 || got[""]+got[totp.ErrReplayed.Error()] != racers || enrolled != 1 {
			t.Errorf("outcomes %v, %d of them enrolled", got, enrolled)
		}
	})
}

func TestRaceWrongCodes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrolled(ada)
		wrong := b.wrong(e)
		got := race(func(i int) (err error) {
			if i%2 == 0 {
				_, err = b.Apps.Verify(t.Context(), ada, wrong)
			} else {
				_, err = b.Apps.Recover(t.Context(), ada, wrongRecovery)
			}
			return err
		})
		if got[engine.ErrWrong.Error()] != 10 || got[engine.ErrLocked.Error()] != racers-10 {
			t.Errorf("outcomes %v", got)
		}
	})
}

func TestRaceRecoveryCode(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrolled(ada)
		code := e.RecoveryCodes[3].Reveal()
		got := race(func(int) error { _, err := b.Apps.Recover(t.Context(), ada, code); return err })
		// The others are wrong guesses, and count as such.
		if got[""] != 1 || got[engine.ErrWrong.Error()] != 10 || got[engine.ErrLocked.Error()] != racers-11 {
			t.Errorf("outcomes %v", got)
		}
	})
}

func TestRaceAllRecoveryCodes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrolled(ada)
		var mu sync.Mutex
		accepted := make(map[string]int)
		race(func(i int) error {
			proof, err := b.Apps.Recover(t.Context(), ada, e.RecoveryCodes[i%10].Reveal())
			if err == nil {
				mu.Lock()
				accepted[proof.Recovery]++
				mu.Unlock()
			}
			return err
		})
		for id, n := range accepted {
			if n != 1 {
				t.Errorf("%s was accepted %d times", id, n)
			}
		}
		if left := len(b.status(ada, nil).RecoveryCodes); left != 10-len(accepted) {
			t.Errorf("%d were accepted and %d are left", len(accepted), left)
		}
	})
}

// Enrolments, guesses and removals at once: no more guesses are compared than
// may be.
func TestRaceEverything(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, b *bench) {
		e := b.enrol(ada)
		got := race(func(i int) (err error) {
			switch i % 8 {
			case 0:
				_, err = b.Apps.Enrol(t.Context(), totp.Request{UserID: ada})
				return err
			case 1:
				return b.Apps.Remove(t.Context(), ada, e.ID)
			}
			_, err = b.Apps.Verify(t.Context(), ada, "000000")
			return err
		})
		if n := got[engine.ErrWrong.Error()]; n > 10 {
			t.Errorf("%d guesses were compared: %v", n, got)
		}
		delete(got, "")
		delete(got, totp.ErrNone.Error())
		for _, kind := range []error{engine.ErrWrong, engine.ErrLocked, engine.ErrUnavailable} { // the last: too many lost races
			delete(got, kind.Error())
		}
		if len(got) > 0 {
			t.Errorf("outcomes %v", got)
		}
	})
}
