package memstore

import "unsafe"

const (
	minSlots = 8
	slotSize = int(unsafe.Sizeof(slot{}))
	hashEnd  = 1 << 32 // one past the last hash
)

// A slot describes one record; the zero slot is empty. It holds all that a
// search, a sweep or a resize needs, so that these touch no record but the one
// that is looked for.
type slot struct {
	ref     uint32 // of the item: the key, then the value; never 0
	hash    uint32
	expires uint32 // dead when the clock has reached it
	meta    uint32 // kind, length of the key, length of the value
}

const (
	counter   = 1 << 31 // in meta: the record is a counter, not a value
	keyShift  = 17
	valueMask = 1<<keyShift - 1 // MaxValue itself needs all 17 bits
)

// An index is a hash table with linear probing. A record's home is the slot
// that the top bits of its hash name; it sits there or in the first slot after
// it that was empty. Taking the top bits keeps records in the order of their
// hashes when the table is resized, which sweep relies on.
type index struct {
	slots []slot // a power of two, never full
	shift uint   // 32 - log2(len(slots))
	count int
}

func (x *index) init() {
	x.slots = make([]slot, minSlots)
	x.shift = 32 - 3
}

func (x *index) home(hash uint32) int { return int(hash >> (x.shift & 31)) }

// crowded reports whether one record more would fill the table beyond three
// quarters.
func (x *index) crowded() bool { return (x.count+1)*4 > len(x.slots)*3 }

// sparse reports whether the table is eight times too large. Half of it is
// then still far from crowded, so sizes do not swing.
func (x *index) sparse() bool { return len(x.slots) > minSlots && x.count*8 < len(x.slots) }

// insert puts a record in that is not there yet.
func (x *index) insert(s slot) {
	mask := len(x.slots) - 1
	i := x.home(s.hash)
	for x.slots[i].ref != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
	x.count++
}

// remove empties slot i. Records behind it that could not sit there move up,
// so that no search meets a hole before its record.
func (x *index) remove(i int) {
	mask := len(x.slots) - 1
	for j := (i + 1) & mask; x.slots[j].ref != 0; j = (j + 1) & mask {
		behind := (j - x.home(x.slots[j].hash)) & mask
		if behind >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot{}
	x.count--
}

// double and halve change the size. Neither looks at the records.

func (x *index) double() { x.resize(len(x.slots)*2, x.shift-1) }
func (x *index) halve()  { x.resize(len(x.slots)/2, x.shift+1) }

func (x *index) resize(n int, shift uint) {
	old := x.slots
	*x = index{slots: make([]slot, n), shift: shift}
	for i := range old {
		if old[i].ref != 0 {
			x.insert(old[i])
		}
	}
}
