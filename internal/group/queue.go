package group

import "context"

// A waiter is a caller that has found a leader at work.
type waiter[O any] struct {
	ctx  context.Context
	op   *O
	err  error
	wake chan bool // holds one: whether the caller is to lead; if not, err is its outcome

	queued     bool
	prev, next *waiter[O]
}

// tell wakes the caller, who then owns the waiter.
func (w *waiter[O]) tell(lead bool, err error) {
	w.err = err
	w.wake <- lead
}

// A queue is a list of waiters in the order of arrival. Its links are in the
// waiters, so that one whose context ends leaves at once, from anywhere, and
// pins nothing while a commit hangs.
type queue[O any] struct {
	first, last *waiter[O]
}

func (q *queue[O]) push(w *waiter[O]) {
	w.queued, w.prev = true, q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

func (q *queue[O]) remove(w *waiter[O]) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
}
