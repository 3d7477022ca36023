package engine

import (
	"encoding/binary"
	"errors"
	"time"
)

// A record is all that is kept of one subject: its last code, its wrong
// guesses and its sends. One record is one value of the store, so whatever a
// step changes, it changes at once or not at all.
type record struct {
	code  code
	row   int      // wrong guesses since the last success, lock, or day without a send or guess
	until int64    // end of the lock in Unix nanoseconds; 0 if there is none
	wrong guessLog // wrong guesses of the last day
	sends sendLog  // sends of the last day
}

// A code is what the record remembers of the code sent last.
type code struct {
	state   codeState
	channel byte            // channelByte of the channel it went by
	tries   byte            // guesses compared
	nonce   [nonceSize]byte // with the subject, the challenge's id
	key     uint32          // id of the key of mac
	mac     [macSize]byte   // see keySet.codeMAC
	issued  int64           // Unix nanoseconds
	expires int64           // Unix nanoseconds
}

// A codeState is what became of a code. Only a live one keeps its MAC.
type codeState byte

const (
	codeNone      codeState = iota // no code was ever sent
	codeLive                       // may be entered
	codeUsed                       // accepted
	codeSpent                      // all its tries were wrong, or the address was locked
	codeCancelled                  // by Cancel
	codeUnsent                     // the provider refused the message
)

// end makes a code unusable and forgets its MAC.
func (c *code) end(state codeState) {
	c.state = state
	c.mac = [macSize]byte{}
	c.key = 0
}

// A guessLog counts wrong guesses by the hour: per hour 4 bytes of hours
// since 1970 and 2 bytes of guesses, the oldest first. It stays encoded,
// because most steps only pass it on.
type guessLog []byte

// A sendLog holds the moments of sends: 4 bytes each of seconds since
// logEpoch, the oldest first. It stays encoded too.
type sendLog []byte

const (
	guessEntry = 6
	sendEntry  = 4

	// logEpoch is the first moment that a sendLog can hold, 2020-01-01; the
	// last one lies in 2156.
	logEpoch = 1577836800
)

const recordVersion = 1

var errRecord = errors.New("passcode: stored record is malformed")

// Layout of a record, version 1, big endian:
//
//	version 1 | state 1 | row 1 | guess entries 1 | send entries 1 | until 8
//	with a state other than codeNone: channel 1 | tries 1 | nonce 16 | issued 8 | expires 8
//	with codeLive besides: key 4 | mac 16
//	guess entries | send entries
const (
	headSize = 13
	codeSize = 1 + 1 + nonceSize + 8 + 8
	liveSize = 4 + macSize
)

// appendTo appends the record's encoding to b.
func (r *record) appendTo(b []byte) []byte {
	b = append(b, recordVersion, byte(r.code.state), byte(r.row), byte(len(r.wrong)/guessEntry), byte(len(r.sends)/sendEntry))
	b = binary.BigEndian.AppendUint64(b, uint64(r.until))
	if c := &r.code; c.state != codeNone {
		b = append(b, c.channel, c.tries)
		b = append(b, c.nonce[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(c.issued))
		b = binary.BigEndian.AppendUint64(b, uint64(c.expires))
		if c.state == codeLive {
			b = binary.BigEndian.AppendUint32(b, c.key)
			b = append(b, c.mac[:]...)
		}
	}
	b = append(b, r.wrong...)
	return append(b, r.sends...)
}

// decode reads a record; its logs share b's memory. A nil b is the empty
// record of a subject never seen. Anything but the one encoding of a record
// is an error.
func (r *record) decode(b []byte) error {
	*r = record{}
	if b == nil {
		return nil
	}
	if len(b) < headSize || b[0] != recordVersion || b[1] > byte(codeUnsent) {
		return errRecord
	}
	c := &r.code
	c.state = codeState(b[1])
	r.row = int(b[2])
	guesses, sends := int(b[3])*guessEntry, int(b[4])*sendEntry
	r.until = int64(binary.BigEndian.Uint64(b[5:]))
	b = b[headSize:]
	if c.state != codeNone {
		if len(b) < codeSize {
			return errRecord
		}
		c.channel, c.tries = b[0], b[1]
		b = b[2+copy(c.nonce[:], b[2:]):]
		c.issued = int64(binary.BigEndian.Uint64(b))
		c.expires = int64(binary.BigEndian.Uint64(b[8:]))
		b = b[16:]
		if c.state == codeLive {
			if len(b) < liveSize {
				return errRecord
			}
			c.key = binary.BigEndian.Uint32(b)
			b = b[4+copy(c.mac[:], b[4:]):]
		}
	}
	if len(b) != guesses+sends {
		return errRecord
	}
	r.wrong, r.sends = guessLog(b[:guesses:guesses]), sendLog(b[guesses:])
	return nil
}

// keepUntil returns the moment, in Unix nanoseconds, from which the record
// says nothing any more: no code can be entered, no lock holds, no window
// counts what it remembers.
func (r *record) keepUntil() int64 {
	last := max(r.until, r.code.expires)
	if at := r.sends.newest(); at != 0 {
		last = max(last, at+int64(dayWindow))
	}
	if n := len(r.wrong); n > 0 {
		hour := int64(binary.BigEndian.Uint32(r.wrong[n-guessEntry:]))
		last = max(last, (hour+guessHours)*int64(time.Hour))
	}
	return last
}
