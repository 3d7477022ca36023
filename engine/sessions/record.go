package sessions

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/store"
)

// A record is all sessions of one user. One record is one value of the store,
// so that listing them, and ending them all, is one operation.
type record struct {
	closed  int64 // until then, in Unix nanoseconds, no session begins; 0 for a user who was not deleted
	entries []entry
}

// An entry is what the store has of one session. What is asked at every
// authentication stands in clear; the rest is sealed, and changes seldom.
type entry struct {
	id       [16]byte // the UUID of the session's id
	started  int64    // Unix nanoseconds, as all times
	accessed int64
	expires  int64
	renewed  int64  // when the tokens before these were replaced
	tokens   []byte // digests: of the last grant's, and then of those given for JWTs, the oldest first
	sealed   []byte // a content
}

// A digest is what is kept of a token.
type digest = [digestSize]byte

const digestSize = 32

// Bounds of a record. maxTokens counts the grant's token and the eight newest
// others.
const (
	maxSessions   = 100
	maxTokens     = 9
	maxRecord     = store.MaxValue
	recordVersion = 1
)

// skew is how far the clocks of two programs that share a store may differ.
const skew = int64(5 * time.Second)

var errRecord = errors.New("sessions: stored record is malformed")

// Layout of a record, version 1, big endian:
//
//	version 1 | closed 8 | entries 1
//	each: id 16 | started 8 | accessed 8 | expires 8 | renewed 8 | tokens 1 | 32 each | sealed bytes 4 | sealed
const (
	headSize  = 1 + 8 + 1
	entrySize = 16 + 4*8 + 1
)

// size returns the length of the record's encoding.
func (r *record) size() int {
	n := headSize
	for i := range r.entries {
		n += entrySize + len(r.entries[i].tokens) + 4 + len(r.entries[i].sealed)
	}
	return n
}

// encode appends the record's encoding to b, or returns nil for a record that
// says nothing.
func (r *record) encode(b []byte) []byte {
	if r.closed == 0 && len(r.entries) == 0 {
		return nil
	}
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(r.closed))
	b = append(b, byte(len(r.entries)))
	for i := range r.entries {
		e := &r.entries[i]
		b = append(b, e.id[:]...)
		for _, t := range [...]int64{e.started, e.accessed, e.expires, e.renewed} {
			b = binary.BigEndian.AppendUint64(b, uint64(t))
		}
		b = append(b, byte(len(e.tokens)/digestSize))
		b = append(b, e.tokens...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.sealed)))
		b = append(b, e.sealed...)
	}
	return b
}

// decode reads a record; tokens and what is sealed share b's memory. A nil b is the
// record of a user without sessions. Anything but the one encoding of a record
// is an error.
func (r *record) decode(b []byte) error {
	r.closed, r.entries = 0, nil
	if b == nil {
		return nil
	}
	if len(b) < headSize || len(b) > maxRecord || b[0] != recordVersion {
		return errRecord
	}
	r.closed = int64(binary.BigEndian.Uint64(b[1:]))
	n := int(b[9])
	b = b[headSize:]
	if n > maxSessions || n == 0 && r.closed == 0 || len(b) < n*entrySize {
		return errRecord
	}
	if n > 0 {
		r.entries = make([]entry, n)
	}
	for i := range r.entries {
		e := &r.entries[i]
		if len(b) < entrySize {
			return errRecord
		}
		b = b[copy(e.id[:], b):]
		for _, t := range [...]*int64{&e.started, &e.accessed, &e.expires, &e.renewed} {
			*t = int64(binary.BigEndian.Uint64(b))
			b = b[8:]
		}
		tokens := int(b[0]) * digestSize
		b = b[1:]
		if tokens == 0 || tokens > maxTokens*digestSize || len(b) < tokens+4 {
			return errRecord
		}
		e.tokens, b = b[:tokens:tokens], b[tokens:]
		size := int(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size < seal.Overhead || size > len(b) {
			return errRecord
		}
		e.sealed, b = b[:size:size], b[size:]
	}
	if len(b) != 0 {
		return errRecord
	}
	return nil
}

// settle puts a record right that was written while the clock ran ahead, and
// drops the sessions that are over, or whose key is gone. What a session says
// of the future counts as of now, and it does not live longer from now than it
// did from then: a clock that was wrong once cannot keep it alive.
func (r *record) settle(now int64, idle time.Duration, ring *seal.Ring) {
	if r.closed <= now || r.closed > now+int64(closedFor)+skew {
		r.closed = 0
	}
	for i := range r.entries {
		e := &r.entries[i]
		if ahead := e.accessed - now; ahead > skew {
			e.accessed, e.expires = now, e.expires-ahead
		}
		e.started = min(e.started, max(e.accessed, now))
	}
	r.entries = slices.DeleteFunc(r.entries, func(e entry) bool {
		return e.expires <= now || idle > 0 && now-e.accessed >= int64(idle) || !ring.Has(e.sealed)
	})
}

// keepUntil returns the moment from which the record says nothing any more.
func (r *record) keepUntil() int64 {
	last := r.closed
	for i := range r.entries {
		last = max(last, r.entries[i].expires)
	}
	return last
}

// fit ends the sessions that were accessed least recently until the record has
// room for at most n, and is no larger than a store takes. The one at keep
// with this id stays.
func (r *record) fit(n int, keep [16]byte) {
	for len(r.entries) > n || r.size() > maxRecord {
		oldest := -1
		for i := range r.entries {
			if r.entries[i].id != keep && (oldest < 0 || r.entries[i].accessed < r.entries[oldest].accessed) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		r.entries = slices.Delete(r.entries, oldest, oldest+1)
	}
}
