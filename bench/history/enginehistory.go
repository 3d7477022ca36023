package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
)

// A passcodes is an engine, or one that is flawed.
type passcodes interface {
	Start(context.Context, engine.Request) (engine.Challenge, error)
	Resend(ctx context.Context, id string, req engine.Request) (engine.Challenge, error)
	Verify(ctx context.Context, id, input string) (engine.Proof, error)
	VerifyAddress(ctx context.Context, req engine.Request, input string) (engine.Proof, error)
	Cancel(ctx context.Context, id string) error
}

// policies are what the histories take turns with: each lets another limit
// bind.
var policies = [...]policy.Policy{
	{Tries: 3, Lifetime: time.Minute, Lock: policy.Lock{After: 5, For: 5 * time.Minute}, PerDay: 1000,
		Sends: []policy.Budget{{Limit: 5, Window: time.Minute}, {Limit: 60, Window: policy.Day}}},
	{Tries: 4, Lifetime: 2 * time.Minute, Lock: policy.Lock{After: 100, For: time.Hour}, PerDay: 9,
		Sends: []policy.Budget{{Limit: 6, Window: time.Minute}, {Limit: 60, Window: policy.Day}}},
	{Tries: 1, Lifetime: time.Minute, Lock: policy.Lock{After: 100, For: time.Hour}, PerDay: 1000,
		Sends: []policy.Budget{{Limit: 2, Window: time.Second}, {Limit: 12, Window: time.Hour}, {Limit: 60, Window: policy.Day}}},
	{PerDay: 1000},
}

// A stage is where an engine history happens: some engines with the same store,
// keys and clock, as processes have that serve one site, and the challenges
// that its callers know of.
type stage struct {
	rules   rules
	engines []passcodes
	clock   atomic.Int64 // nanoseconds since rules.began
	crowd   *crowd

	mu      sync.Mutex
	known   [][]known // by address, in the order in which they became known
	numbers int       // challenges so far
	mailed  map[string]string
}

// A known is a challenge and its code.
type known struct {
	number   int
	id, code string
}

// callerKey is the key under which a context holds its caller.
type callerKey struct{}

// A callersStore is the store of the engines: calls go the caller's own way to
// it.
type callersStore struct{ direct store.Store }

func (s callersStore) way(ctx context.Context) store.Store {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return s.direct
}

func (s callersStore) Get(ctx context.Context, key string) ([]byte, error) {
	return s.way(ctx).Get(ctx, key)
}

func (s callersStore) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	return s.way(ctx).CompareAndSwap(ctx, key, old, new, expires)
}

func (s callersStore) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	return s.way(ctx).Add(ctx, key, delta, expires)
}

// engineHistory has callers start, resend, guess and cancel at a few addresses.
// wrap may put something before the engines, each of which it is called with.
func engineHistory(ctx context.Context, ways []store.Store, seed uint64, wrap func(passcodes) passcodes) ([]porcupine.Operation, rules, error) {
	r := generator(seed, 0)
	st := &stage{
		rules:  rules{policies[seed/4%uint64(len(policies))].WithDefaults(), someTime(r)},
		crowd:  newCrowd(ways, seed, r),
		known:  make([][]known, 1+r.IntN(3)),
		mailed: make(map[string]string),
	}
	if seed/2%2 == 1 {
		st.crowd.turns = &turns{rand: generator(seed, 1), stay: []float64{0, 0.5, 0.8}[r.IntN(3)]}
	}
	keys := engine.RandomKeys()
	caches := []int{0, 1, -1} // the default, hardly any, none
	for i := range 2 + r.IntN(2) {
		e, err := engine.New(engine.Config{
			Store: callersStore{ways[i%len(ways)]}, Keys: keys, Cache: caches[i], Policy: st.rules.Policy, UnsafeOdds: true,
			Channels: engine.Channels{delivery.Email: {Sender: delivery.SenderFunc(st.deliver)}},
			Now:      func() time.Time { return st.rules.began.Add(time.Duration(st.clock.Load())) },
		})
		if err != nil {
			return nil, st.rules, err
		}
		st.engines = append(st.engines, wrap(e))
	}
	for calls := minCalls + r.IntN(maxCalls-minCalls+1); calls > 0; {
		each := 1 + min(r.IntN(4), calls/len(st.crowd.callers))
		hot := r.IntN(len(st.known))
		st.crowd.do(func(c *caller) {
			for range each {
				address := hot
				if c.choice.IntN(4) == 0 {
					address = c.choice.IntN(len(st.known))
				}
				st.act(context.WithValue(ctx, callerKey{}, c), c, address)
			}
		})
		calls -= each * len(st.crowd.callers)
		st.clock.Add(int64(wait(r)))
	}
	st.probe(ctx)
	return st.crowd.history(), st.rules, nil
}

// someTime draws when a history begins, the minute and second of which may
// matter. It lies ahead, because stores may drop what has expired.
func someTime(r *rand.Rand) time.Time {
	return time.Now().UTC().Truncate(time.Hour).Add(time.Hour + time.Duration(r.IntN(3600))*time.Second)
}

// wait draws how long nobody does anything: about as long as one of the limits
// lasts. All together it is less than a day.
func wait(r *rand.Rand) time.Duration {
	whole := []time.Duration{0, 0, time.Second, 2 * time.Second, 20 * time.Second, time.Minute, time.Minute, 2 * time.Minute, 5 * time.Minute, 20 * time.Minute}
	return whole[r.IntN(len(whole))]
}

// deliver is the sender: everybody reads all mail.
func (st *stage) deliver(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.mailed[m.ID] = m.Code.Reveal()
	return delivery.Receipt{Provider: "history"}, nil
}

// recent returns a challenge that is known at an address, the newest or, with
// old, an earlier one if there is any.
func (st *stage) recent(address int, old bool, r *rand.Rand) (known, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	all := st.known[address]
	switch n := len(all); {
	case n == 0:
		return known{}, false
	case old && n > 1:
		return all[n-2-r.IntN(min(3, n-1))], true
	default:
		return all[n-1], true
	}
}

// act makes one call about an address.
func (st *stage) act(ctx context.Context, c *caller, address int) {
	r := c.choice
	newest, ok := st.recent(address, false, r)
	older, _ := st.recent(address, true, r)
	q := request{action: start, address: address}
	var id string
	switch draw := r.IntN(100); {
	case draw < 12 || !ok:
	case draw < 20:
		q.action, q.challenge, id = resend, newest.number, newest.id
	case draw < 22:
		q.action, q.challenge, id = resend, older.number, older.id
	case draw < 46:
		q.action, q.challenge, id, q.guess = verify, newest.number, newest.id, newest.code
	case draw < 72:
		q.action, q.challenge, id, q.guess = verify, newest.number, newest.id, wrong(newest.code, r)
	case draw < 78:
		q.action, q.challenge, id, q.guess = verify, newest.number, newest.id, older.code
	case draw < 85:
		q.action, q.challenge, id, q.guess = verify, older.number, older.id, older.code
	case draw < 91:
		q.action, q.guess = verifyAddress, newest.code
	case draw < 95:
		q.action, q.guess = verifyAddress, wrong(newest.code, r)
	case draw < 99:
		q.action, q.challenge, id = cancel, newest.number, newest.id
	default:
		q.action, q.challenge, id = cancel, older.number, older.id
	}
	st.call(ctx, c, q, id)
}

// wrong returns a code that differs from code in one digit.
func wrong(code string, r *rand.Rand) string {
	guess := []byte(code)
	i := r.IntN(len(guess))
	guess[i] = '0' + (guess[i]-'0'+1+byte(r.IntN(9)))%10
	return string(guess)
}

// call makes a call to one of the engines and records it.
func (st *stage) call(ctx context.Context, c *caller, q request, id string) {
	ctx, hangUp := c.begin(ctx)
	defer hangUp()
	i := c.choice.IntN(len(st.engines))
	e := st.engines[i]
	c.way = i % len(c.ways)
	about := engine.Request{Channel: delivery.Email, To: fmt.Sprintf("user%d@history.test", q.address), Purpose: "login"}
	q.at = time.Duration(st.clock.Load())
	if q.action == start || q.action == resend {
		st.mu.Lock()
		st.numbers++
		q.number = st.numbers
		st.mu.Unlock()
	}
	var challenge engine.Challenge
	var proof engine.Proof
	var err error
	switch q.action {
	case start:
		challenge, err = e.Start(ctx, about)
	case resend:
		challenge, err = e.Resend(ctx, id, about)
	case verify:
		proof, err = e.Verify(ctx, id, q.guess)
	case verifyAddress:
		proof, err = e.VerifyAddress(ctx, about, q.guess)
	case cancel:
		err = e.Cancel(ctx, id)
	}
	a := st.rules.answerOf(err)
	switch {
	case err != nil:
	case q.number > 0:
		a.expires = challenge.Expires.Sub(st.rules.began)
		st.mu.Lock()
		q.code = st.mailed[challenge.Message]
		st.known[q.address] = append(st.known[q.address], known{q.number, challenge.ID, q.code})
		st.mu.Unlock()
	case q.guess != "":
		a.sent, a.proved = proof.SentAt.Sub(st.rules.began), proof.VerifiedAt.Sub(st.rules.began)
	}
	c.end(q, a, err)
}

// probe asks, without any trouble, what became of each address: whether the
// newest code still works, and that it does not work twice.
func (st *stage) probe(ctx context.Context) {
	c := st.crowd.callers[0]
	st.crowd.troubles.Store(0)
	for address := range st.known {
		newest, ok := st.recent(address, false, c.choice)
		if !ok {
			continue
		}
		q := request{action: verify, address: address, challenge: newest.number}
		for _, guess := range []string{wrong(newest.code, c.choice), newest.code, newest.code} {
			q.guess = guess
			st.call(ctx, c, q, newest.id)
		}
	}
}
