package storetest

import (
	"bytes"
	"context"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A reference is the simplest right store, and with a flaw, one that is wrong
// in one way.
type reference struct {
	now  func() time.Time
	flaw string

	mu       sync.Mutex
	writes   int
	values   map[string]refValue
	counters map[string]refCounter
	notes    map[string]time.Time // of the flaw "stale note of expiry"
	cache    map[string][]byte    // of the flaw "stale reads"
	shared   []byte               // of the flaw "shared answer"
	poisoned bool                 // of the flaw "cancellation hits another"
}

type refValue struct {
	bytes   []byte
	expires time.Time
}

type refCounter struct {
	sum     int64
	expires time.Time
}

func newReference(now func() time.Time, flaw string) *reference {
	return &reference{
		now: now, flaw: flaw, values: make(map[string]refValue), counters: make(map[string]refCounter),
		notes: make(map[string]time.Time), cache: make(map[string][]byte),
	}
}

// begin checks what every method does first, and takes the lock.
func (s *reference) begin(ctx context.Context, key *string) error {
	if err := store.CheckKey(*key); err != nil && s.flaw != "bad keys accepted" {
		return err
	}
	switch s.flaw {
	case "key case folded":
		*key = strings.ToLower(*key)
	case "key truncated":
		*key = (*key)[:min(len(*key), 64)]
	case "hangs":
		<-context.WithoutCancel(ctx).Done()
	}
	s.mu.Lock()
	if s.poisoned {
		s.poisoned = false
		s.mu.Unlock()
		return context.Canceled
	}
	err := ctx.Err()
	if err != nil {
		s.poisoned = s.flaw == "cancellation hits another"
		switch s.flaw {
		case "cancellation ignored", "cancellation after the write":
		case "refusal returns nothing": // only the suite can end this one's loops
		default:
			s.mu.Unlock()
			return err
		}
	}
	return nil
}

// end gives up the lock; a store may notice only now that ctx is done.
func (s *reference) end(ctx context.Context) error {
	s.mu.Unlock()
	if s.flaw == "cancellation after the write" {
		return ctx.Err()
	}
	return nil
}

// step lets others in between reading and writing.
func (s *reference) step(flaw string) {
	if s.flaw == flaw {
		s.mu.Unlock()
		for range 8 {
			runtime.Gosched()
		}
		s.mu.Lock()
	}
}

func (s *reference) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.begin(ctx, &key); err != nil {
		return nil, err
	}
	value := s.values[key]
	v := value.bytes
	if s.flaw == "dead hidden from Get" && !value.expires.After(s.now()) {
		v = nil
	}
	if s.flaw == "stale reads" {
		v, s.cache[key] = s.cache[key], v
	}
	if err := s.end(ctx); err != nil {
		return nil, err
	}
	switch s.flaw {
	case "aliased by Get", "written in place":
		return v, nil
	case "empty read as nil":
		return append([]byte(nil), v...), nil
	case "absent read as empty":
		return append([]byte{}, v...), nil
	}
	return bytes.Clone(v), nil
}

func (s *reference) match(v, old []byte) bool {
	switch s.flaw {
	case "old ignored":
		return true
	case "insert overwrites":
		return old == nil || same(v, old)
	case "absent matched as empty":
		return bytes.Equal(v, old)
	case "prefix matched":
		return same(v, old) || len(old) > 0 && bytes.HasPrefix(v, old)
	case "case ignored in old":
		return same(v, old) || len(old) > 0 && bytes.EqualFold(v, old)
	case "length compared only":
		return (v == nil) == (old == nil) && len(v) == len(old)
	}
	return same(v, old)
}

func (s *reference) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) (current []byte, swapped bool, err error) {
	if len(new) > store.MaxValue && s.flaw != "large values accepted" {
		return nil, false, store.ErrValue
	}
	if err := s.begin(ctx, &key); err != nil {
		return nil, false, err
	}
	asked := new
	value := s.values[key]
	found := value.bytes
	matched := s.match(found, old)
	if s.flaw == "nothing for nothing refused" && old == nil && new == nil {
		matched = false
	}
	s.step("compared before the lock")
	if matched {
		if s.flaw != "aliased by CompareAndSwap" {
			new = bytes.Clone(new)
		}
		s.set(key, new, value, expires)
	} else if s.flaw == "refusal sets expiry" && found != nil {
		s.values[key] = refValue{found, expires}
	}
	s.collect()
	s.shared = found
	s.step("shared answer")
	if s.flaw == "shared answer" {
		found = s.shared
	}
	if err := s.end(ctx); err != nil {
		return nil, false, err
	}
	switch {
	case matched && s.flaw == "new returned as current":
		return bytes.Clone(asked), true, nil
	case matched:
		return nil, true, nil
	case s.flaw == "loser told swapped" && same(found, asked):
		return nil, true, nil
	case s.flaw == "refusal returns nothing":
		return nil, false, nil
	case s.flaw == "aliased current":
		return found, false, nil
	}
	return bytes.Clone(found), false, nil
}

// set keeps new instead of was.
func (s *reference) set(key string, new []byte, was refValue, expires time.Time) {
	switch s.flaw {
	case "value truncated":
		new = new[:min(len(new), 4096)]
	case "value ends at zero byte":
		if i := bytes.IndexByte(new, 0); i >= 0 {
			new = new[:i]
		}
	case "written in place":
		if new != nil && len(new) <= cap(was.bytes) {
			new = append(was.bytes[:0], new...)
		}
	case "swap keeps expiry":
		if was.bytes != nil {
			expires = was.expires
		}
	case "equal swap keeps expiry":
		if same(was.bytes, new) {
			expires = was.expires
		}
	case "stale note of expiry":
		if at, ok := s.notes[key]; !ok || expires.Before(at) {
			s.notes[key] = expires
		}
	case "delete leaves empty":
		new = append([]byte{}, new...)
	case "evicts":
		if len(s.values) > 90 {
			delete(s.values, "neighbour/07")
		}
	case "one space":
		delete(s.counters, key)
		if n, err := strconv.ParseInt(string(new), 10, 64); err == nil {
			s.counters[key] = refCounter{n, expires}
		}
	}
	if new == nil {
		delete(s.values, key)
		return
	}
	s.values[key] = refValue{new, expires}
}

func (s *reference) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if err := s.begin(ctx, &key); err != nil {
		return 0, err
	}
	was, there := s.counters[key]
	s.step("added in two steps")
	sum := was.sum + delta
	switch {
	case s.flaw == "sums saturate" && delta > 0 && sum < was.sum:
		sum = math.MaxInt64
	case s.flaw == "negative ignored" && delta < 0:
		sum = was.sum
	case s.flaw == "counter reset" && was.sum >= 7:
		sum = delta
	case s.flaw == "addition keeps expiry" && there, s.flaw == "dead counter stays dead" && there && !was.expires.After(s.now()):
		expires = was.expires
	case s.flaw == "adding nothing keeps expiry" && there && delta == 0:
		expires = was.expires
	}
	s.counters[key] = refCounter{sum, expires}
	s.collect()
	return sum, s.end(ctx)
}

// dead reports whether a record may go.
func (s *reference) dead(expires time.Time) bool {
	now := s.now()
	switch s.flaw {
	case "expiry too early":
		now = now.Add(time.Second)
	case "expiry in whole seconds":
		expires = expires.Truncate(time.Second)
	case "expiry overflows":
		return expires.UnixNano() < now.UnixNano()
	}
	return expires.Before(now)
}

// collect drops the dead, now and then, as a store without goroutines does.
func (s *reference) collect() {
	if s.writes++; s.writes%8 == 0 && s.flaw != "dead hidden from Get" {
		s.sweep()
	}
}

func (s *reference) sweep() (removed int) {
	for key, v := range s.values {
		at := v.expires
		if note, ok := s.notes[key]; ok {
			at = note
		}
		if s.dead(at) {
			delete(s.values, key)
			delete(s.notes, key)
			removed++
			if s.flaw == "value takes its counter along" {
				delete(s.counters, key)
			}
		}
	}
	for key, c := range s.counters {
		if s.dead(c.expires) && s.flaw != "counters not swept" {
			delete(s.counters, key)
			removed++
		}
	}
	return removed
}

func (s *reference) Sweep(ctx context.Context) (removed int, err error) {
	if err := ctx.Err(); err != nil && s.flaw != "sweep ignores context" {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.flaw {
	case "sweep removes the live":
		for key, v := range s.values {
			if v.expires.Before(s.now().Add(72 * time.Hour)) {
				delete(s.values, key)
			}
		}
	case "sweep miscounts":
		return s.sweep() + 1, nil
	case "swept in two steps":
		var dead []string
		for key, v := range s.values {
			if s.dead(v.expires) {
				dead = append(dead, key)
			}
		}
		s.step("swept in two steps")
		for _, key := range dead {
			delete(s.values, key)
		}
	}
	return s.sweep(), nil
}
