package receipts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

var start = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

const code = "936417"

func message(id string) delivery.Message {
	return delivery.Message{ID: id, Channel: delivery.SMS, To: delivery.NewAddress("+12025550162"), Code: delivery.NewSecret(code), Body: delivery.NewSecret("Your code is " + code)}
}

// A bench is receipts with a clock, a provider that answers as told, and what
// was observed.
type bench struct {
	*receipts.Receipts
	t      *testing.T
	store  store.Store
	now    time.Time
	sender delivery.Sender
	answer func(delivery.Message) (delivery.Receipt, error)

	mu       sync.Mutex
	seen     []receipts.Record
	failures []error
}

func newBench(t *testing.T, s store.Store) *bench {
	t.Helper()
	b := &bench{t: t, store: s, now: start}
	if b.store == nil {
		memory, err := memstore.New(memstore.Config{Now: func() time.Time { return b.now }})
		if err != nil {
			t.Fatal(err)
		}
		b.store = memory
	}
	var err error
	b.Receipts, err = receipts.New(receipts.Config{
		Store: b.store, Now: func() time.Time { return b.now },
		Observe: func(r receipts.Record) { b.mu.Lock(); defer b.mu.Unlock(); b.seen = append(b.seen, r) },
		Failed:  func(err error) { b.mu.Lock(); defer b.mu.Unlock(); b.failures = append(b.failures, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.sender = b.Sender(delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) { return b.answer(m) }))
	b.takes("twilio", "SM1")
	return b
}

func (b *bench) takes(provider, id string) {
	b.answer = func(delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{Provider: provider, ID: id}, nil
	}
}

func (b *bench) send(id string) {
	b.t.Helper()
	if _, err := b.sender.Send(b.t.Context(), message(id)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) report(r delivery.Report) {
	b.t.Helper()
	if err := b.Report(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

// states returns the states that were observed since the last call.
func (b *bench) states() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var states []string
	for _, r := range b.seen {
		states = append(states, string(r.State))
	}
	b.seen = nil
	return strings.Join(states, " ")
}

func (b *bench) want(id string, want receipts.Record) {
	b.t.Helper()
	got, err := b.Message(b.t.Context(), id)
	if err != nil || got != want {
		b.t.Errorf("Message: %+v, %v\nwant %+v", got, err, want)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want receipts.Record
	}{
		{nil, receipts.Record{Provider: "twilio", ID: "SM1", State: receipts.Taken}},
		{&delivery.Error{Kind: delivery.Rejected, Provider: "twilio", Reason: "21211: not a number: +12025550162"},
			receipts.Record{Provider: "twilio", State: receipts.Refused, Kind: delivery.Rejected, Reason: "21211: not a number: +[redacted]"}},
		{&delivery.Error{Kind: delivery.Temporary, Provider: "twilio", Reason: "503"},
			receipts.Record{Provider: "twilio", State: receipts.Refused, Kind: delivery.Temporary, Reason: "503"}},
		{context.DeadlineExceeded,
			receipts.Record{State: receipts.Unconfirmed, Kind: delivery.Ambiguous, Reason: "context deadline exceeded"}},
	} {
		b := newBench(t, nil)
		b.answer = func(delivery.Message) (delivery.Receipt, error) {
			if c.err != nil {
				return delivery.Receipt{}, c.err
			}
			return delivery.Receipt{Provider: "twilio", ID: "SM1"}, nil
		}
		if _, err := b.sender.Send(t.Context(), message("m1")); err != c.err {
			t.Errorf("the sender's error %v became %v", c.err, err)
		}
		c.want.Message, c.want.Channel, c.want.SentAt, c.want.Changed = "m1", delivery.SMS, start, start
		b.want("m1", c.want)
		if _, err := b.Message(t.Context(), "m2"); !errors.Is(err, receipts.ErrNotFound) {
			t.Errorf("another message: %v", err)
		}
	}
}

// News come in any order, twice, and before the send has returned; the last
// word stays.
func TestReports(t *testing.T) {
	t.Parallel()
	at := start.Add(3 * time.Second)
	say := func(status delivery.Status) delivery.Report {
		return delivery.Report{Provider: "twilio", ID: "SM1", Status: status, Kind: delivery.Rejected, Reason: "30003: unreachable", At: at}
	}
	final := receipts.Record{Message: "m1", Channel: delivery.SMS, Provider: "twilio", ID: "SM1", State: receipts.Delivered, SentAt: start, Changed: at}
	failed := final
	failed.State, failed.Kind, failed.Reason = receipts.Failed, delivery.Rejected, "30003: unreachable"
	const sent, delivered, fails, send = delivery.Sent, delivery.Delivered, delivery.Failed, delivery.Status("")
	for _, c := range []struct {
		news   []delivery.Status
		want   receipts.Record
		states string
	}{
		{[]delivery.Status{send, sent, delivered}, final, "taken sent delivered"},
		{[]delivery.Status{send, delivered, sent}, final, "taken delivered"},
		{[]delivery.Status{send, sent, sent, delivered, delivered}, final, "taken sent delivered"},
		{[]delivery.Status{sent, delivered, send}, final, "taken delivered"},
		{[]delivery.Status{delivered, send, sent}, final, "taken delivered"},
		{[]delivery.Status{send, fails, sent}, failed, "taken failed"},
		{[]delivery.Status{send, fails, delivered}, final, "taken failed delivered"},
		{[]delivery.Status{send, delivered, fails}, final, "taken delivered"},
		{[]delivery.Status{fails, send}, failed, "taken failed"},
		{[]delivery.Status{send, "read", delivered}, final, "taken delivered"},
	} {
		for _, echo := range []string{"", "m1"} { // whether the provider returns our name
			b := newBench(t, nil)
			for _, status := range c.news {
				if status == send {
					b.send("m1")
					continue
				}
				r := say(status)
				r.Message = echo
				b.report(r)
			}
			b.want("m1", c.want)
			if got := b.states(); echo == "" && got != c.states {
				t.Errorf("%q: observed %q, want %q", c.news, got, c.states)
			}
		}
	}
}

// A message that nobody knows whether it was sent may be delivered all the
// same, and then it is known.
func TestUnconfirmedIsDelivered(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.answer = func(delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Ambiguous, Provider: "meta"}
	}
	b.sender.Send(t.Context(), message("m1"))
	b.report(delivery.Report{Provider: "meta", ID: "wamid.1", Message: "m1", Status: delivery.Delivered})
	b.want("m1", receipts.Record{Message: "m1", Channel: delivery.SMS, Provider: "meta", ID: "wamid.1", State: receipts.Delivered, SentAt: start, Changed: start})
	if got := b.states(); got != "unconfirmed delivered" {
		t.Errorf("observed %q", got)
	}
}

// What a provider says of a message that another has taken is no news of it,
// whether it comes before that or after.
func TestWhoTookItIsBelieved(t *testing.T) {
	t.Parallel()
	say := func(provider, id string, status delivery.Status) delivery.Report {
		return delivery.Report{Provider: provider, ID: id, Message: "m1", Status: status, Kind: delivery.Temporary, Reason: "30008"}
	}
	taken := receipts.Record{Provider: "b", ID: "b-1", State: receipts.Taken}
	delivered, failed := taken, taken
	delivered.State = receipts.Delivered
	failed.State, failed.Kind, failed.Reason = receipts.Failed, delivery.Temporary, "30008"
	refusal := &delivery.Error{Kind: delivery.Temporary, Provider: "b", Reason: "503"}
	lost := &delivery.Error{Kind: delivery.Ambiguous, Provider: "b"}
	for _, c := range []struct {
		name          string
		err           error // that the send returns, nil: b took it as b-1
		before, after []delivery.Report
		want          receipts.Record
		states        string
	}{
		{"another, after", nil, nil, []delivery.Report{say("a", "a-1", delivery.Failed), say("a", "a-1", delivery.Delivered)}, taken, "taken"},
		{"another, before", nil, []delivery.Report{say("a", "a-1", delivery.Failed)}, nil, taken, "failed taken"},
		{"another one of its own", nil, nil, []delivery.Report{say("b", "b-0", delivery.Failed)}, taken, "taken"},
		{"its own", nil, []delivery.Report{say("a", "a-1", delivery.Failed)}, []delivery.Report{say("b", "b-1", delivery.Failed)}, failed, "failed taken failed"},
		{"its own, before", nil, []delivery.Report{say("b", "b-1", delivery.Delivered)}, []delivery.Report{say("a", "a-1", delivery.Failed)}, delivered, "delivered"},
		{"no id", nil, nil, []delivery.Report{say("b", "", delivery.Delivered)}, delivered, "taken delivered"},
		{"no id, before", nil, []delivery.Report{say("b", "", delivery.Delivered)}, nil, delivered, "delivered"},
		{"one id, two names of the provider", nil, nil, []delivery.Report{say("c", "b-1", delivery.Delivered)}, delivered, "taken delivered"},
		{"unconfirmed", lost, nil, []delivery.Report{say("a", "a-1", delivery.Failed), say("b", "b-1", delivery.Delivered), say("b", "b-2", delivery.Failed)}, delivered, "unconfirmed delivered"},
		{"unconfirmed by nobody knows whom", errors.New("cut"), nil, []delivery.Report{say("b", "b-1", delivery.Delivered), say("a", "a-1", delivery.Failed)}, delivered, "unconfirmed delivered"},
		{"refused, and delivered all the same", refusal, nil, []delivery.Report{say("a", "a-1", delivery.Delivered)},
			receipts.Record{Provider: "a", ID: "a-1", State: receipts.Delivered}, "refused delivered"},
		{"delivered, and refused afterwards", refusal, []delivery.Report{say("a", "a-1", delivery.Delivered)}, nil,
			receipts.Record{Provider: "a", ID: "a-1", State: receipts.Delivered}, "delivered"},
	} {
		b := newBench(t, nil)
		b.answer = func(delivery.Message) (delivery.Receipt, error) {
			if c.err != nil {
				return delivery.Receipt{}, c.err
			}
			return delivery.Receipt{Provider: "b", ID: "b-1"}, nil
		}
		for _, r := range c.before {
			b.report(r)
		}
		b.sender.Send(t.Context(), message("m1"))
		for _, r := range c.after {
			b.report(r)
		}
		c.want.Message, c.want.Channel, c.want.SentAt, c.want.Changed = "m1", delivery.SMS, start, start
		got, err := b.Message(t.Context(), "m1")
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
		if got := b.states(); got != c.states {
			t.Errorf("%s: observed %q, want %q", c.name, got, c.states)
		}
	}
}

// Two providers may call different messages by one name.
func TestProvidersNamesAreTheirOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.takes("a", "1")
	b.send("m1")
	b.takes("b", "1")
	b.send("m2")
	b.report(delivery.Report{Provider: "b", ID: "1", Status: delivery.Delivered})
	if r, err := b.Message(t.Context(), "m1"); err != nil || r.State != receipts.Taken {
		t.Errorf("m1: %+v, %v", r, err)
	}
	if r, err := b.Message(t.Context(), "m2"); err != nil || r.State != receipts.Delivered {
		t.Errorf("m2: %+v, %v", r, err)
	}
}

// Sends and reports from many sides at once: every message ends delivered, and
// that is told once.
func TestRace(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const messages, each = 20, 4
	b.answer = func(m delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{Provider: "p", ID: "of-" + m.ID}, nil
	}
	var all sync.WaitGroup
	for m := range messages {
		id := fmt.Sprint("m", m)
		all.Go(func() { b.sender.Send(t.Context(), message(id)) })
		for range each {
			for _, status := range []delivery.Status{delivery.Sent, delivery.Delivered} {
				all.Go(func() {
					if err := b.Report(t.Context(), delivery.Report{Provider: "p", ID: "of-" + id, Status: status}); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	all.Wait()
	delivered := make(map[string]int)
	for _, r := range b.seen {
		if r.State == receipts.Delivered {
			delivered[r.Message]++
		}
	}
	for m := range messages {
		id := fmt.Sprint("m", m)
		if r, err := b.Message(t.Context(), id); err != nil || r.State != receipts.Delivered || r.Channel != delivery.SMS || delivered[id] != 1 {
			t.Errorf("%s: %+v, %v, told %d times", id, r, err, delivered[id])
		}
	}
}

// A store that fails fails no send, and no report is lost without a word.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fault := storetest.Before
	b := newBench(t, storetest.NewFaulty(memory, func(storetest.Call) storetest.Fault { return fault }))
	b.send("m1")
	if len(b.failures) != 1 || !errors.Is(b.failures[0], storetest.ErrInjected) {
		t.Errorf("failures %v", b.failures)
	}
	r := delivery.Report{Provider: "twilio", ID: "SM1", Status: delivery.Delivered}
	if err := b.Report(t.Context(), r); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("Report: %v", err)
	}
	if _, err := b.Message(t.Context(), "m1"); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("Message: %v", err)
	}
	fault = storetest.None
	b.report(r)
}

// A caller who has gone does not keep the outcome from being written down.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.answer = func(delivery.Message) (delivery.Receipt, error) {
		cancel()
		return delivery.Receipt{}, ctx.Err()
	}
	b.sender.Send(ctx, message("m1"))
	if r, err := b.Message(t.Context(), "m1"); err != nil || r.State != receipts.Unconfirmed {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	if _, err := receipts.New(receipts.Config{}); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("no store: %v", err)
	}
	b := newBench(t, nil)
	long := strings.Repeat("x", 1025)
	for _, r := range []delivery.Report{{Provider: long}, {ID: long}, {Message: long}, {Kind: delivery.Kind(long)}, {Reason: long}} {
		if err := b.Report(t.Context(), r); err != receipts.ErrReport {
			t.Errorf("%.20v: %v", r, err)
		}
	}
	for _, id := range []string{"", " ", "\x00\xff", long[1:], "+12025550162"} {
		b.report(delivery.Report{Provider: id, ID: id, Status: delivery.Delivered})
		b.report(delivery.Report{Provider: "p", Message: id, Status: delivery.Failed, Reason: "\x00\xff"})
		b.report(delivery.Report{Provider: "p", ID: id, Status: "eaten"})
		b.takes("p", id)
		b.send("x" + id)
	}
}

// Nothing that is kept, shown or told has a code or an address in it.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	watch := &watcher{Store: storetest.NewRewinding()}
	b := newBench(t, watch)
	b.send("m1")
	b.answer = func(m delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{}, fmt.Errorf("to %s: %s", m.To.Reveal(), m.Body.Reveal())
	}
	b.sender.Send(t.Context(), message("m2"))
	b.report(delivery.Report{Provider: "twilio", ID: "SM1", Status: delivery.Failed, Reason: "30003"})
	shown, err := json.Marshal(b.seen)
	if err != nil || len(b.seen) != 3 {
		t.Fatal(len(b.seen), err)
	}
	for _, secret := range []string{code, "2025550162"} {
		if strings.Contains(string(shown), secret) || strings.Contains(watch.all.String(), secret) {
			t.Errorf("%q in %s, or in the store: %s", secret, shown, watch.all.String())
		}
	}
	if !strings.Contains(watch.all.String(), "SM1") {
		t.Error("the watcher saw nothing")
	}
}

// A watcher keeps all that was ever written.
type watcher struct {
	store.Store
	mu  sync.Mutex
	all strings.Builder
}

func (w *watcher) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	w.mu.Lock()
	fmt.Fprintf(&w.all, "%s %s\n", key, new)
	w.mu.Unlock()
	return w.Store.CompareAndSwap(ctx, key, old, new, expires)
}

func FuzzStoredRecord(f *testing.F) {
	for _, seed := range []string{`{"message":"m1","state":"taken"}`, `{}`, `[]`, `{"sent_at":"x"}`, "\xffrewound\x00{}", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > store.MaxValue {
			return
		}
		memory := newFixed(value)
		b := newBench(t, memory)
		b.Message(t.Context(), "m1")
		b.Report(t.Context(), delivery.Report{Provider: "p", ID: "1", Status: delivery.Delivered})
		b.Report(t.Context(), delivery.Report{Provider: "p", Message: "m1", Status: delivery.Delivered})
		b.sender.Send(t.Context(), message("m1"))
	})
}

// fixed is a store in which every key has one value and every swap succeeds.
type fixed []byte

func newFixed(value []byte) store.Store { return fixed(append([]byte{}, value...)) }

func (f fixed) Get(context.Context, string) ([]byte, error) { return append([]byte{}, f...), nil }
func (f fixed) CompareAndSwap(context.Context, string, []byte, []byte, time.Time) ([]byte, bool, error) {
	return nil, true, nil
}
func (f fixed) Add(context.Context, string, int64, time.Time) (int64, error) { return 0, nil }
