package main

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A timing is what a number of operations took.
type timing struct {
	ops     int
	took    time.Duration // wall time
	allocs  uint64
	samples []time.Duration // of single operations
}

func (t timing) plus(u timing) timing {
	return timing{t.ops + u.ops, t.took + u.took, t.allocs + u.allocs, append(t.samples, u.samples...)}
}

func (t timing) perOp() float64 { return float64(t.took) / float64(t.ops) }

// quantile returns the latency below which a part of the operations stayed.
func (t timing) quantile(part float64) float64 {
	if len(t.samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.samples))
	return float64(sorted[int(float64(len(sorted)-1)*part)])
}

// timed shares n operations among the callers and measures them. Of many
// operations every sixteenth is sampled, since reading the clock takes time
// itself.
func timed(callers, n int, part func(from, to int, sample func(time.Duration), every int) error) (timing, error) {
	every := 1
	if n/callers >= 1000 {
		every = 16
	}
	var (
		t             = timing{ops: n}
		errs          []error
		mu            sync.Mutex
		done          sync.WaitGroup
		before, after runtime.MemStats
	)
	runtime.ReadMemStats(&before)
	began := time.Now()
	for c := range callers {
		done.Go(func() {
			own := make([]time.Duration, 0, n/callers/every+1)
			err := part(n*c/callers, n*(c+1)/callers, func(d time.Duration) { own = append(own, d) }, every)
			mu.Lock()
			defer mu.Unlock()
			t.samples, errs = append(t.samples, own...), append(errs, err)
		})
	}
	done.Wait()
	t.took = time.Since(began)
	runtime.ReadMemStats(&after)
	t.allocs = after.Mallocs - before.Mallocs
	return t, errors.Join(errs...)
}

// with returns the row filled in with the medians of the rounds. Ratios are
// taken within each round.
func (r row) with(own, units []timing) row {
	pick := func(f func(i int) float64) float64 {
		values := make([]float64, len(own))
		for i := range own {
			values[i] = f(i)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	r.PerSecond = pick(func(i int) float64 { return 1e9 / own[i].perOp() })
	r.P50 = time.Duration(pick(func(i int) float64 { return own[i].quantile(0.5) }))
	r.P99 = time.Duration(pick(func(i int) float64 { return own[i].quantile(0.99) }))
	r.Allocs = pick(func(i int) float64 { return float64(own[i].allocs) / float64(own[i].ops) })
	r.UnitNanos = pick(func(i int) float64 { return units[i].perOp() })
	if r.Unit == "H" {
		r.Ratio = pick(func(i int) float64 { return own[i].perOp() / units[i].perOp() })
		return r
	}
	r.Ratio = pick(func(i int) float64 { return units[i].perOp() / own[i].perOp() })
	r.UnitP50 = time.Duration(pick(func(i int) float64 { return units[i].quantile(0.5) }))
	r.P50Ratio = pick(func(i int) float64 { return own[i].quantile(0.5) / units[i].quantile(0.5) })
	return r
}
