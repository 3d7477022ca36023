package totp

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/passcode-go/passcode/internal/seal"
)

// A record is all that is kept of one user: the app, and the wrong guesses. It
// is one value of the store, so whatever a step changes, it changes at once or
// not at all. Times are microseconds since 1970.
type record struct {
	state  state
	id     appID
	window int64            // of a pending app: when it cannot be verified any more
	next   int64            // of a verified app: the first step that is not yet used up
	used   uint16           // of a verified app: bit i is set if recovery code i was used
	sealed [sealedSize]byte // see owner.seal
	guesses
}

// An appID is what the id of an app has after its prefix.
type appID [16]byte

// A state is what app there is.
type state byte

const (
	stateNone     state = iota // none; the guesses still count
	statePending               // waits for its first code
	stateVerified              // sent one
)

// guesses are the wrong ones. They are not the app's but the user's, and
// outlive it.
type guesses struct {
	row   int   // since the last success or lock
	until int64 // end of the lock; 0 if there is none
	day   int   // since began
	began int64 // when the first guess of the day was counted; 0 if day is
}

const (
	recordVersion = 1
	sealedSize    = seal.Overhead + secretSize + RecoveryCodes*recoverySize
	allUsed       = 1<<RecoveryCodes - 1
	maxCount      = 100 // the largest LockAfter and PerDay
	oneDay        = int64(24 * time.Hour / time.Microsecond)
)

var errRecord = errors.New("totp: stored record is malformed")

// Layout of a record, version 1, big endian:
//
//	version in the high and state in the low 4 bits 1 | row 1 | day 1 | until 8 | began 8
//	[state is not stateNone: id 16 | window or next 8 | used 2 | sealed 172]
//
// That is 217 bytes with an app and 19 without.
const (
	headSize = 1 + 1 + 1 + 8 + 8
	fullSize = headSize + 16 + 8 + 2 + sealedSize
)

// appendTo appends the record's encoding to b.
func (r *record) appendTo(b []byte) []byte {
	b = append(b, recordVersion<<4|byte(r.state), byte(r.row), byte(r.day))
	b = binary.BigEndian.AppendUint64(b, uint64(r.until))
	b = binary.BigEndian.AppendUint64(b, uint64(r.began))
	if r.state == stateNone {
		return b
	}
	b = append(b, r.id[:]...)
	if r.state == statePending {
		b = binary.BigEndian.AppendUint64(b, uint64(r.window))
	} else {
		b = binary.BigEndian.AppendUint64(b, uint64(r.next))
	}
	b = binary.BigEndian.AppendUint16(b, r.used)
	return append(b, r.sealed[:]...)
}

// decode reads a record. A nil b is the empty record of a user never seen.
// Anything but the one encoding of a record is an error.
func (r *record) decode(b []byte) error {
	*r = record{}
	if b == nil {
		return nil
	}
	if len(b) < headSize || b[0]>>4 != recordVersion {
		return errRecord
	}
	r.state = state(b[0] & 0x0f)
	r.row, r.day = int(b[1]), int(b[2])
	r.until = int64(binary.BigEndian.Uint64(b[3:]))
	r.began = int64(binary.BigEndian.Uint64(b[11:]))
	size := fullSize
	if r.state == stateNone {
		size = headSize
	}
	switch {
	case r.state > stateVerified || len(b) != size,
		r.row > maxCount || r.day > maxCount,
		!isTime(r.until) || !isTime(r.began),
		r.day == 0 && r.began != 0,
		r.state == stateNone && r.day == 0 && r.until == 0: // says nothing: would have been deleted
		return errRecord
	case r.state == stateNone:
		return nil
	}
	b = b[headSize:]
	b = b[copy(r.id[:], b):]
	n := int64(binary.BigEndian.Uint64(b))
	r.used = binary.BigEndian.Uint16(b[8:])
	copy(r.sealed[:], b[10:])
	if r.used&^allUsed != 0 || !isTime(n) {
		return errRecord
	}
	if r.state == stateVerified {
		r.next = n
		return nil
	}
	r.window = n
	if r.used != 0 {
		return errRecord
	}
	return nil
}

// isTime reports whether n can be a moment with a few days added to it. Steps,
// being far fewer than microseconds, are within the same bounds.
func isTime(n int64) bool { return n >= 0 && n < 2*maxTime }

// keepUntil returns the moment from which a record without a verified app says
// nothing any more: no lock holds, the guesses of the day are over, and nobody
// need be told that the window is.
func (r *record) keepUntil() int64 {
	last := r.until
	if r.day > 0 {
		last = max(last, r.began+oneDay)
	}
	if r.state == statePending {
		last = max(last, r.window+oneDay)
	}
	return last
}
