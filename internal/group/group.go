// Package group carries the work of many concurrent callers in few commits.
//
// A durable store pays for a commit, hardly for what is in it. A [Group] stands
// before such a store: who finds it idle commits at once, alone and without any
// delay; who comes while a commit is under way queues, and the next commit
// carries all that queue and who comes while it is being prepared. There is no
// timer and no goroutine of its own: every commit runs in the goroutine of a
// caller whose operation is part of it.
//
// When a commit ends, its leader returns, and the longest waiting caller leads
// the next one. So no caller works for others after its own operation is done,
// and with n callers queued before it an operation is settled within
// n/limit + 2 commits.
package group

import (
	"context"
	"errors"
	"sync"
)

// ErrAborted is what the operations of a batch get when commit panicked or
// ended its goroutine. Their outcome is unknown. The panic itself goes up in
// the goroutine that led the batch.
var ErrAborted = errors.New("group: commit did not return")

// A Group collects operations of type O into batches. It is safe for
// concurrent use. Create one with [New].
type Group[O any] struct {
	limit  int
	commit func(batch []*O, more func() []*O) error
	more   func() []*O // g.take
	pool   sync.Pool   // of *waiter[O]

	mu    sync.Mutex
	busy  bool     // there is a leader; never false while somebody queues
	queue queue[O] // who waits to be taken

	// What follows belongs to the leader.
	batch   []*O
	members []*waiter[O] // the callers in the batch besides the leader
}

// New returns a Group that hands at most limit operations at a time to commit;
// a limit below 1 means 1.
//
// commit is never called twice at once. While it still can, it may ask for more:
// each call of more returns the operations that have come in since, none if
// there are none or the limit is reached. It may reorder what it gets, which is
// in the order of arrival, but must not keep it. The result of one operation
// belongs into the operation; an error that commit returns goes to all that it
// was given and means that none can be relied on.
func New[O any](limit int, commit func(batch []*O, more func() []*O) error) *Group[O] {
	g := &Group[O]{
		limit:  max(limit, 1),
		commit: commit,
		pool:   sync.Pool{New: func() any { return &waiter[O]{wake: make(chan bool, 1)} }},
	}
	g.more = g.take
	return g
}

// Do has op committed and returns commit's error. If ctx is done before the
// operation was taken into a batch, Do returns the context's error and commit
// never sees op; afterwards Do waits for the outcome. op belongs to commit
// until Do returns.
func (g *Group[O]) Do(ctx context.Context, op *O) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if !g.busy {
		g.busy = true
		g.mu.Unlock()
		return g.lead(op)
	}
	w := g.pool.Get().(*waiter[O])
	w.ctx, w.op = ctx, op
	g.queue.push(w)
	g.mu.Unlock()

	var leads bool
	select {
	case leads = <-w.wake:
	case <-ctx.Done():
		if g.leave(w) {
			g.recycle(w)
			return ctx.Err()
		}
		leads = <-w.wake
	}
	err := w.err
	g.recycle(w)
	if !leads {
		return err
	}
	if err := ctx.Err(); err != nil {
		g.pass()
		return err
	}
	return g.lead(op)
}

// lead commits a batch of the leader's own operation and of all that queue.
func (g *Group[O]) lead(op *O) (err error) {
	err = ErrAborted // stays if commit panics
	defer func() {
		g.settle(err)
		g.pass()
	}()
	g.batch = append(g.batch, op)
	g.take()
	err = g.commit(g.batch, g.more)
	return err
}

// take adds to the batch those in the queue, as many as it may still hold,
// and returns what it added. Who has gone since is told so.
func (g *Group[O]) take() []*O {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := len(g.batch)
	for len(g.batch) < g.limit && g.queue.first != nil {
		w := g.queue.first
		g.queue.remove(w)
		if err := w.ctx.Err(); err != nil {
			w.tell(false, err)
			continue
		}
		g.members = append(g.members, w)
		g.batch = append(g.batch, w.op)
	}
	return g.batch[from:]
}

// settle tells the members how it went.
func (g *Group[O]) settle(err error) {
	for _, w := range g.members {
		w.tell(false, err)
	}
	clear(g.members)
	clear(g.batch)
	g.members, g.batch = g.members[:0], g.batch[:0]
}

// pass makes the first in the queue the leader.
func (g *Group[O]) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.queue.first
	if w == nil {
		g.busy = false
		return
	}
	g.queue.remove(w)
	w.tell(true, nil)
}

// leave takes w out of the queue and reports whether it was still there.
func (g *Group[O]) leave(w *waiter[O]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !w.queued {
		return false
	}
	g.queue.remove(w)
	return true
}

func (g *Group[O]) recycle(w *waiter[O]) {
	w.ctx, w.op, w.err = nil, nil, nil
	g.pool.Put(w)
}
