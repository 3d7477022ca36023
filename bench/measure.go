package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// A target is a store to measure and the other side of its ratio.
type target struct {
	name     string
	unitName string // of the other side
	store    store.Store
	fillers  int                                    // callers that fill it
	cached   int                                    // records that the engine remembers; 0: as many as by default; cold checks only above
	unit     func(callers, ops int) (timing, error) // the other side
	most     func(n, callers int) int               // checks of a round
	close    func() error
}

func openTarget(ctx context.Context, p plan, name string, n int, now func() time.Time) (target, error) {
	switch name {
	case "redis":
		return openRedis(ctx, p, n, now)
	case "postgres":
		return openPostgres(ctx, p, n, now)
	case "memstore":
		memory, err := memstore.New(memstore.Config{Now: now, MaxBytes: 8 << 30})
		return target{
			name: name, unitName: "H", store: memory, fillers: runtime.GOMAXPROCS(0),
			unit:  func(int, int) (timing, error) { return measureH(), nil },
			most:  func(n, _ int) int { return max(n, p.checks) },
			close: func() error { return nil },
		}, err
	}
	db, err := boltstore.Open(ctx, dbPath(p, n), boltstore.Config{Now: now})
	if err != nil {
		return target{}, err
	}
	bare, err := openBare(ctx, p, n)
	if err != nil {
		return target{}, errors.Join(err, db.Close())
	}
	return target{
		name: name, unitName: "Update", store: db, fillers: 1024,
		unit:  func(callers, ops int) (timing, error) { return bare.measure(ctx, callers, ops) },
		most:  func(n, callers int) int { return min(n, 1000*min(callers, 64)) },
		close: func() error { return errors.Join(bare.close(), db.Close()) },
	}, nil
}

func dbPath(p plan, n int) string { return filepath.Join(p.dir, fmt.Sprintf("bench-%d.db", n)) }

// measure fills one store with n codes and measures it with each number of
// callers.
func measure(ctx context.Context, p plan, name string, n int) (rows []row, err error) {
	fmt.Fprintf(p.log, "%s, %d codes\n", name, n)
	clock := new(atomic.Int64)
	clock.Store(time.Now().UnixNano())
	t, err := openTarget(ctx, p, name, n, func() time.Time { return time.Unix(0, clock.Load()) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()

	before := heap()
	l, err := newLoad(t.store, clock, n, t.cached)
	if err != nil {
		return nil, err
	}
	if err := l.fill(ctx, t.fillers, p.log); err != nil {
		return nil, err
	}
	first := row{Store: name, Records: n, Unit: t.unitName, Bytes: float64(fileSize(dbPath(p, n))) / float64(n)}
	if name == "memstore" {
		first.Bytes = float64(heap()-before-uint64(n*(idSize+codeSize))) / float64(n)
		began := time.Now()
		runtime.GC()
		first.GC = time.Since(began)
	}
	for _, callers := range p.callers {
		var wrongs, rights, colds, units []timing
		progress := newProgress(p.log, fmt.Sprintf("checking, %d callers, round", callers), p.rounds)
		for range p.rounds {
			r, err := t.round(ctx, l, callers, p)
			if err != nil {
				return rows, err
			}
			units, wrongs, rights, colds = append(units, r.unit), append(wrongs, r.wrong), append(rights, r.right), append(colds, r.cold)
			progress.add(1)
		}
		progress.end()
		first.Callers = callers
		first.Guess = "wrong"
		rows = append(rows, first.with(wrongs, units))
		first.Guess = "right"
		rows = append(rows, first.with(rights, units))
		if l.cold != nil {
			first.Guess = "cold"
			rows = append(rows, first.with(colds, units))
		}
	}
	return rows, nil
}

// A round is what the other side took, and each kind of check.
type round struct{ unit, wrong, right, cold timing }

// round measures the other side and each kind of check, in turns.
func (t target) round(ctx context.Context, l *load, callers int, p plan) (r round, err error) {
	most := t.most(l.n, callers)
	for r.wrong.ops < most {
		codes := l.take(min(l.n, most))
		var others []int
		if l.cold != nil {
			others = l.take(len(codes))
		}
		if codes == nil || l.cold != nil && others == nil {
			if sweeping, ok := t.store.(storetest.Sweeper); ok {
				if _, err := sweeping.Sweep(ctx); err != nil {
					return r, err
				}
			}
			if err := l.fill(ctx, t.fillers, p.log); err != nil {
				return r, err
			}
			continue
		}
		measured := func(sum *timing, measure func() (timing, error)) {
			if err != nil {
				return
			}
			var one timing
			one, err = measure()
			*sum = sum.plus(one)
		}
		measured(&r.unit, func() (timing, error) { return t.unit(callers, len(codes)) })
		measured(&r.wrong, func() (timing, error) { return l.check(ctx, l.engine, callers, codes, false) })
		measured(&r.right, func() (timing, error) { return l.check(ctx, l.engine, callers, codes, true) })
		if l.cold != nil {
			measured(&r.cold, func() (timing, error) { return l.check(ctx, l.cold, callers, others, false) })
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// check enters a code for each of the challenges, shared among the callers,
// and insists on the right outcome of every one. Ids and guesses lie in the
// order in which they are entered: to the engine they come from a request,
// not from somewhere in a large array.
func (l *load) check(ctx context.Context, e *engine.Engine, callers int, order []int, right bool) (timing, error) {
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
			_, err := e.Verify(ctx, id, guess)
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

// messageSize is the size of the message of a six-digit code's MAC: tag,
// channel, subject, nonce and code.
const messageSize = 4 + 1 + 22 + 16 + 6

// measureH measures one HMAC-SHA-256 with a kept key.
func measureH() timing {
	mac := hmac.New(sha256.New, make([]byte, engine.MinSecret))
	message, sum := make([]byte, messageSize), make([]byte, 0, sha256.Size)
	const n = 50_000
	began := time.Now()
	for range n {
		mac.Reset()
		mac.Write(message)
		sum = mac.Sum(sum[:0])
	}
	return timing{ops: n, took: time.Since(began)}
}

// heap returns the bytes of the heap in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
