package redisstore

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/store"
)

var _ store.Store = (*Store)(nil)

// A Store is a [store.Store] on a Redis server, or on a cluster of them. It is
// safe for concurrent use.
type Store struct {
	client rueidis.Client
	owned  bool // whether Open made the client, with option, and Close closes it
	option rueidis.ClientOption
	cfg    Config
	closed atomic.Bool

	refusal atomic.Pointer[Error] // of the last Check that could tell, nil if it was content
	mu      sync.Mutex
	kept    map[string]bool // by run_id, whether the server kept a whole append-only file at the last Check

	// Values and counters have keys of their own.
	values, counters string

	get, swap, add *rueidis.Lua
}

// Open connects to the servers that url names and checks them. Its errors are
// those of New, [ErrURL], [ErrAuth] and [ErrTimeout].
func Open(ctx context.Context, url string, cfg Config) (*Store, error) {
	opt, err := cfg.ClientOption(url)
	if err != nil {
		return nil, err
	}
	client, over, err := connect(ctx, opt)
	if err != nil {
		return nil, failure(ctx, "open", err)
	}
	defer over()
	s, err := newStore(client, cfg)
	if err == nil {
		s.owned, s.option = true, opt
		err = s.checkFirst(ctx)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return s, nil
}

// New uses a client of the program, which stays the program's to close, and
// checks its servers. Of the client's options
//
//   - ConnLifetime must be 0: when a connection has reached its age the client
//     sends anew what it was waiting for, also what was already done;
//   - SendToReplicas must be nil and ReplicaOnly false, because a replica's
//     answers are old: a session that was revoked would still be there;
//   - DisableCache should be true, because nothing is cached, and memory for it
//     is set aside;
//   - DisableRetry matters only to reads: no write is sent twice either way;
//   - AlwaysPipelining, PipelineMultiplex -1 and a MaxFlushDelay of 20 µs carry
//     most calls, and with AlwaysPipelining the end of a call's context does not
//     break the connection of the others;
//   - Sentinel.TopologyRefreshInterval and ClusterOption.ShardsRefreshInterval
//     should be a few seconds.
//
// Config.ClientOption makes them so. The errors of New are [ErrConfig] and those
// of Check.
//
// Where sentinels watch, New and Check do not see the replicas: the client has no
// connections to them, and New does not know how to make any.
func New(ctx context.Context, client rueidis.Client, cfg Config) (*Store, error) {
	s, err := newStore(client, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.checkFirst(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(client rueidis.Client, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	read := readPlain
	if cfg.Fence {
		read = readFenced
	}
	return &Store{
		client:   client,
		cfg:      cfg,
		values:   cfg.Prefix + "v:",
		counters: cfg.Prefix + "n:",
		get:      rueidis.NewLuaScript(read + get),
		swap:     rueidis.NewLuaScript(read + swap),
		add:      rueidis.NewLuaScript(add),
	}, nil
}

// Close closes the client if Open made it; calls under way still get their
// answers unless the server leaves them waiting for a second. Every later call of
// any method answers store.ErrClosed, another Close nil.
func (s *Store) Close() error {
	if !s.closed.Swap(true) && s.owned {
		s.client.Close()
	}
	return nil
}

// enter refuses a call of a store that is not usable, or whose servers are not.
func (s *Store) enter(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if refusal := s.refusal.Load(); refusal != nil {
		return refusal
	}
	return nil
}

// usable refuses a call of a closed store, or with a context that is done.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// failure is the function of that name, and knows that s was closed meanwhile.
func (s *Store) failure(ctx context.Context, op string, err error) error {
	if s.closed.Load() && ctx.Err() == nil {
		return store.ErrClosed
	}
	return failure(ctx, op, err)
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	var result rueidis.RedisResult
	if s.cfg.Fence {
		result = s.get.Exec(ctx, s.client, []string{s.values + key}, nil)
	} else {
		result = s.client.Do(ctx, s.client.B().Get().Key(s.values+key).Build())
	}
	value, _, err := parseValue(result)
	if err != nil {
		return nil, s.failure(ctx, "get", err)
	}
	if !s.cfg.Fence {
		value = withoutStamp(value)
	}
	return value, nil
}

// CompareAndSwap implements [store.Store].
func (s *Store) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	if err := store.CheckKey(key); err != nil {
		return nil, false, err
	}
	if len(new) > store.MaxValue {
		return nil, false, store.ErrValue
	}
	if _, rewound := store.CutRewound(new); rewound {
		return nil, false, store.ErrValue
	}
	if err := s.enter(ctx); err != nil {
		return nil, false, err
	}
	how := "replace"
	switch {
	case old == nil && new == nil:
		how = "nothing"
	case old == nil:
		how = "create"
	case new == nil:
		how = "delete"
	}
	// The copies are needed: a command whose caller's context ends stays with the
	// client and is written later, when the caller has long reused the slices. They
	// lie in one piece of memory.
	var sent strings.Builder
	sent.Grow(len(s.values) + len(key) + len(new) + len(old) + maxDigits)
	sent.WriteString(s.values)
	sent.WriteString(key)
	toNew := sent.Len()
	sent.Write(new)
	toOld := sent.Len()
	sent.Write(old)
	toLife := sent.Len()
	var digits [maxDigits]byte
	sent.Write(strconv.AppendInt(digits[:0], s.life(expires), 10))
	text := sent.String()
	args := []string{how, text[toLife:], text[toNew:toOld], text[toOld:toLife]}
	result := s.swap.Exec(ctx, s.client, []string{text[:toNew]}, args)
	current, swapped, err = parseValue(result)
	if err != nil {
		return nil, false, s.failure(ctx, "swap", err)
	}
	return current, swapped, nil
}

// Add implements [store.Store].
func (s *Store) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	args := []string{strconv.FormatInt(delta, 10), strconv.FormatInt(s.life(expires), 10)}
	sum, err := parseSum(s.add.Exec(ctx, s.client, []string{s.counters + key}, args))
	if err != nil {
		return 0, s.failure(ctx, "add", err)
	}
	return sum, nil
}

// maxDigits is the length of the longest int64.
const maxDigits = 20

// life returns for how many milliseconds the server has to keep a record. It is
// counted from now, not given as a time of day, so that a server whose clock is
// wrong drops nothing too early. 1 is the least that the server takes; the most
// is some 30,000 years, which no later expiry changes.
func (s *Store) life(expires time.Time) int64 {
	const longest = 1e12 // seconds; no sum of two of them overflows
	seconds := min(max(expires.Unix(), -longest), longest) - s.cfg.Now().Unix() + 1
	return max(seconds*1000+s.cfg.Skew.Milliseconds(), 1)
}

// withoutStamp returns a stored value as one who has not set Fence sees it.
func withoutStamp(stored []byte) []byte {
	if _, stamped := store.CutRewound(stored); !stamped {
		return stored
	}
	return append(stored[:len(store.Rewound)], stored[min(stampLen, len(stored)):]...)
}
