package accounts_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store"
)

// calls remembers what was called.
type calls struct {
	mu   sync.Mutex
	made []string
}

func (c *calls) add(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, call)
}

func (c *calls) trace() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

func (c *calls) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = nil
}

// A directory records calls, and does what its hooks say. They are set while
// nothing calls.
type directory struct {
	store.Directory
	calls

	before func(call, value string) error // if it fails, the call is not made
	after  func(call, value string) error // if it fails, the call was made all the same
}

func (d *directory) around(call, value string, do func() error) error {
	d.add(call)
	if d.before != nil {
		if err := d.before(call, value); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if d.after != nil {
		return d.after(call, value)
	}
	return nil
}

func (d *directory) Create(ctx context.Context, u store.User) error {
	value := ""
	for _, m := range slices.Concat(u.Phones, u.Emails) {
		value += m.Address + " "
	}
	return d.around("create", value, func() error { return d.Directory.Create(ctx, u) })
}

func (d *directory) Lookup(ctx context.Context, by store.Index, value string) (found store.User, err error) {
	err = d.around("lookup", value, func() error {
		found, err = d.Directory.Lookup(ctx, by, value)
		return err
	})
	return found, err
}

func (d *directory) Update(ctx context.Context, id string, change func(*store.User) error) (kept store.User, err error) {
	err = d.around("update", id, func() error {
		kept, err = d.Directory.Update(ctx, id, change)
		return err
	})
	return kept, err
}

func (d *directory) Delete(ctx context.Context, id string) (gone store.User, err error) {
	err = d.around("delete", id, func() error {
		gone, err = d.Directory.Delete(ctx, id)
		return err
	})
	return gone, err
}

func (d *directory) Search(ctx context.Context, q store.Query) (page store.Page, err error) {
	value := q.Cursor
	for _, f := range q.Filters {
		value += " " + f.Text + " " + strings.Join(f.Values, " ")
	}
	err = d.around("search", value, func() error {
		page, err = d.Directory.Search(ctx, q)
		return err
	})
	return page, err
}

// A recorder is a store that records calls, and does what its hooks say. They
// are set while nothing calls.
type recorder struct {
	store.Store
	calls

	before, after func(call string) error // if before fails, the call is not made; if after does, it was
}

func (r *recorder) around(call string, do func() error) error {
	r.add(call)
	if r.before != nil {
		if err := r.before(call); err != nil {
			return err
		}
	}
	if err := do(); err != nil || r.after == nil {
		return err
	}
	return r.after(call)
}

func (r *recorder) Get(ctx context.Context, key string) (value []byte, err error) {
	err = r.around("get", func() error {
		value, err = r.Store.Get(ctx, key)
		return err
	})
	return value, err
}

func (r *recorder) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	err = r.around("swap", func() error {
		current, swapped, err = r.Store.CompareAndSwap(ctx, key, old, new, expires)
		return err
	})
	return current, swapped, err
}

func (r *recorder) Add(ctx context.Context, key string, delta int64, expires time.Time) (sum int64, err error) {
	err = r.around("add", func() error {
		sum, err = r.Store.Add(ctx, key, delta, expires)
		return err
	})
	return sum, err
}

// counted counts the messages that it passes on.
type counted struct {
	delivery.Sender
	n *atomic.Int64
}

func (c counted) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	c.n.Add(1)
	return c.Sender.Send(ctx, m)
}

// A refuser sends nothing.
type refuser struct{ delivery.Sender }

func (refuser) Send(context.Context, delivery.Message) (delivery.Receipt, error) {
	return delivery.Receipt{}, &delivery.Error{Kind: delivery.Rejected}
}
