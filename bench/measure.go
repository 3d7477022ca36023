package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
)

// measure fills one store with n codes and measures it with each number of
// callers.
func measure(ctx context.Context, p plan, name string, n int) (rows []row, err error) {
	fmt.Fprintf(p.log, "%s, %d codes\n", name, n)
	clock := new(atomic.Int64)
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	var s interface {
		store.Store
		Sweep(context.Context) (int, error)
	}
	var unit func(callers, ops int) (timing, error) // the other side of the ratio
	filler := runtime.GOMAXPROCS(0)
	switch name {
	case "memstore":
		s, err = memstore.New(memstore.Config{Now: now, MaxBytes: 8 << 30})
		unit = func(int, int) (timing, error) { return measureH(), nil }
	case "boltstore":
		var db *boltstore.DB
		db, err = boltstore.Open(ctx, filepath.Join(p.dir, fmt.Sprintf("bench-%d.db", n)), boltstore.Config{Now: now})
		if err == nil {
			defer func() { err = errors.Join(err, db.Close()) }()
			s = db
			var bare *bare
			if bare, err = openBare(ctx, p, n); err == nil {
				defer func() { err = errors.Join(err, bare.close()) }()
				unit = func(callers, ops int) (timing, error) { return bare.measure(ctx, callers, ops) }
			}
		}
		filler = 1024
	}
	if err != nil {
		return nil, err
	}
	before := heap()
	l, err := newLoad(s, clock, n)
	if err != nil {
		return nil, err
	}
	if err := l.fill(ctx, filler, p.log); err != nil {
		return nil, err
	}
	perCode := float64(heap()-before-uint64(n*(idSize+codeSize))) / float64(n)
	if name == "boltstore" {
		perCode = float64(fileSize(filepath.Join(p.dir, fmt.Sprintf("bench-%d.db", n)))) / float64(n)
	}
	var gc time.Duration
	if name == "memstore" {
		began := time.Now()
		runtime.GC()
		gc = time.Since(began)
	}

	fresh := true
	for _, callers := range p.callers {
		wrong := row{Store: name, Records: n, Callers: callers, Guess: "wrong", Bytes: perCode, GC: gc, Unit: "H"}
		if name == "boltstore" {
			wrong.Unit = "Update"
		}
		right := wrong
		right.Guess = "right"
		var wrongs, rights, units []timing
		progress := newProgress(p.log, fmt.Sprintf("checking, %d callers, round", callers), p.rounds)
		for range p.rounds {
			if !fresh {
				if _, err := s.Sweep(ctx); err != nil {
					return rows, err
				}
				if err := l.fill(ctx, filler, p.log); err != nil {
					return rows, err
				}
			}
			fresh = false
			ops := n
			if name == "boltstore" {
				ops = min(n, 1000*min(callers, 64))
			}
			order := rand.Perm(n)[:ops]
			u, err := unit(callers, ops)
			if err != nil {
				return rows, err
			}
			w, err := l.check(ctx, callers, order, false)
			if err != nil {
				return rows, err
			}
			r, err := l.check(ctx, callers, order, true)
			if err != nil {
				return rows, err
			}
			progress.add(1)
			units, wrongs, rights = append(units, u), append(wrongs, w), append(rights, r)
		}
		progress.end()
		wrong.summarise(wrongs, units)
		right.summarise(rights, units)
		rows = append(rows, wrong, right)
	}
	return rows, nil
}

// A timing is one round of one side.
type timing struct {
	perOp    time.Duration // wall time over operations
	p50, p99 time.Duration // of single operations
	allocs   float64
}

func (r *row) summarise(own, units []timing) {
	pick := func(all []timing, f func(timing) float64) float64 {
		var values []float64
		for _, t := range all {
			values = append(values, f(t))
		}
		return median(values)
	}
	perOp := func(t timing) float64 { return float64(t.perOp) }
	p50 := func(t timing) float64 { return float64(t.p50) }
	r.PerSecond = 1e9 / pick(own, perOp)
	r.P50 = time.Duration(pick(own, p50))
	r.P99 = time.Duration(pick(own, func(t timing) float64 { return float64(t.p99) }))
	r.Allocs = pick(own, func(t timing) float64 { return t.allocs })
	r.UnitNanos = pick(units, perOp)
	var ratios, p50s []float64
	for i := range own {
		ratio := float64(own[i].perOp) / float64(units[i].perOp)
		if r.Unit == "Update" {
			ratio = 1 / ratio
			p50s = append(p50s, float64(own[i].p50)/float64(units[i].p50))
		}
		ratios = append(ratios, ratio)
	}
	r.Ratio = median(ratios)
	if len(p50s) > 0 {
		r.UnitP50, r.P50Ratio = time.Duration(pick(units, p50)), median(p50s)
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// check enters a code for each of the challenges, shared among the callers,
// and insists on the right outcome of every one. Ids and guesses lie in the
// order in which they are entered: to the engine they come from a request,
// not from somewhere in a large array.
func (l *load) check(ctx context.Context, callers int, order []int, right bool) (timing, error) {
	ids, guesses := make([]byte, 0, len(order)*idSize), make([]byte, 0, len(order)*codeSize)
	for _, i := range order {
		ids = append(ids, l.ids[i*idSize:(i+1)*idSize]...)
		guesses = append(guesses, l.codes[i*codeSize:(i+1)*codeSize]...)
		if last := &guesses[len(guesses)-1]; !right {
			*last = '0' + (*last-'0'+1)%10
		}
	}
	return timed(callers, len(order), func(from, to int, sample func(time.Duration), every int) error {
		for k := from; k < to; k++ {
			id, guess := unsafe.String(&ids[k*idSize], idSize), unsafe.String(&guesses[k*codeSize], codeSize)
			var began time.Time
			if k%every == 0 {
				began = time.Now()
			}
			_, err := l.engine.Verify(ctx, id, guess)
			if k%every == 0 {
				sample(time.Since(began))
			}
			if right && err != nil || !right && !errors.Is(err, engine.ErrWrong) {
				return fmt.Errorf("a check gave %w", err)
			}
		}
		return nil
	})
}

// timed shares n operations among the callers and measures them.
func timed(callers, n int, part func(from, to int, sample func(time.Duration), every int) error) (timing, error) {
	every := 1
	if n/callers >= 1000 {
		every = 16
	}
	var (
		mu      sync.Mutex
		samples []time.Duration
		errs    []error
		done    sync.WaitGroup
		before  runtime.MemStats
		after   runtime.MemStats
	)
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	for c := range callers {
		done.Go(func() {
			own := make([]time.Duration, 0, n/callers/every+1)
			err := part(n*c/callers, n*(c+1)/callers, func(d time.Duration) { own = append(own, d) }, every)
			mu.Lock()
			defer mu.Unlock()
			samples, errs = append(samples, own...), append(errs, err)
		})
	}
	done.Wait()
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	slices.Sort(samples)
	return timing{
		perOp:  took / time.Duration(n),
		p50:    samples[len(samples)/2],
		p99:    samples[len(samples)*99/100],
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}, errors.Join(errs...)
}

// messageSize is the size of the message of a six-digit code's MAC: tag,
// channel, subject, nonce and code.
const messageSize = 4 + 1 + 22 + 16 + 6

// measureH measures one HMAC-SHA-256 with a kept key.
func measureH() timing {
	mac := hmac.New(sha256.New, make([]byte, engine.MinSecret))
	message, sum := make([]byte, messageSize), make([]byte, 0, sha256.Size)
	const n = 200_000
	began := time.Now()
	for range n {
		mac.Reset()
		mac.Write(message)
		sum = mac.Sum(sum[:0])
	}
	return timing{perOp: time.Since(began) / n}
}

// heap returns the bytes of the heap in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
