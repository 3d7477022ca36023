package memstore

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Items come in classes of one size each: steps of 32 bytes up to 512, powers
// of two up to 8 KiB, steps of 8 KiB for what is larger. An item of the last
// kind has a chunk of its own.
const (
	step      = 32
	maxStep   = 512
	page      = 8 << 10
	stepped   = maxStep / step // the number of classes up to 512
	paged     = stepped + 4    // the first class above 8 KiB: 1, 2, 4, 8 KiB come before
	classes   = paged + 8      // up to 72 KiB, which is more than a key and a value
	minChunk  = 512            // bytes in the first chunk of a class
	itemBits  = 8              // of a ref: page/step items in a chunk at most
	maxChunks = 1 << (32 - itemBits)
	chunkSize = int(unsafe.Sizeof(chunk{}))
)

// classOf returns the class of an item that holds n bytes, 1 at least.
func classOf(n int) int {
	switch {
	case n <= maxStep:
		return (n - 1) / step
	case n <= page:
		return stepped + bits.Len(uint(n-1)) - bits.Len(maxStep)
	default:
		return paged + (n-1)/page - 1
	}
}

// itemSize returns how many bytes an item of the class has.
func itemSize(class int) int {
	switch {
	case class < stepped:
		return (class + 1) * step
	case class < paged:
		return 2 * maxStep << (class - stepped)
	default:
		return (class - paged + 2) * page
	}
}

// A chunk is memory cut into items of one class. Its free items form a list
// within themselves: the first two bytes of each hold the next.
type chunk struct {
	mem   []byte
	next  uint32 // in the list of open chunks of the class, or of unused chunk numbers
	prev  uint32
	free  uint16 // the first free item plus one, 0 for none
	fresh uint16 // from this item on none has been used yet
	used  uint16 // items in use
	class uint8
}

// A slab hands out items of memory. A ref is the number of a chunk and, in the
// low 8 bits, of an item in it. There is no chunk 0, so no ref is 0.
type slab struct {
	budget *budget
	chunks []chunk
	unused uint32 // first of the chunk numbers to use again
	lists  [classes]struct {
		open  uint32 // first of the chunks that have room
		idle  uint32 // the one of them that is empty and kept, 0 for none
		bytes int    // in all chunks of the class
	}
}

func (s *slab) init(b *budget) {
	s.budget = b
	s.chunks = make([]chunk, 1)
	b.held.Add(int64(chunkSize))
}

// item returns the memory of the item.
func (s *slab) item(ref uint32) []byte {
	c := &s.chunks[ref>>itemBits]
	size := itemSize(int(c.class))
	at := int(ref&(1<<itemBits-1)) * size
	return c.mem[at : at+size]
}

// alloc returns a new item that holds n bytes. It reports false if there is no
// memory left for it.
func (s *slab) alloc(n int) (ref uint32, ok bool) {
	class := classOf(n)
	list := &s.lists[class]
	if list.open == 0 && !s.openChunk(class) {
		return 0, false
	}
	number := list.open
	if number == list.idle {
		list.idle = 0
	}
	c := &s.chunks[number]
	size := itemSize(class)
	item := c.fresh
	if c.free != 0 {
		item = c.free - 1
		c.free = binary.LittleEndian.Uint16(c.mem[int(item)*size:])
	} else {
		c.fresh++
	}
	c.used++
	if c.full() {
		s.unlink(number)
	}
	return number<<itemBits | uint32(item), true
}

// full reports whether every item is in use.
func (c *chunk) full() bool {
	return c.free == 0 && (int(c.fresh)+1)*itemSize(int(c.class)) > len(c.mem)
}

// release gives the item back. A chunk that becomes empty goes back to the Go
// heap, but one of each class stays: a record that comes and goes would
// otherwise take and return a chunk each time. None of one large item stays.
func (s *slab) release(ref uint32) {
	number, item := ref>>itemBits, uint16(ref&(1<<itemBits-1))
	c := &s.chunks[number]
	if c.full() {
		s.link(number)
	}
	binary.LittleEndian.PutUint16(c.mem[int(item)*itemSize(int(c.class)):], c.free)
	c.free = item + 1
	c.used--
	if c.used > 0 {
		return
	}
	if list := &s.lists[c.class]; list.idle == 0 && c.class < paged {
		list.idle = number
	} else {
		s.closeChunk(number)
	}
}

// trim gives back the empty chunks that release kept.
func (s *slab) trim() {
	for class := range s.lists {
		if list := &s.lists[class]; list.idle != 0 {
			s.closeChunk(list.idle)
			list.idle = 0
		}
	}
}

// openChunk makes a chunk of the class and puts it in front of the list. Small
// stores stay small: a chunk is as large as all of its class before it, up to
// one page.
func (s *slab) openChunk(class int) bool {
	list := &s.lists[class]
	size := max(min(max(list.bytes, minChunk), page), itemSize(class))
	number := s.unused
	if number == 0 {
		if len(s.chunks) == maxChunks {
			return false
		}
		if len(s.chunks) == cap(s.chunks) && !s.growTable() {
			return false
		}
		if !s.budget.take(size) {
			return false
		}
		number = uint32(len(s.chunks))
		s.chunks = append(s.chunks, chunk{})
	} else {
		if !s.budget.take(size) {
			return false
		}
		s.unused = s.chunks[number].next
	}
	s.chunks[number] = chunk{mem: make([]byte, size), class: uint8(class)}
	list.bytes += size
	s.link(number)
	return true
}

// growTable doubles the table of chunks.
func (s *slab) growTable() bool {
	more := max(cap(s.chunks), 4)
	if !s.budget.take(more * chunkSize) {
		return false
	}
	table := make([]chunk, len(s.chunks), cap(s.chunks)+more)
	copy(table, s.chunks)
	s.chunks = table
	return true
}

func (s *slab) closeChunk(number uint32) {
	s.unlink(number)
	c := &s.chunks[number]
	s.lists[c.class].bytes -= len(c.mem)
	s.budget.give(len(c.mem))
	*c = chunk{next: s.unused}
	s.unused = number
}

// link puts a chunk in front of the open chunks of its class.
func (s *slab) link(number uint32) {
	c := &s.chunks[number]
	list := &s.lists[c.class]
	c.next, c.prev = list.open, 0
	if c.next != 0 {
		s.chunks[c.next].prev = number
	}
	list.open = number
}

func (s *slab) unlink(number uint32) {
	c := &s.chunks[number]
	if c.prev != 0 {
		s.chunks[c.prev].next = c.next
	} else {
		s.lists[c.class].open = c.next
	}
	if c.next != 0 {
		s.chunks[c.next].prev = c.prev
	}
	c.next, c.prev = 0, 0
}
