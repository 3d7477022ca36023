package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/store"
)

// Sums that overflow wrap around as Go's do, whatever way they go.
func TestSumsWrapAround(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -1 << 53, -1<<53 + 1, -1, 0, 1, 1<<53 - 1, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64}
	n := 0
	try := func(a, b int64) {
		t.Helper()
		key := fmt.Sprintf("sum/%d", n)
		n++
		wantSum(t, s, key, a, a)
		wantSum(t, s, key, b, a+b)
		wantSum(t, s, key, 0, a+b)
	}
	for _, a := range edges {
		for _, b := range edges {
			try(a, b)
		}
	}
	for range 200 {
		try(rand.Int64()-rand.Int64(), rand.Int64()-rand.Int64())
	}
}

// What the server is told of a record's life.
func TestLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) // not the server's
	s := open(t, Config{Now: func() time.Time { return now }, Skew: time.Minute})
	const minute, year = int64(60_000), int64(365 * 24 * 3600 * 1000)
	for i, c := range []struct {
		expires  time.Time
		min, max int64 // milliseconds; -2 if it is gone
	}{
		{now.Add(time.Hour), 61*minute - 10_000, 61*minute + 1_000},
		{now.Add(time.Second), minute - 9_000, minute + 2_000},
		{now, minute - 10_000, minute + 1_000},
		{now.Add(-30 * time.Second), minute/2 - 10_000, minute/2 + 1_000},
		{now.Add(-62 * time.Second), -2, -2},
		{time.Unix(0, 0), -2, -2},
		{time.Time{}, -2, -2},
		{now.AddDate(100, 0, 0), 100 * year, 101 * year},
		{now.AddDate(7000, 0, 0), 7000 * year, 7010 * year},
		{time.Unix(1<<55, 0), 31_000 * year, 32_000 * year},
		{time.Unix(1<<62, 0), 31_000 * year, 32_000 * year},
		{time.Unix(math.MinInt64, 0), -2, -2},
	} {
		key := fmt.Sprintf("key/%d", i)
		_, swapped, err := s.CompareAndSwap(t.Context(), key, nil, []byte("value"), c.expires)
		if err != nil || !swapped {
			t.Fatalf("%v: %t, %v", c.expires, swapped, err)
		}
		if _, err := s.Add(t.Context(), key, 1, c.expires); err != nil {
			t.Fatalf("%v: %v", c.expires, err)
		}
		for _, stored := range []string{s.values + key, s.counters + key} {
			// What lives for a millisecond may live for one yet.
			left := int64(0)
			for range 100 {
				left, err = strconv.ParseInt(command(t, server(t), "PTTL "+stored), 10, 64)
				if c.max >= 0 || left == -2 {
					break
				}
			}
			if err != nil || left < c.min || left > c.max {
				t.Errorf("%v: %s lives for %d ms, %v; want %d to %d", c.expires, stored, left, err, c.min, c.max)
			}
		}
	}
}

// What is stored, and under which keys, so that another version finds it.
func TestLayout(t *testing.T) {
	t.Parallel()
	plain := open(t, Config{Prefix: newPrefix()})
	fenced := open(t, Config{Prefix: plain.cfg.Prefix, Fence: true})
	mustSwap(t, plain, "plain", nil, []byte("value"))
	mustSwap(t, fenced, "fenced", nil, []byte("value"))
	wantSum(t, plain, "plain", 7, 7)
	wantSum(t, fenced, "fenced", 8, 8)

	value := func(key string) string { return command(t, server(t), "GET "+plain.cfg.Prefix+key) }
	_, id, _ := strings.Cut(command(t, server(t), "INFO replication"), "master_replid:")
	for key, want := range map[string]string{
		"v:plain":  "value",
		"v:fenced": store.Rewound + id[:16] + "value",
		"n:plain":  "7",
		"n:fenced": "8",
	} {
		if got := value(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}

	// Each takes what the other has written for what went back in time, whole
	// and through all calls, until it is swapped.
	for _, c := range []struct {
		s   *Store
		key string
	}{{plain, "fenced"}, {fenced, "plain"}} {
		rewound, new := []byte(store.Rewound+"value"), []byte("new")
		wantValue(t, c.s, c.key, rewound)
		wantLost(t, c.s, c.key, []byte("value"), new, rewound)
		wantLost(t, c.s, c.key, nil, new, rewound)
		wantLost(t, c.s, c.key, []byte("value"), nil, rewound)
		mustSwap(t, c.s, c.key, rewound, new)
		wantValue(t, c.s, c.key, new)
	}
}

// No value may look like one that went back in time.
func TestRewoundValueIsRefused(t *testing.T) {
	t.Parallel()
	for _, fence := range []bool{false, true} {
		s := open(t, Config{Fence: fence})
		for _, value := range []string{store.Rewound, store.Rewound + "value", store.Rewound + "0123456789abcdefvalue"} {
			_, swapped, err := s.CompareAndSwap(t.Context(), "key", nil, []byte(value), later())
			if swapped || !errors.Is(err, store.ErrValue) {
				t.Errorf("%q: %t, %v", value, swapped, err)
			}
		}
		wantValue(t, s, "key", nil)
		almost := []byte(store.Rewound[:len(store.Rewound)-1] + "x")
		mustSwap(t, s, "key", nil, almost)
		wantValue(t, s, "key", almost)
		largest := append([]byte("x"), make([]byte, store.MaxValue-1)...)
		mustSwap(t, s, "key", almost, largest)
		wantValue(t, s, "key", largest)
	}
}

// What others put at the store's keys is neither believed nor replaced.
func TestForeign(t *testing.T) {
	t.Parallel()
	for _, fence := range []bool{false, true} {
		s := open(t, Config{Fence: fence})
		command(t, server(t), "HSET "+s.values+"hash field value")
		command(t, server(t), "RPUSH "+s.counters+"list element")
		command(t, server(t), "SET "+s.counters+"text seven")
		ctx := t.Context()
		_, err := s.Get(ctx, "hash")
		wantError(t, err, ErrForeign)
		_, _, err = s.CompareAndSwap(ctx, "hash", nil, []byte("new"), later())
		wantError(t, err, ErrForeign)
		_, _, err = s.CompareAndSwap(ctx, "hash", []byte("old"), nil, later())
		wantError(t, err, ErrForeign)
		for _, key := range []string{"list", "text"} {
			_, err = s.Add(ctx, key, 1, later())
			wantError(t, err, ErrForeign)
		}
		if kind := command(t, server(t), "TYPE "+s.values+"hash"); kind != "hash" {
			t.Errorf("it became a %s", kind)
		}
		if text := command(t, server(t), "GET "+s.counters+"text"); text != "seven" {
			t.Errorf("it became %q", text)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	client, err := rueidis.NewClient(must(Config{}.ClientOption(server(t).URL())))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	lent, err := New(t.Context(), client, Config{Prefix: newPrefix()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{lent, open(t, Config{})} {
		mustSwap(t, s, "key", nil, []byte("value"))
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		ctx := t.Context()
		_, get := s.Get(ctx, "key")
		_, _, swap := s.CompareAndSwap(ctx, "key", nil, nil, later())
		_, add := s.Add(ctx, "key", 1, later())
		for _, err := range []error{get, swap, add, s.Check(ctx)} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Get(done, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("after Close, with a done context: %v", err)
		}
	}
	if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err != nil {
		t.Errorf("the program's client: %v", err)
	}
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"long prefix":      {Prefix: strings.Repeat("x", 65)},
		"space in prefix":  {Prefix: "pass code:"},
		"line in prefix":   {Prefix: "a\r\nFLUSHALL\r\n"},
		"other alphabet":   {Prefix: "код:"},
		"negative skew":    {Skew: -1},
		"short timeout":    {Timeout: time.Second - 1},
		"negative timeout": {Timeout: -1},
		"negative dial":    {DialTimeout: -1},
	} {
		if _, err := Open(t.Context(), "redis://127.0.0.1:1", cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("Open with %s: %v", name, err)
		}
		if _, err := New(t.Context(), nil, cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("New with %s: %v", name, err)
		}
	}
	cfg := Config{Prefix: strings.Repeat("x", 63) + "{"}
	s := open(t, cfg)
	key := strings.Repeat("k", store.MaxKey)
	mustSwap(t, s, key, nil, []byte("value"))
	wantValue(t, open(t, cfg), key, []byte("value"))
}
