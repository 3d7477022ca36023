package history

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// A flawed is a store in memory with one flaw, "" for none.
type flawed struct {
	flaw string

	mu       sync.Mutex
	rand     *rand.Rand
	values   map[string][]byte
	earlier  map[string][]byte // the value before this one
	compared map[string][]byte // the old of the last swap
	sums     map[string]int64
	late     func() // a change that was answered with an error
}

func newFlawed(flaw string) *flawed {
	return &flawed{
		flaw: flaw, rand: rand.New(rand.NewPCG(1, 2)),
		values: make(map[string][]byte), earlier: make(map[string][]byte), compared: make(map[string][]byte), sums: make(map[string]int64),
	}
}

// has reports, once in so many times, whether the store has a flaw.
func (s *flawed) has(flaw string, once int) bool { return s.flaw == flaw && s.rand.IntN(once) == 0 }

// leave lets others use the store for a moment.
func (s *flawed) leave() {
	s.mu.Unlock()
	for range 3 {
		runtime.Gosched()
	}
	s.mu.Lock()
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

var errPlanted = errors.New("planted")

func (s *flawed) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch value := s.values[key]; {
	case s.has("reads are stale", 8):
		return bytes.Clone(s.earlier[key]), nil
	case s.has("empty is read as absent", 1) && len(value) == 0:
		return nil, nil
	case s.has("fails by itself", 100):
		return nil, errPlanted
	default:
		return bytes.Clone(value), nil
	}
}

func (s *flawed) CompareAndSwap(ctx context.Context, key string, old, new []byte, _ time.Time) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if s.late != nil && s.rand.IntN(4) == 0 {
		s.late()
		s.late = nil
	}
	current := s.values[key]
	match := same(current, old)
	earlier, exists := s.earlier[key]
	switch {
	case s.late == nil && s.has("writes late what it failed", 25):
		old, new = bytes.Clone(old), bytes.Clone(new)
		s.late = func() {
			if same(s.values[key], old) {
				s.put(key, new)
			}
		}
		return nil, false, errPlanted
	case match && s.has("keeps what it was passed", 1):
		s.values[key] = new
		return nil, true, nil
	case !match && s.has("returns what it keeps", 1):
		return current, false, nil
	case s.has("old is ignored", 10):
		match = true
	case s.has("compares, then writes", 1):
		s.leave()
	case s.has("compares with the value before", 1):
		match = match || exists && same(earlier, old)
	case match && s.has("confirms and forgets", 15):
		return nil, true, nil
	case match && new == nil && s.has("deletes nothing", 2):
		return nil, true, nil
	case !match && same(current, new) && s.has("finds its value and thinks it swapped", 1):
		return nil, true, nil
	case !match && same(s.compared[key], old) && s.has("two are told swapped", 3):
		return nil, true, nil
	case !match && s.has("writes what it refused", 10):
		s.put(key, new)
		return bytes.Clone(current), false, nil
	case !match && s.has("returns what was before", 3):
		return bytes.Clone(earlier), false, nil
	case !match && s.has("returns nothing", 3):
		return nil, false, nil
	case match && s.has("returns what it replaced", 1):
		s.put(key, new)
		return bytes.Clone(current), true, nil
	case s.has("forgets", 40):
		delete(s.values, key)
		match = old == nil
		current = nil
	}
	if !match {
		return bytes.Clone(current), false, nil
	}
	s.compared[key] = bytes.Clone(old)
	s.put(key, new)
	return nil, true, nil
}

func (s *flawed) put(key string, value []byte) {
	s.earlier[key] = s.values[key]
	s.values[key] = bytes.Clone(value)
}

func (s *flawed) Add(ctx context.Context, key string, delta int64, _ time.Time) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sum := s.sums[key]
	switch {
	case s.has("adds in two steps", 1):
		s.leave()
	case s.has("adds twice", 20):
		sum += delta
	case s.has("tells a sum and forgets", 20):
		return sum + delta, nil
	case s.has("tells the sum that is, not the one it made", 1):
		s.sums[key] += delta
		s.leave()
		return s.sums[key], nil
	}
	sum += delta
	s.sums[key] = sum
	return sum, nil
}

// flaws are the planted flaws, and what of a history of engines has to find
// them.
var flaws = []struct {
	flaw            string
	store           bool // histories of the store find it
	accepts, orders bool // so do an invariant, and the model, of the engine
	race            bool // the race detector finds it first
}{
	{flaw: "old is ignored", store: true, accepts: true, orders: true},
	{flaw: "compares, then writes", store: true, accepts: true, orders: true},
	{flaw: "compares with the value before", store: true, accepts: true, orders: true},
	{flaw: "confirms and forgets", store: true, accepts: true, orders: true},
	{flaw: "finds its value and thinks it swapped", store: true, accepts: true, orders: true},
	{flaw: "two are told swapped", store: true, accepts: true, orders: true},
	{flaw: "forgets", store: true, accepts: true, orders: true},
	{flaw: "writes what it refused", store: true, accepts: true, orders: true},
	{flaw: "reads are stale", store: true, orders: true},
	{flaw: "returns what was before", store: true},
	{flaw: "returns nothing", store: true, orders: true},
	{flaw: "keeps what it was passed", store: true, race: true},
	{flaw: "returns what it keeps", store: true, race: true},
	{flaw: "fails by itself", store: true},
	{flaw: "returns what it replaced", store: true},
	{flaw: "deletes nothing", store: true},
	{flaw: "empty is read as absent", store: true},
	{flaw: "adds in two steps", store: true},
	{flaw: "adds twice", store: true},
	{flaw: "tells a sum and forgets", store: true},
	{flaw: "tells the sum that is, not the one it made", store: true},
}

// find returns what the first of the default number of histories that satisfies
// is says to be wrong.
func find(t *testing.T, check func(Options) (Report, error), is func(*Failure) bool) {
	t.Helper()
	o := Options{}.withDefaults()
	first := o.Seed
	for o.Histories > 0 {
		_, err := check(o)
		var failure *Failure
		if !errors.As(err, &failure) {
			break
		}
		os.Remove(failure.Page)
		if is(failure) {
			t.Logf("found by history %d: %s", failure.Seed-first+1, failure.Wrong[0])
			return
		}
		o.Histories -= int(failure.Seed + 1 - o.Seed)
		o.Seed = failure.Seed + 1
	}
	t.Errorf("not found")
}

func TestPlantedFlawsAreFound(t *testing.T) {
	t.Parallel()
	for _, test := range flaws {
		on := func(level string, wanted bool, check func(context.Context, Options, ...store.Store) (Report, error), is func(*Failure) bool) {
			if !wanted || UnderRace && test.race {
				return
			}
			t.Run(test.flaw+"/"+level, func(t *testing.T) {
				t.Parallel()
				find(t, func(o Options) (Report, error) { return check(t.Context(), o, newFlawed(test.flaw)) }, is)
			})
		}
		on("store", test.store, CheckStore, func(*Failure) bool { return true })
		on("invariants", test.accepts, CheckEngine, func(f *Failure) bool { return f.broken })
		on("model", test.orders, CheckEngine, func(f *Failure) bool { return f.order })
	}
}

// A store without flaw passes, and so does one that makes a change long after
// it answered with an error.
func TestSoundStoresPass(t *testing.T) {
	t.Parallel()
	o := Options{Histories: 200}
	if UnderRace || testing.Short() {
		o.Histories = 30
	}
	for name, check := range map[string]func(context.Context, Options, ...store.Store) (Report, error){"store": CheckStore, "engine": CheckEngine} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if report, err := check(t.Context(), o, newFlawed("")); err != nil {
				t.Errorf("%v, after %v", err, report)
			}
			late := 0
			for seed := range uint64(60) {
				report, err := check(t.Context(), Options{Seed: 2*seed + 1, Histories: 1}, newFlawed("writes late what it failed"))
				if err != nil {
					t.Fatal(err)
				}
				late += report.Unknown
			}
			if late < 60 {
				t.Errorf("only %d unknown calls", late)
			}
		})
	}
}

// A wrongly is an engine with a flaw.
type wrongly struct {
	passcodes
	mu       sync.Mutex
	accepted map[[2]string]engine.Proof
	verify   func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error)
}

func (w *wrongly) Verify(ctx context.Context, id, input string) (engine.Proof, error) {
	return w.verify(w, ctx, id, input)
}

func TestPlantedFlawsOfEnginesAreFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flaw   string
		verify func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error)
		is     func(*Failure) bool
	}{
		{"answers a question that was asked before by heart", func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error) {
			w.mu.Lock()
			proof, ok := w.accepted[[2]string{id, input}]
			w.mu.Unlock()
			if ok {
				return proof, nil
			}
			proof, err := w.passcodes.Verify(ctx, id, input)
			if err == nil {
				w.mu.Lock()
				w.accepted[[2]string{id, input}] = proof
				w.mu.Unlock()
			}
			return proof, err
		}, func(f *Failure) bool { return f.broken && f.order }},
		{"fails open", func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error) {
			proof, err := w.passcodes.Verify(ctx, id, input)
			if errors.Is(err, engine.ErrUnavailable) {
				err = nil
			}
			return proof, err
		}, func(f *Failure) bool { return f.broken && f.order }},
		{"asks again when a reply was lost", func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error) {
			proof, err := w.passcodes.Verify(ctx, id, input)
			if errors.Is(err, engine.ErrUnavailable) {
				return w.passcodes.Verify(ctx, id, input)
			}
			return proof, err
		}, func(f *Failure) bool { return f.order }},
		{"other errors", func(w *wrongly, ctx context.Context, id, input string) (engine.Proof, error) {
			proof, err := w.passcodes.Verify(ctx, id, input)
			if errors.Is(err, engine.ErrUnavailable) {
				err = errPlanted
			}
			return proof, err
		}, func(f *Failure) bool { return f.order }},
	} {
		t.Run(test.flaw, func(t *testing.T) {
			t.Parallel()
			find(t, func(o Options) (Report, error) {
				return checkEngine(t.Context(), o, []store.Store{newFlawed("")}, func(e passcodes) passcodes {
					return &wrongly{passcodes: e, verify: test.verify, accepted: make(map[[2]string]engine.Proof)}
				})
			}, test.is)
		})
	}
}
