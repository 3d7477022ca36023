package history

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// Options say how much is checked. The zero Options are ready to use.
type Options struct {
	// Histories is how many histories of a level are made. Default 200.
	Histories int

	// Seed is that of the first history; each next one has the next. Default:
	// a random one.
	Seed uint64

	// Parallel is how many histories are made and checked at once. Default 8.
	Parallel int

	// Limit is how long the check of a history may take. Default 20 seconds.
	// One that takes longer counts as failed.
	Limit time.Duration
}

func (o Options) withDefaults() Options {
	o.Histories = cmp.Or(o.Histories, 200)
	o.Parallel = cmp.Or(o.Parallel, 8)
	o.Limit = cmp.Or(o.Limit, 20*time.Second)
	for o.Seed == 0 {
		o.Seed = rand.Uint64() >> 24 // short enough to type
	}
	return o
}

// Flags adds the flags -histories and -seed, for the fields of that name, to a
// set: a TestMain lets the command line decide with it.
func (o *Options) Flags(set *flag.FlagSet) {
	set.IntVar(&o.Histories, "histories", o.Histories, "how many `histories` of each store and level to check; 0: the default")
	set.Uint64Var(&o.Seed, "seed", o.Seed, "`seed` of the first history; 0: a random one")
}

// A Report counts what was checked.
type Report struct {
	Histories int
	Calls     int
	Raced     int            // calls that began while another was under way about the same key or address
	Unknown   int            // calls that returned an error
	Outcomes  map[string]int // calls by how they ended, such as "Verify: accepted"
}

func (r Report) String() string {
	return fmt.Sprintf("%d histories, %d calls, %d raced, %d unknown", r.Histories, r.Calls, r.Raced, r.Unknown)
}

// add adds another report to r.
func (r *Report) add(other Report) {
	r.Histories += other.Histories
	r.Calls += other.Calls
	r.Raced += other.Raced
	r.Unknown += other.Unknown
	for outcome, n := range other.Outcomes {
		r.Outcomes[outcome] += n
	}
}

// A Failure is a history that no correct store, or engine, could have made, or
// that was not checked in time.
type Failure struct {
	Seed  uint64   // makes the history again, as Options.Seed
	Wrong []string // what is wrong with it
	Page  string   // file that shows it in a browser; nobody removes it

	broken bool // among what is wrong is an invariant,
	order  bool // that no order of the calls explains the replies
}

func (f *Failure) Error() string {
	return fmt.Sprintf("history %d:\n\t%s\n\tpage: %s", f.Seed, strings.Join(f.Wrong, "\n\t"), f.Page)
}

// repeat returns the command that makes the history again, in a test of that
// name.
func (f *Failure) repeat(test string) string {
	pattern := "^" + strings.ReplaceAll(test, "/", "$/^") + "$"
	return fmt.Sprintf("repeat, in its directory: go test . -run '%s' -seed %d -histories 1 -count 1", pattern, f.Seed)
}

// CheckStore checks histories of a store: of callers who take the ways that
// there are to it, which is one for a store in memory and, for one on a server,
// one for each process. Its error is that of ctx, or a *Failure, after which no
// more histories are made.
func CheckStore(ctx context.Context, o Options, ways ...store.Store) (Report, error) {
	o = o.withDefaults()
	l := storeLevel()
	return o.each(ctx, func(seed uint64) (Report, error) {
		return l.examine(seed, storeHistory(ctx, ways, seed), o.Limit)
	})
}

// CheckEngine checks histories of two or three engines, which share the ways
// to a store. Its error is that of ctx, that of engine.New, or a *Failure, after
// which no more histories are made.
func CheckEngine(ctx context.Context, o Options, ways ...store.Store) (Report, error) {
	return checkEngine(ctx, o, ways, func(e passcodes) passcodes { return e })
}

// checkEngine is CheckEngine with something put before each engine by wrap.
func checkEngine(ctx context.Context, o Options, ways []store.Store, wrap func(passcodes) passcodes) (Report, error) {
	o = o.withDefaults()
	return o.each(ctx, func(seed uint64) (Report, error) {
		calls, rules, err := engineHistory(ctx, ways, seed, wrap)
		if err != nil {
			return Report{}, err
		}
		return engineLevel(rules).examine(seed, calls, o.Limit)
	})
}

// each tries the seeds of all histories, until one fails or ctx is done.
func (o Options) each(ctx context.Context, try func(seed uint64) (Report, error)) (Report, error) {
	var (
		mu      sync.Mutex
		next    int
		total   = Report{Outcomes: make(map[string]int)}
		failure error
		workers sync.WaitGroup
	)
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return o.Seed + uint64(next) - 1, next <= o.Histories && failure == nil && ctx.Err() == nil
	}
	for range o.Parallel {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				report, err := try(seed)
				mu.Lock()
				total.add(report)
				failure = cmp.Or(failure, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return total, cmp.Or(ctx.Err(), failure)
}

// Run checks histories of a store, and of engines on it, in two subtests that
// run in parallel. open returns the ways to one store, as for [CheckStore], and
// closes them through t.Cleanup. A failure is reported with what repeats it:
// the seed, and the command for a test whose TestMain has called [Options.Flags].
func Run(t *testing.T, open func(t *testing.T) []store.Store, o Options) {
	ways := open(t)
	levels := []struct {
		name   string
		check  func(context.Context, Options, ...store.Store) (Report, error)
		expect []string
	}{
		{"store", CheckStore, storeOutcomes()},
		{"engine", CheckEngine, engineOutcomes()},
	}
	for _, level := range levels {
		t.Run(level.name, func(t *testing.T) {
			t.Parallel()
			report, err := level.check(t.Context(), o, ways...)
			t.Log(report)
			var failure *Failure
			switch {
			case errors.As(err, &failure):
				t.Errorf("%v\n\t%s", failure, failure.repeat(t.Name()))
			case err != nil:
				t.Fatal(err)
			}
			// What never happened was not tested.
			for _, outcome := range level.expect {
				if report.Histories >= 200 && report.Outcomes[outcome] == 0 {
					t.Errorf("in %d histories there was no %q", report.Histories, outcome)
				}
			}
		})
	}
}
