package memstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// hashes are what a shard may be given for a key: good, and bad in every way
// that makes records collide, crowd and wrap around the end of the table.
var hashes = []func(key string) uint32{
	func(key string) uint32 {
		h := uint32(2166136261)
		for i := range len(key) {
			h = (h ^ uint32(key[i])) * 16777619
		}
		return h
	},
	func(string) uint32 { return 0 },
	func(string) uint32 { return 1<<32 - 1 },
	func(key string) uint32 { return uint32(len(key)%3) << 30 },
	func(key string) uint32 { return 0xfff00000 | uint32(key[len(key)-1])<<12 },
	func(key string) uint32 { return uint32(key[len(key)-1]%16)<<28 | uint32(len(key)) },
}

// sizes are lengths of values around the bounds of the classes.
var sizes = []int{0, 1, 24, 31, 90, 120, 250, 480, 511, 512, 900, 1500, 4000, 8100, 8192, 9000, 20000, store.MaxValue}

type modelRecord struct {
	value   []byte // of a counter: nil
	sum     int64
	expires uint32
}

// A model runs a script of operations against a shard and against a map.
type model struct {
	t       *testing.T
	shard   shard
	budget  budget
	hash    func(string) uint32
	now     uint32
	serial  byte
	records map[string]modelRecord // key, with a prefix for the kind
}

func newModel(t *testing.T, hash func(string) uint32, maxBytes int64) *model {
	m := &model{t: t, hash: hash, now: 1000, records: make(map[string]modelRecord)}
	m.budget.max = maxBytes
	m.shard.init(&m.budget)
	return m
}

// run takes four bytes for each operation.
func (m *model) run(script []byte) {
	for step := 0; len(script) >= 4; step++ {
		op, k, size, life := script[0], int(script[1]), int(script[2]), uint32(script[3])
		script = script[4:]
		key := fmt.Sprintf("%0*d", 1+k%store.MaxKey, k)
		value := bytes.Repeat([]byte{m.serial}, sizes[size%len(sizes)])
		m.serial++
		expires := m.now + life%64
		held := m.records["v"+key].value
		switch op % 10 {
		case 0, 1, 2:
			m.swap(key, held, value, expires)
		case 3:
			m.swap(key, held, nil, expires)
		case 4:
			m.swap(key, append(bytes.Clone(held), 'x'), value, expires)
		case 5:
			m.swap(key, nil, value, expires)
		case 6:
			m.add(key, int64(int8(size)), expires)
		case 7:
			m.get(key)
		case 8:
			m.now += life % 16
		case 9:
			m.sweep()
		}
		if step%16 == 0 {
			m.check()
		}
	}
	m.check()
	m.sweep()
	m.check()
	if live := len(m.records); m.shard.count != live {
		m.t.Fatalf("after a sweep there are %d records, want %d", m.shard.count, live)
	}
	for name := range m.records {
		if name[0] == 'v' {
			m.get(name[1:])
		}
	}
}

// states returns the states in which the record may be: as the model has it,
// and absent if it is dead.
func (m *model) states(name string) []*modelRecord {
	r, ok := m.records[name]
	switch {
	case !ok:
		return []*modelRecord{nil}
	case r.expires <= m.now:
		return []*modelRecord{&r, nil}
	default:
		return []*modelRecord{&r}
	}
}

func (m *model) set(name string, r *modelRecord) {
	if r == nil {
		delete(m.records, name)
	} else {
		m.records[name] = *r
	}
}

func (m *model) swap(key string, old, new []byte, expires uint32) {
	m.t.Helper()
	current, swapped, ok := m.shard.compareAndSwap(m.hash(key), key, old, new, expires, m.now)
	for _, r := range m.states("v" + key) {
		match := r == nil && old == nil || r != nil && old != nil && bytes.Equal(r.value, old)
		switch {
		case match && !ok && new != nil && m.budget.max < 1<<40:
			m.set("v"+key, r)
			return
		case match && swapped && current == nil:
			if new == nil {
				m.set("v"+key, nil)
			} else {
				m.set("v"+key, &modelRecord{value: new, expires: expires})
			}
			return
		case !match && ok && !swapped && (r == nil && current == nil || r != nil && current != nil && bytes.Equal(r.value, current)):
			m.set("v"+key, r)
			return
		}
	}
	m.t.Fatalf("CompareAndSwap(%q, %d bytes, %d bytes) = %d bytes, %t, %t", key, len(old), len(new), len(current), swapped, ok)
}

func (m *model) add(key string, delta int64, expires uint32) {
	m.t.Helper()
	sum, ok := m.shard.add(m.hash(key), key, delta, expires, m.now)
	for _, r := range m.states("c" + key) {
		switch {
		case r == nil && !ok && m.budget.max < 1<<40:
			m.set("c"+key, nil)
			return
		case ok && r == nil && sum == delta, ok && r != nil && sum == r.sum+delta:
			m.set("c"+key, &modelRecord{sum: sum, expires: expires})
			return
		}
	}
	m.t.Fatalf("Add(%q, %d) = %d, %t", key, delta, sum, ok)
}

func (m *model) get(key string) {
	m.t.Helper()
	value := m.shard.get(m.hash(key), key)
	for _, r := range m.states("v" + key) {
		if r == nil && value == nil || r != nil && value != nil && bytes.Equal(r.value, value) {
			m.set("v"+key, r)
			return
		}
	}
	m.t.Fatalf("Get(%q) = %d bytes", key, len(value))
}

// sweep takes all slices at once and forgets what is dead.
func (m *model) sweep() {
	for next := uint64(0); next < hashEnd; {
		next, _ = m.shard.sweep(next, m.now)
	}
	for name, r := range m.records {
		if r.expires <= m.now {
			delete(m.records, name)
		}
	}
}

// check looks at the shard from within: every record can be found, every item
// belongs to one record or is free, and every byte is accounted for.
func (m *model) check() {
	m.t.Helper()
	if err := m.shard.check(); err != nil {
		m.t.Fatal(err)
	}
	if held := m.shard.held(); m.budget.held.Load() != held {
		m.t.Fatalf("the budget has %d bytes, the shard holds %d", m.budget.held.Load(), held)
	}
}

func (s *shard) held() int64 {
	held := len(s.slots)*slotSize + cap(s.chunks)*chunkSize
	for _, c := range s.chunks {
		held += len(c.mem)
	}
	return int64(held)
}

func (s *shard) check() error {
	count := 0
	used := make(map[uint32]int) // chunk: items in use
	refs := make(map[uint32]bool)
	for i, t := range s.slots {
		if t.ref == 0 {
			continue
		}
		count++
		for j := s.home(t.hash); j != i; j = (j + 1) & (len(s.slots) - 1) {
			if s.slots[j].ref == 0 {
				return fmt.Errorf("slot %d is behind a hole at %d", i, j)
			}
		}
		if refs[t.ref] {
			return fmt.Errorf("item %x has two records", t.ref)
		}
		refs[t.ref] = true
		used[t.ref>>itemBits]++
	}
	if count != s.count || count*4 > len(s.slots)*3 {
		return fmt.Errorf("%d records, counted %d, in %d slots", count, s.count, len(s.slots))
	}
	open := make(map[uint32]bool)
	for class := range s.lists {
		bytes := 0
		for prev, n := uint32(0), s.lists[class].open; n != 0; prev, n = n, s.chunks[n].next {
			c := &s.chunks[n]
			if open[n] || c.prev != prev || c.full() || int(c.class) != class {
				return fmt.Errorf("chunk %d is wrong in the list of class %d", n, class)
			}
			open[n] = true
		}
		for n := range s.chunks {
			if c := &s.chunks[n]; c.mem != nil && int(c.class) == class {
				bytes += len(c.mem)
				if c.used == 0 && s.lists[class].idle != uint32(n) {
					return fmt.Errorf("chunk %d of class %d is empty and kept", n, class)
				}
			}
		}
		if bytes != s.lists[class].bytes {
			return fmt.Errorf("class %d has %d bytes, counted %d", class, bytes, s.lists[class].bytes)
		}
	}
	unused := make(map[uint32]bool)
	for n := s.unused; n != 0; n = s.chunks[n].next {
		unused[n] = true
	}
	for n := uint32(1); n < uint32(len(s.chunks)); n++ {
		c := &s.chunks[n]
		if unused[n] != (c.mem == nil) {
			return fmt.Errorf("chunk number %d is unused: %t, in the list: %t", n, c.mem == nil, unused[n])
		}
		if c.mem == nil {
			continue
		}
		if int(c.used) != used[n] || c.full() == open[n] {
			return fmt.Errorf("chunk %d has %d items in use, counted %d; full %t, open %t", n, used[n], c.used, c.full(), open[n])
		}
		free, size := 0, itemSize(int(c.class))
		for item := c.free; item != 0; free++ {
			if refs[n<<itemBits|uint32(item-1)] || free > int(c.fresh) {
				return fmt.Errorf("chunk %d: item %d is free and in use", n, item-1)
			}
			at := int(item-1) * size
			item = uint16(c.mem[at]) | uint16(c.mem[at+1])<<8
		}
		room := len(c.mem) / size
		if free+int(c.used) != int(c.fresh) || int(c.fresh) > room || c.full() != (int(c.used) == room) {
			return fmt.Errorf("chunk %d: %d free, %d in use, %d touched", n, free, c.used, c.fresh)
		}
	}
	return nil
}

func TestShardAgainstModel(t *testing.T) {
	t.Parallel()
	for i, hash := range hashes {
		for _, maxBytes := range []int64{1 << 50, 300 << 10} {
			t.Run(fmt.Sprintf("hash%d/%d", i, maxBytes), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(uint64(i), uint64(maxBytes)))
				for range 4 {
					script := make([]byte, 4*2000)
					for j := range script {
						script[j] = byte(r.Uint32())
					}
					// Few large values, or they would be all that fits.
					for j := 2; j < len(script); j += 4 {
						if r.IntN(16) > 0 {
							script[j] %= 9
						}
					}
					newModel(t, hash, maxBytes).run(script)
				}
			})
		}
	}
}

func FuzzOps(f *testing.F) {
	f.Add(uint8(0), false, []byte("\x00\x01\x04\x20\x03\x01\x04\x20"))
	f.Fuzz(func(t *testing.T, hash uint8, small bool, script []byte) {
		maxBytes := int64(1 << 50)
		if small {
			maxBytes = 64 << 10
		}
		if len(script) > 4*4096 {
			t.Skip("long")
		}
		newModel(t, hashes[int(hash)%len(hashes)], maxBytes).run(script)
	})
}

// A sweep in slices finds every record that was dead when it began, whatever
// comes, goes and moves between the slices.
func TestSweepMissesNothing(t *testing.T) {
	t.Parallel()
	for i, hash := range hashes {
		t.Run(fmt.Sprint("hash", i), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, uint64(i)))
			n := 4000
			if i > 0 {
				n = 600 // colliding: every search is a walk
			}
			for round := range 6 {
				m := newModel(t, hash, 1<<50)
				key := func(kind string, i int) string { return fmt.Sprintf("%s%d%s", kind, i, strings.Repeat(".", i%9)) }
				var alive []string
				for i := range n {
					kind, expires := "dead", m.now
					if r.IntN(3+40*(round%3)) == 0 { // few alive: the table shrinks under the sweep
						kind, expires = "live", m.now+1
						alive = append(alive, key(kind, i))
					}
					k := key(kind, i)
					// At time 0 nothing is dead yet, so that the write collects nothing.
					if _, ok := m.shard.add(m.hash(k), k, 1, expires, 0); !ok {
						t.Fatal("full")
					}
				}
				for next := uint64(0); next < hashEnd; {
					next, _ = m.shard.sweep(next, m.now)
					for range r.IntN(200) * (1 - round%3/2) {
						if r.IntN(2) == round%2 && len(alive) > 0 {
							// No counter is ever deleted but by its expiry.
							at := r.IntN(len(alive))
							k := alive[at]
							if at := m.shard.find(m.hash(k), counter, k); at >= 0 {
								m.shard.drop(at)
								m.shard.shrink()
							}
							alive = append(alive[:at], alive[at+1:]...)
						} else {
							k := key("new", r.Int())
							m.shard.add(m.hash(k), k, 1, m.now+1, 0)
							alive = append(alive, k)
						}
					}
				}
				if m.shard.count != len(alive) {
					t.Fatalf("round %d: %d records are left, want %d", round, m.shard.count, len(alive))
				}
				m.check()
			}
		})
	}
}
