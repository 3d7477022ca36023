package memstore

import (
	"bytes"
	"encoding/binary"
	"sync"
)

const (
	perLook    = 16  // slots that are looked at together for dead records
	writesPer  = 4   // writes from one such look to the next
	perSlice   = 256 // slots that sweep looks at under one lock, and on to the end of a cluster
	counterLen = 8   // bytes of a counter
)

// A shard is a part of a Store with its own lock. The caller hashes, so that
// tests can choose the hashes.
type shard struct {
	mu sync.Mutex
	index
	hand   int   // where to look for dead records next
	writes uint8 // so far, or the low bits of it

	touched byte // see find
	slab

	_ [64]byte // the next shard's lock is on another cache line
}

func (s *shard) init(b *budget) {
	s.index.init()
	s.slab.init(b)
	b.held.Add(int64(minSlots * slotSize))
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func (s *shard) get(hash uint32, key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(hash, 0, key)
	if i < 0 {
		return nil
	}
	return clone(s.value(i))
}

// compareAndSwap is that of [store.Store]. It reports !ok, with nothing
// written, if there is no memory for it.
func (s *shard) compareAndSwap(hash uint32, key string, old, new []byte, expires, now uint32) (current []byte, swapped, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collect(now)
	i := s.find(hash, 0, key)
	switch {
	case i < 0 && old != nil:
		return nil, false, true
	case i < 0 && new == nil:
		return nil, true, true
	case i < 0:
		value, ok := s.create(hash, 0, key, len(new), expires)
		copy(value, new)
		return nil, ok, ok
	}
	value := s.value(i)
	switch {
	case old == nil || !bytes.Equal(value, old):
		return clone(value), false, true
	case new == nil:
		s.drop(i)
		return nil, true, true
	}
	if !s.replace(i, key, new) {
		return nil, false, false
	}
	if t := &s.slots[i]; t.expires != expires { // a line that is not written need not go back to memory
		t.expires = expires
	}
	return nil, true, true
}

// add is that of [store.Store]. It reports !ok, with nothing written, if there
// is no memory for it.
func (s *shard) add(hash uint32, key string, delta int64, expires, now uint32) (sum int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collect(now)
	var value []byte
	if i := s.find(hash, counter, key); i >= 0 {
		value = s.value(i)
		sum = int64(binary.LittleEndian.Uint64(value))
		s.slots[i].expires = expires
	} else if value, ok = s.create(hash, counter, key, counterLen, expires); !ok {
		return 0, false
	}
	sum += delta
	binary.LittleEndian.PutUint64(value, uint64(sum))
	return sum, true
}

// find returns the slot of the record of the kind, or -1.
func (s *shard) find(hash, kind uint32, key string) int {
	slots := s.slots
	meta := kind | uint32(len(key))<<keyShift
	for i := s.home(hash); ; i = (i + 1) & (len(slots) - 1) {
		t := &slots[i]
		if t.ref == 0 {
			return -1
		}
		if t.hash == hash && t.meta&^valueMask == meta {
			// Ask for the record's last cache line before waiting for its
			// first: in a large store neither is in a cache.
			item := s.item(t.ref)
			s.touched = item[len(item)-1]
			if string(item[:len(key)]) == key {
				return i
			}
		}
	}
}

// value returns the value in slot i, not a copy.
func (s *shard) value(i int) []byte {
	meta := s.slots[i].meta
	from := meta &^ counter >> keyShift
	return s.item(s.slots[i].ref)[from : from+meta&valueMask]
}

// create makes a record that does not exist yet and returns its value to be
// filled. It reports false if there is no memory for it.
func (s *shard) create(hash, kind uint32, key string, n int, expires uint32) ([]byte, bool) {
	if s.crowded() {
		if !s.budget.take(len(s.slots) * slotSize) {
			return nil, false
		}
		s.double()
	}
	ref, ok := s.alloc(len(key) + n)
	if !ok {
		return nil, false
	}
	s.insert(slot{ref, hash, expires, kind | uint32(len(key))<<keyShift | uint32(n)})
	item := s.item(ref)
	copy(item, key)
	return item[len(key) : len(key)+n], true
}

// replace sets the value in slot i, in place if its class of size stays. It
// reports false, with nothing changed, if there is no memory for it.
func (s *shard) replace(i int, key string, value []byte) bool {
	t := &s.slots[i]
	size := len(key) + len(value)
	if classOf(size) != classOf(len(key)+int(t.meta&valueMask)) {
		ref, ok := s.alloc(size)
		if !ok {
			return false
		}
		copy(s.item(ref), key)
		s.release(t.ref)
		t.ref = ref
	}
	t.meta = t.meta&^valueMask | uint32(len(value))
	copy(s.item(t.ref)[len(key):], value)
	return true
}

// drop deletes the record in slot i.
func (s *shard) drop(i int) {
	s.release(s.slots[i].ref)
	s.remove(i)
}

func (s *shard) dead(i int, now uint32) bool {
	return s.slots[i].ref != 0 && s.slots[i].expires <= now
}

// collect looks at a few slots, every few writes, and drops the dead records in
// them. With four slots for each write it drops records as fast as writes can
// bring new ones once a quarter of the slots is dead, and needs no list of what
// expires when. Looking at several cache lines at once costs hardly more than
// looking at one.
func (s *shard) collect(now uint32) {
	if s.writes++; s.writes%writesPer != 0 {
		return
	}
	for range perLook {
		i := s.hand & (len(s.slots) - 1)
		if s.dead(i, now) {
			s.drop(i) // and look again: another record may have moved here
		} else {
			s.hand = i + 1
		}
	}
	s.shrink()
}

func (s *shard) shrink() {
	for s.sparse() {
		s.halve()
		s.budget.give(len(s.slots) * slotSize)
	}
}

// sweep drops dead records whose hashes are from and above, a slice of them.
// It returns the hash to go on from, hashEnd or above when there is no more.
//
// It stops only at an empty slot. No record sits beyond an empty slot from its
// home, so whatever has its home before has been seen, and what is still to be
// seen has a higher hash. That stays true if the table moves or grows in the
// meantime, so no record slips through.
func (s *shard) sweep(from uint64, now uint32) (next uint64, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mask := len(s.slots) - 1
	i := s.home(uint32(from))
	end := min(i+perSlice, len(s.slots))
	for i < end || s.slots[i&mask].ref != 0 {
		if s.dead(i&mask, now) {
			s.drop(i & mask)
			dropped++
		} else {
			i++
		}
	}
	next = uint64(i+1) << s.shift
	s.shrink()
	if next >= hashEnd {
		s.trim()
	}
	return next, dropped
}

func clone(b []byte) []byte {
	c := make([]byte, len(b))
	copy(c, b)
	return c
}
