package main

import (
	"context"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// A load is an engine with pending codes. Ids and codes lie in one piece of
// memory without pointers, so that neither the heap's size nor a collection
// counts them.
type load struct {
	engine *engine.Engine
	cold   *engine.Engine // remembers nothing; nil if that is not measured
	clock  *atomic.Int64
	ids    []byte
	codes  []byte
	n      int
	fills  int   // so far
	unused []int // codes that were not checked since the last fill, in random order
}

// take returns n codes that were not checked yet, or nil if fewer are left.
func (l *load) take(n int) []int {
	if len(l.unused) < n {
		return nil
	}
	taken := l.unused[:n]
	l.unused = l.unused[n:]
	return taken
}

const (
	idSize   = 47
	codeSize = 6
)

// newLoad returns an engine on the store, whose codes go nowhere but into the
// load. With cached above 0 it remembers so many records, and has a companion
// that remembers none.
func newLoad(s store.Store, clock *atomic.Int64, n, cached int) (*load, error) {
	l := &load{clock: clock, n: n, ids: make([]byte, n*idSize), codes: make([]byte, n*codeSize)}
	parse := func(raw string) (string, string, string, error) { return raw, "US", "mobile", nil }
	send := func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
		var i int
		if _, err := fmt.Sscanf(m.To.Reveal()[4:], "%d", &i); err != nil {
			return delivery.Receipt{}, err
		}
		copy(l.codes[i*codeSize:], m.Code.Reveal())
		return delivery.Receipt{}, nil
	}
	cfg := engine.Config{
		Store:    s,
		Keys:     engine.RandomKeys(),
		Channels: engine.Channels{delivery.SMS: {Sender: delivery.SenderFunc(send), Parse: parse}},
		Now:      func() time.Time { return time.Unix(0, clock.Load()) },
		Cache:    cached,
	}
	var err error
	if l.engine, err = engine.New(cfg); err != nil || cached <= 0 {
		return l, err
	}
	cfg.Cache = -1
	l.cold, err = engine.New(cfg)
	return l, err
}

// fill starts a code for each address. Every fill happens two days after the
// one before, so that no budget and no window remembers it.
func (l *load) fill(ctx context.Context, callers int, log io.Writer) error {
	l.clock.Add(int64(48 * time.Hour))
	l.fills++
	var next, failed atomic.Int64
	var firstErr atomic.Pointer[error]
	progress := newProgress(log, fmt.Sprintf("fill %d", l.fills), l.n)
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= l.n || failed.Load() > 0 || ctx.Err() != nil {
					return
				}
				challenge, err := l.engine.Start(ctx, engine.Request{Channel: delivery.SMS, To: fmt.Sprintf("+120%d", i)})
				if err != nil {
					firstErr.CompareAndSwap(nil, &err)
					failed.Add(1)
					return
				}
				copy(l.ids[i*idSize:], challenge.ID)
				progress.add(1)
			}
		})
	}
	done.Wait()
	progress.end()
	if err := firstErr.Load(); err != nil {
		return *err
	}
	l.unused = mathrand.Perm(l.n)
	return ctx.Err()
}

// A progress shows how far a piece of work is: on a line of its own that is
// written over, at most twice a second, or in a log every ten seconds.
type progress struct {
	log   io.Writer
	what  string
	total int
	tty   bool
	every time.Duration
	done  atomic.Int64
	shown atomic.Int64 // Unix nanoseconds
}

func newProgress(log io.Writer, what string, total int) *progress {
	p := &progress{log: log, what: what, total: total, every: 10 * time.Second}
	if f, ok := log.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.tty, p.every = true, 500*time.Millisecond
		}
	}
	p.shown.Store(time.Now().UnixNano())
	return p
}

func (p *progress) add(n int) {
	done := p.done.Add(int64(n))
	now, shown := time.Now().UnixNano(), p.shown.Load()
	if now-shown < int64(p.every) || !p.shown.CompareAndSwap(shown, now) {
		return
	}
	if p.tty {
		fmt.Fprintf(p.log, "\r  %s: %d of %d\x1b[K", p.what, done, p.total)
	} else {
		fmt.Fprintf(p.log, "  %s: %d of %d\n", p.what, done, p.total)
	}
}

func (p *progress) end() {
	if p.tty {
		fmt.Fprint(p.log, "\r\x1b[K")
	}
}
