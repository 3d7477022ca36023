package main

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"time"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/adapters/redisstore"
	"github.com/passcode-go/passcode/internal/servertest"
)

// bareSwap is the script of redisstore, in two parts; a test compares them.
const bareSwap = bareRead + `
local new = ARGV[1] == 'create' or ARGV[1] == 'replace'
local old = (ARGV[1] == 'replace' or ARGV[1] == 'delete') and ARGV[4]
if v ~= old then return v end
local done = 1
if new then done = redis.pcall('SET', KEYS[1], stamp .. ARGV[3], 'PX', ARGV[2])
elseif old then done = redis.pcall('DEL', KEYS[1]) end
if type(done) == 'table' and done.err then return done end
return 1
`

const bareRead = `
local mark, stamp = '\255rewound\0', ''
local v = redis.pcall('GET', KEYS[1])
if type(v) == 'table' then return v end
if v and string.sub(v, 1, 9) == mark then v = mark .. string.sub(v, 26) end
`

// A bareRedis calls the store's script for each check, and nothing else of it,
// through the client that the store uses: the other side of redisstore's ratio.
type bareRedis struct {
	client rueidis.Client
	swap   *rueidis.Lua
	values bareValues
}

// bareValues are as many values as there are codes, of the size of a pending
// code's record, and what each is now.
type bareValues struct {
	keys  []string
	turns []uint64 // how often each was changed
}

func newBareValues(n int) bareValues {
	b := bareValues{make([]string, n), make([]uint64, n)}
	for i := range b.keys {
		b.keys[i] = fmt.Sprintf("bare:%019d", i)
	}
	return b
}

// value is the one that the i-th key has after so many changes.
func (b bareValues) value(turn uint64) []byte {
	return fmt.Appendf(nil, valueFormat, turn)
}

const (
	recordSize  = 64      // of the record of a pending code
	valueFormat = "%064d" // of a value of that size
)

// measure changes values at random keys. change makes one change and reports
// whether it was made; no two callers have one key.
func (b bareValues) measure(ctx context.Context, callers, ops int, change func(key string, old, new []byte) (bool, error)) (timing, error) {
	order := mathrand.Perm(len(b.keys))[:ops]
	// Made beforehand, and in the order of use, as what load.check enters.
	values := make([]byte, 0, 2*ops*recordSize)
	for _, i := range order {
		values = fmt.Appendf(values, valueFormat+valueFormat, b.turns[i], b.turns[i]+1)
	}
	return timed(callers, ops, func(from, to int, sample func(time.Duration), every int) error {
		for k := from; k < to; k++ {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			i := order[k]
			began := time.Now()
			pair := values[2*k*recordSize:][:2*recordSize]
			done, err := change(b.keys[i], pair[:recordSize:recordSize], pair[recordSize:])
			if err == nil && !done {
				err = errors.New("a bare swap found another value")
			}
			if err != nil {
				return err
			}
			if k%every == 0 {
				sample(time.Since(began))
			}
			b.turns[i]++
		}
		return nil
	})
}

func (b *bareRedis) measure(ctx context.Context, callers, ops int) (timing, error) {
	life := strconv.FormatInt((48 * time.Hour).Milliseconds(), 10)
	return b.values.measure(ctx, callers, ops, func(key string, old, new []byte) (bool, error) {
		n, err := b.swap.Exec(ctx, b.client, []string{key}, []string{"replace", life, unsafe.String(&new[0], len(new)), unsafe.String(&old[0], len(old))}).AsInt64()
		return n == 1, err
	})
}

// openRedis starts a private server, or uses the one of -redis, whose database
// should be empty.
func openRedis(ctx context.Context, p plan, n int, now func() time.Time) (target, error) {
	stop := func() error { return nil }
	url := p.redis
	if url == "" {
		server, err := servertest.StartRedis()
		if err != nil {
			return target{}, err
		}
		url, stop = server.URL(), server.Stop
	}
	// Nothing here has to survive a restart.
	cfg := redisstore.Config{Prefix: "bench:", UnsafeVolatile: true, Now: now}
	option, err := cfg.ClientOption(url)
	if err != nil {
		return target{}, errors.Join(err, stop())
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return target{}, errors.Join(err, stop())
	}
	end := func() error { client.Close(); return stop() }
	s, err := redisstore.New(ctx, client, cfg)
	if err != nil {
		return target{}, errors.Join(err, end())
	}
	bare := &bareRedis{client, rueidis.NewLuaScript(bareSwap), newBareValues(n)}
	for i, key := range bare.values.keys {
		if err := client.Do(ctx, client.B().Set().Key(key).Value(string(bare.values.value(0))).Ex(48*time.Hour).Build()).Error(); err != nil {
			return target{}, errors.Join(fmt.Errorf("value %d: %w", i, err), end())
		}
	}
	return target{
		name: "redis", store: s, fillers: 256, cached: 4 * n, unitName: "script",
		unit:  func(callers, ops int) (timing, error) { return bare.measure(ctx, callers, ops) },
		most:  func(n, callers int) int { return min(n/2, 4000*min(callers, 16)) },
		close: end,
	}, nil
}
