package group

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A desk is a commit that a test can hold up: each batch waits for a go-ahead.
type desk struct {
	batches [][]int
	open    chan error // what the next commit returns
	asks    bool       // for more, when it gets its go-ahead
}

func newDesk() *desk { return &desk{open: make(chan error)} }

func (d *desk) commit(batch []*int, more func() []*int) error {
	d.note(batch)
	err := <-d.open
	for d.asks && len(batch) > 0 {
		batch = more()
		d.note(batch)
	}
	return err
}

func (d *desk) note(batch []*int) {
	ids := []int{}
	for _, op := range batch {
		ids = append(ids, *op)
	}
	slices.Reverse(batch) // which is allowed
	d.batches = append(d.batches, ids)
}

// A call is one Do that runs in its own goroutine.
type call struct {
	err  error
	done bool
}

func do(g *Group[int], ctx context.Context, id int) *call {
	c := new(call)
	go func() {
		c.err = g.Do(ctx, &id)
		c.done = true
	}()
	synctest.Wait()
	return c
}

// next lets the commit under way return err and waits until nothing moves.
func (d *desk) next(err error) {
	d.open <- err
	synctest.Wait()
}

func wantBatches(t *testing.T, d *desk, want ...[]int) {
	t.Helper()
	if got := fmt.Sprint(d.batches); got != fmt.Sprint(want) {
		t.Fatalf("batches %v, want %v", got, fmt.Sprint(want))
	}
}

func TestWhoeverFindsTheWriterFreeCarriesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		g := New(10, d.commit)
		first := do(g, t.Context(), 0)
		wantBatches(t, d, []int{0}) // at once, alone
		var rest []*call
		for id := range 5 {
			rest = append(rest, do(g, t.Context(), id+1))
		}
		wantBatches(t, d, []int{0})
		d.next(nil)
		wantBatches(t, d, []int{0}, []int{1, 2, 3, 4, 5})
		if !first.done {
			t.Error("the first caller works on for others")
		}
		d.next(nil)
		for i, c := range rest {
			if !c.done || c.err != nil {
				t.Errorf("call %d: done %t, error %v", i+1, c.done, c.err)
			}
		}
	})
}

func TestLimitAndOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		g := New(3, d.commit)
		var calls []*call
		for id := range 8 {
			calls = append(calls, do(g, t.Context(), id))
		}
		for range 4 {
			d.next(nil)
		}
		wantBatches(t, d, []int{0}, []int{1, 2, 3}, []int{4, 5, 6}, []int{7})
		for i, c := range calls {
			if !c.done {
				t.Errorf("call %d still waits", i)
			}
		}
	})
}

func TestMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.asks = true
		g := New(4, d.commit)
		gone, cancel := context.WithCancel(t.Context())
		var calls []*call
		for id := range 7 {
			ctx := t.Context()
			if id == 2 {
				ctx = gone
			}
			calls = append(calls, do(g, ctx, id))
		}
		cancel()
		synctest.Wait()
		d.next(nil)
		// 0 came alone, was joined by as many as the limit allows, and asked
		// once more; then 5 led.
		wantBatches(t, d, []int{0}, []int{1, 3, 4}, []int{}, []int{5, 6})
		failed := errors.New("failed")
		late := do(g, t.Context(), 7)
		d.next(failed)
		wantBatches(t, d, []int{0}, []int{1, 3, 4}, []int{}, []int{5, 6}, []int{7}, []int{})
		for id, c := range calls {
			want := []error{nil, nil, context.Canceled, nil, nil, failed, failed}[id]
			if !c.done || c.err != want {
				t.Errorf("call %d: done %t, error %v; want %v", id, c.done, c.err, want)
			}
		}
		if !late.done || late.err != failed {
			t.Errorf("who joined the failed commit: done %t, error %v", late.done, late.err)
		}
	})
}

// However fast new work comes in, an operation waits for no more commits than
// its place in the queue says.
func TestNoCallerStarves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, ahead = 3, 10
		d := newDesk()
		g := New(limit, d.commit)
		for id := range ahead {
			do(g, t.Context(), id)
		}
		c := do(g, t.Context(), ahead)
		commits := 0
		for ; !c.done; commits++ {
			for id := range limit + 1 { // more than a commit carries away
				do(g, t.Context(), 100*commits+id)
			}
			d.next(nil)
		}
		if most := ahead/limit + 2; commits > most {
			t.Errorf("waited for %d commits, want at most %d", commits, most)
		}
		for g.busy {
			d.next(nil)
		}
	})
}

func TestContextBeforeTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		g := New(10, d.commit)
		done, cancelDone := context.WithCancel(t.Context())
		cancelDone()
		if c := do(g, done, 99); !errors.Is(c.err, context.Canceled) {
			t.Errorf("a context done before: %v", c.err)
		}

		do(g, t.Context(), 0)
		var calls []*call
		var cancels []context.CancelFunc
		for id := range 4 {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancels = append(cancels, cancel)
			calls = append(calls, do(g, ctx, id+1))
		}
		for _, i := range []int{1, 3, 0} { // from the middle, the end, the front
			cancels[i]()
			synctest.Wait()
			if !calls[i].done || !errors.Is(calls[i].err, context.Canceled) {
				t.Fatalf("cancelled call %d: done %t, error %v", i+1, calls[i].done, calls[i].err)
			}
		}
		d.next(nil)
		wantBatches(t, d, []int{0}, []int{3})
		d.next(nil)
		if calls[2].err != nil || !calls[2].done {
			t.Errorf("the one that stayed: done %t, error %v", calls[2].done, calls[2].err)
		}
		if g.busy || g.queue.first != nil || g.queue.last != nil {
			t.Error("the group is not idle")
		}
	})
}

func TestContextAfterTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		g := New(10, d.commit)
		ctx, cancel := context.WithCancel(t.Context())
		first := do(g, t.Context(), 0)
		leader, member := do(g, ctx, 1), do(g, ctx, 2)
		d.next(nil)
		wantBatches(t, d, []int{0}, []int{1, 2})
		cancel()
		synctest.Wait()
		if leader.done || member.done {
			t.Fatal("a call left its operation while it was being committed")
		}
		failed := errors.New("disk full")
		d.next(failed)
		for i, c := range []*call{leader, member} {
			if c.err != failed {
				t.Errorf("call %d: %v, want the outcome", i+1, c.err)
			}
		}
		if first.err != nil {
			t.Errorf("the batch before: %v", first.err)
		}
	})
}

// hung is a context that is done without ever waking its caller.
type hung struct {
	context.Context
	over *atomic.Bool
}

func (h hung) Done() <-chan struct{} { return nil }

func (h hung) Err() error {
	if h.over.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

// A context that ends before the batch is taken counts, even if its caller has
// had no time to run since.
func TestContextJustBeforeTaken(t *testing.T) {
	t.Parallel()
	for _, over := range []int{1, 2} { // the caller that is to lead; a member
		synctest.Test(t, func(t *testing.T) {
			d := newDesk()
			g := New(10, d.commit)
			do(g, t.Context(), 0)
			var calls [4]*call
			ended := new(atomic.Bool)
			for id := 1; id <= 3; id++ {
				var ctx context.Context = t.Context()
				if id == over {
					ctx = hung{ctx, ended}
				}
				calls[id] = do(g, ctx, id)
			}
			ended.Store(true)
			d.next(nil)
			d.next(nil)
			want := []int{1, 2, 3}
			wantBatches(t, d, []int{0}, slices.DeleteFunc(want, func(id int) bool { return id == over }))
			for id, c := range calls[1:] {
				if late := errors.Is(c.err, context.DeadlineExceeded); !c.done || late != (id+1 == over) {
					t.Errorf("call %d: done %t, error %v", id+1, c.done, c.err)
				}
			}
			if g.busy {
				t.Error("nobody leads, yet the group is busy")
			}
		})
	}
}

func TestCommitThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){
		"panic":  func() { panic("broken page") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				bad := errors.New("leave")
				g := New(2, func(batch []*int, more func() []*int) error {
					err := d.commit(batch, more)
					if err == bad {
						leave()
					}
					return err
				})
				do(g, t.Context(), 0)
				var recovered any
				go func() {
					defer func() { recovered = recover() }()
					id := 1
					g.Do(t.Context(), &id)
					t.Error("Do returned in the goroutine that led")
				}()
				synctest.Wait()
				member, later := do(g, t.Context(), 2), do(g, t.Context(), 3)
				d.next(nil)
				d.next(bad)
				if name == "panic" && recovered != "broken page" {
					t.Errorf("the leader recovered %v", recovered)
				}
				if !member.done || member.err != ErrAborted {
					t.Errorf("the other in the batch: done %t, error %v", member.done, member.err)
				}
				d.next(nil)
				if !later.done || later.err != nil {
					t.Errorf("who came later: done %t, error %v", later.done, later.err)
				}
				wantBatches(t, d, []int{0}, []int{1, 2}, []int{3})
			})
		})
	}
}

func TestEveryOperationOnce(t *testing.T) {
	t.Parallel()
	const callers, rounds, limit = 32, 200, 7
	type op struct{ seen int }
	var inside atomic.Int32
	var commits, carried int
	g := New(limit, func(batch []*op, more func() []*op) error {
		if inside.Add(1) != 1 {
			t.Error("two commits at once")
		}
		defer inside.Add(-1)
		commits++
		for n := 0; len(batch) > 0; batch = more() {
			if n += len(batch); n > limit {
				t.Errorf("a batch of %d", n)
			}
			carried += len(batch)
			for _, o := range batch {
				o.seen++
			}
			runtime.Gosched()
		}
		return nil
	})
	var wrote atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for r := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if (c+r)%3 == 0 {
					go cancel()
				}
				o := new(op)
				err := g.Do(ctx, o)
				cancel()
				if want := 1; err == nil {
					wrote.Add(1)
					if o.seen != want {
						t.Errorf("carried %d times", o.seen)
					}
				} else if o.seen != 0 {
					t.Errorf("returned %v, yet was carried", err)
				}
			}
		})
	}
	wg.Wait()
	if int64(carried) != wrote.Load() {
		t.Errorf("%d operations carried, %d acknowledged", carried, wrote.Load())
	}
	if commits == carried {
		t.Error("nothing was ever grouped")
	}
}

func TestLimitBelowOne(t *testing.T) {
	t.Parallel()
	g := New(0, func(batch []*int, _ func() []*int) error { return nil })
	if err := g.Do(t.Context(), new(int)); err != nil {
		t.Fatal(err)
	}
}

func TestLoneCallerAllocatesNothing(t *testing.T) {
	g := New(8, func(batch []*int, _ func() []*int) error { return nil })
	op := new(int)
	if n := testing.AllocsPerRun(1000, func() { g.Do(context.Background(), op) }); n != 0 {
		t.Errorf("%v allocations in a lone Do", n)
	}
}

// BenchmarkGroup shows how large batches get when a commit takes 200 us, with
// callers that come back at once.
func BenchmarkGroup(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			commits := 0
			g := New(1024, func(batch []*int, _ func() []*int) error {
				commits++
				for start := time.Now(); time.Since(start) < 200*time.Microsecond; {
				}
				return nil
			})
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					op := new(int)
					for left.Add(-1) >= 0 {
						g.Do(context.Background(), op)
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/float64(commits), "ops/commit")
		})
	}
}
