package boltstore

import (
	"encoding/binary"
	"fmt"
	"time"
)

// A minute counts whole minutes since the start of 1970, the unit in which
// expiry is kept. The largest is the year 10136 and stands for anything later.
type minute uint32

const maxMinute = 1<<32 - 1

// minuteOf returns the minute that t is in.
func minuteOf(t time.Time) minute {
	return minute(min(max(t.Unix()/60, 0), maxMinute))
}

// minuteAfter returns the first minute that begins no earlier than t.
func minuteAfter(t time.Time) minute {
	m := minuteOf(t)
	if m < maxMinute && time.Unix(int64(m)*60, 0).Before(t) {
		m++
	}
	return m
}

// Layout of a record: when it expires, under which minute the expiry index has
// it, then the value, or a counter's sum.
const (
	headerSize  = 8
	counterSize = headerSize + 8
)

func header(record []byte) (expires, filed minute) {
	return minute(binary.BigEndian.Uint32(record)), minute(binary.BigEndian.Uint32(record[4:]))
}

func setHeader(record []byte, expires, filed minute) {
	binary.BigEndian.PutUint32(record, uint32(expires))
	binary.BigEndian.PutUint32(record[4:], uint32(filed))
}

// payload returns the value in a record, nil for no record.
func payload(record []byte) ([]byte, error) {
	if record == nil {
		return nil, nil
	}
	if len(record) < headerSize {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrFormat, len(record))
	}
	return record[headerSize:], nil
}

// Layout of a key in the expiry index: a minute, a kind, the key of a record.
const entryHeader = 5

func entry(at minute, kind byte, key []byte) []byte {
	e := make([]byte, entryHeader, entryHeader+len(key))
	binary.BigEndian.PutUint32(e, uint32(at))
	e[4] = kind
	return append(e, key...)
}

// splitEntry takes an index key apart. What is too short to be one comes out as
// due and of no record.
func splitEntry(e []byte) (at minute, kind byte, key []byte) {
	if len(e) < entryHeader {
		return 0, 0, nil
	}
	return minute(binary.BigEndian.Uint32(e)), e[4], e[entryHeader:]
}
