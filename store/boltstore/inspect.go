package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// inspect returns nil if the file at path is a sound one of ours.
//
// When bbolt opens a file for writing it walks all pages in a goroutine of its
// own, where a page that makes no sense ends the process: no recover reaches
// it. So the same walk is done here first, with bounds, under a shared lock.
func inspect(path string) error {
	var f *os.File
	b, err := openBolt(path, true, func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
		f, err = openPrivate(name, flag, perm)
		return f, err
	})
	if err != nil {
		return err
	}
	defer b.Close()
	tx, err := b.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Rollback()

	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: cut off, %d bytes of %d", ErrFormat, info.Size(), tx.Size())
	}
	w := walker{file: f, size: b.Info().PageSize}
	w.seen = make([]bool, tx.Size()/int64(w.size))
	if err := w.page(uint64(tx.Cursor().Bucket().Root()), span{}, 0); err != nil {
		return err
	}
	return inspectVersion(tx)
}

func inspectVersion(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: of another program", ErrFormat)
	}
	v := meta.Get(versionKey)
	if len(v) != 1 || v[0] == 0 {
		return fmt.Errorf("%w: of another program", ErrFormat)
	}
	if v[0] > version {
		return fmt.Errorf("%w: layout %d, this program knows %d", ErrFormat, v[0], version)
	}
	for _, name := range allBuckets() {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %s", ErrFormat, name)
		}
	}
	return nil
}

func allBuckets() [][]byte {
	all := [][]byte{bucketMeta, bucketRecords, bucketCounters, bucketExpiry, bucketUsers}
	for _, name := range bucketIndex {
		all = append(all, name)
	}
	return all
}

// A walker reads the pages of a bbolt file and believes nothing in them.
//
// A page is a header (id 8 bytes, flags 2, count 2, overflow 4), then count
// elements of 16 bytes, then keys and values. Numbers are in the order of the
// machine. An element of a branch is where its key is, counted from the
// element (4), the key's length (4) and a page (8); one of a leaf is flags (4),
// where (4), length of key (4) and of value (4). The value of a bucket starts
// with its root page (8) and a sequence (8); without a root page its only page
// follows.
type walker struct {
	file io.ReaderAt
	size int    // of a page
	seen []bool // by page, each of which has one place in the tree
}

const (
	pageHeader    = 16
	element       = 16
	bucketHeader  = 16
	branchPage    = 1
	leafPage      = 2
	bucketElement = 1
	maxDepth      = 64
)

func damaged(id uint64, what string) error {
	return fmt.Errorf("%w: page %d: %s", ErrFormat, id, what)
}

// A span is the keys that may be on a page: from lo on, and below hi unless
// that is nil.
type span struct{ lo, hi []byte }

// page checks the page with the id and all below it.
func (w *walker) page(id uint64, keys span, depth int) error {
	high := uint64(len(w.seen))
	if id < 2 || id >= high {
		return damaged(id, "outside of the file")
	}
	data := make([]byte, w.size)
	if err := w.read(data, id); err != nil {
		return err
	}
	if binary.NativeEndian.Uint64(data) != id {
		return damaged(id, "is another one")
	}
	more := uint64(binary.NativeEndian.Uint32(data[12:]))
	if more >= high-id {
		return damaged(id, "goes on outside of the file")
	}
	for i := id; i <= id+more; i++ {
		if w.seen[i] {
			return damaged(id, "is in two places")
		}
		w.seen[i] = true
	}
	if more > 0 {
		data = make([]byte, int(more+1)*w.size)
		if err := w.read(data, id); err != nil {
			return err
		}
	}
	return w.elements(id, data, keys, depth)
}

func (w *walker) read(data []byte, id uint64) error {
	_, err := w.file.ReadAt(data, int64(id)*int64(w.size))
	if errors.Is(err, io.EOF) {
		return damaged(id, "is cut off")
	}
	return err
}

// elements checks what is on a page; id is for messages.
func (w *walker) elements(id uint64, data []byte, keys span, depth int) error {
	if depth > maxDepth {
		return damaged(id, "is too deep")
	}
	if len(data) < pageHeader {
		return damaged(id, "is too short")
	}
	flags, count := binary.NativeEndian.Uint16(data[8:]), int(binary.NativeEndian.Uint16(data[10:]))
	if flags != leafPage && flags != branchPage || flags == branchPage && count == 0 {
		return damaged(id, "is neither leaf nor branch")
	}
	if pageHeader+count*element > len(data) {
		return damaged(id, "has too many elements")
	}
	all := make([]item, count)
	for i := range all {
		all[i] = readItem(data[pageHeader+i*element:], flags)
		key := all[i].key
		if len(key) == 0 || bytes.Compare(key, keys.lo) < 0 || keys.hi != nil && bytes.Compare(key, keys.hi) >= 0 ||
			i > 0 && bytes.Compare(all[i-1].key, key) >= 0 {
			return damaged(id, "has a bad key")
		}
	}
	for i, it := range all {
		var err error
		if it.isBucket {
			err = w.bucket(id, it.value, depth+1)
		} else if flags == branchPage {
			below := span{it.key, keys.hi}
			if i+1 < count {
				below.hi = all[i+1].key
			}
			err = w.page(it.page, below, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// An item is what an element names, of a branch the page, of a leaf the value.
type item struct {
	key, value []byte
	page       uint64
	isBucket   bool
}

// readItem reads the element at the start of data, which goes to the end of the
// page. An item that does not lie on the page has no key.
func readItem(data []byte, flags uint16) (it item) {
	number := func(at int) uint64 { return uint64(binary.NativeEndian.Uint32(data[at:])) }
	if flags == branchPage {
		begin, end := number(0), number(0)+number(4)
		if begin >= element && end <= uint64(len(data)) {
			it.key, it.page = data[begin:end], binary.NativeEndian.Uint64(data[8:])
		}
		return it
	}
	begin, middle := number(4), number(4)+number(8)
	end := middle + number(12)
	if begin >= element && end <= uint64(len(data)) {
		it.key, it.value, it.isBucket = data[begin:middle], data[middle:end], number(0)&bucketElement != 0
	}
	return it
}

func (w *walker) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return damaged(id, "has a bad bucket")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.page(root, span{}, depth)
	}
	return w.elements(id, value[bucketHeader:], span{}, depth)
}
