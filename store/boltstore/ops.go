package boltstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// The buckets of a Store.
var (
	bucketMeta     = []byte("meta")
	bucketRecords  = []byte("records")
	bucketCounters = []byte("counters")
	bucketExpiry   = []byte("expiry")
)

const (
	kindRecord  byte = 'r'
	kindCounter byte = 'c'
)

// An op is one write and its result.
type op struct {
	kind    byte
	key     []byte
	old     []byte // of a swap
	record  []byte // what to keep, the header still to fill in; nil to delete
	delta   int64  // of an addition
	expires minute

	current []byte
	swapped bool
	sum     int64
	err     error
}

// commit carries a batch in one transaction, and what comes in while it is
// being applied. All in it are under way at the same time, so any order is a
// right one; that of the keys goes through the file page by page.
func (db *DB) commit(batch []*op, more func() []*op) error {
	return db.update(func(tx *bolt.Tx) (changed bool, err error) {
		t := open(tx)
		n := 0
		for ; len(batch) > 0; batch = more() {
			n += len(batch)
			slices.SortFunc(batch, func(a, b *op) int {
				return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(a.key, b.key))
			})
			for _, o := range batch {
				wrote, err := t.apply(o)
				if err != nil {
					return false, err
				}
				changed = changed || wrote
			}
		}
		if changed {
			// One operation creates at most one record, so more are dropped
			// than created while there are any to drop.
			_, _, err = t.collect(minuteOf(db.cfg.Now()), 8+n)
		}
		return changed, err
	})
}

// tables are the buckets of a write transaction.
type tables struct {
	records, counters, expiry *bolt.Bucket
}

func open(tx *bolt.Tx) *tables {
	return &tables{
		records:  tx.Bucket(bucketRecords),
		counters: tx.Bucket(bucketCounters),
		expiry:   tx.Bucket(bucketExpiry),
	}
}

func (t *tables) bucket(kind byte) *bolt.Bucket {
	if kind == kindCounter {
		return t.counters
	}
	return t.records
}

// apply does one operation and reports whether it changed the file. Its error
// is one that makes the whole transaction worthless; what is wrong with this
// one record alone goes into o.err.
func (t *tables) apply(o *op) (changed bool, err error) {
	record := t.bucket(o.kind).Get(o.key)
	value, err := payload(record)
	if err != nil {
		o.err = err
		return false, nil
	}
	if o.kind == kindCounter {
		return t.add(o, record, value)
	}
	if !equal(value, o.old) {
		o.current = clone(value)
		return false, nil
	}
	o.swapped = true
	if o.record != nil {
		return true, t.put(o, record)
	}
	// The index entry stays behind and is dropped when its time comes: most
	// records are deleted once, and this saves a page.
	return record != nil, t.records.Delete(o.key)
}

func (t *tables) add(o *op, record, value []byte) (changed bool, err error) {
	if record != nil {
		if len(value) != counterSize-headerSize {
			o.err = fmt.Errorf("%w: a counter of %d bytes", ErrFormat, len(value))
			return false, nil
		}
		o.sum = int64(binary.BigEndian.Uint64(value))
	}
	o.sum += o.delta
	binary.BigEndian.PutUint64(o.record[headerSize:], uint64(o.sum))
	return true, t.put(o, record)
}

// tooLate is by how many minutes an index entry may miss an earlier expiry.
const tooLate = 60

// put keeps o.record in place of record, which is nil if there was none.
//
// The expiry index says when to look at a record, not when it dies. So an entry
// that is too early is left alone until its time comes, and a record that is
// swapped over and over touches no page but its own.
func (t *tables) put(o *op, record []byte) error {
	filed := o.expires
	refile := true
	if record != nil {
		_, was := header(record)
		if o.expires >= was || was-o.expires <= tooLate {
			filed, refile = was, false
		} else if err := t.expiry.Delete(entry(was, o.kind, o.key)); err != nil {
			return err
		}
	}
	if refile {
		if err := t.expiry.Put(entry(filed, o.kind, o.key), nil); err != nil {
			return err
		}
	}
	setHeader(o.record, o.expires, filed)
	return t.bucket(o.kind).Put(o.key, o.record)
}

// collect looks at up to limit entries of the expiry index whose time has come,
// and returns how many there were and how many records it dropped for them. The
// others were of records that live longer, which are filed anew, or of records
// that are gone.
func (t *tables) collect(now minute, limit int) (seen, dropped int, err error) {
	var due [][]byte
	c := t.expiry.Cursor()
	for e, _ := c.First(); e != nil && len(due) < limit; e, _ = c.Next() {
		if at, _, _ := splitEntry(e); at > now {
			break
		}
		due = append(due, e)
	}
	for _, e := range due {
		gone, err := t.look(e, now)
		if err != nil {
			return 0, 0, err
		}
		if gone {
			dropped++
		}
	}
	return len(due), dropped, nil
}

// look handles one entry that is due.
func (t *tables) look(e []byte, now minute) (dropped bool, err error) {
	at, kind, key := splitEntry(e)
	b := t.bucket(kind)
	record := b.Get(key)
	if len(record) >= headerSize {
		expires, filed := header(record)
		switch {
		case filed != at: // deleted and created anew, so filed elsewhere
		case expires <= now:
			dropped = true
			err = b.Delete(key)
		default:
			later := bytes.Clone(record)
			setHeader(later, expires, expires)
			err = b.Put(key, later)
			if err == nil {
				err = t.expiry.Put(entry(expires, kind, key), nil)
			}
		}
	}
	if err == nil {
		err = t.expiry.Delete(e)
	}
	return dropped, err
}
