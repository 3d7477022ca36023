package engine

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/passcode-go/passcode/policy"
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
	channel byte          // channelByte of the channel it went by
	tries   byte          // guesses compared
	nonce   nonce         // with the subject, the challenge's id
	key     uint32        // id of the key of mac
	mac     [macSize]byte // see keySet.codeMAC
	client  clientMAC     // who asked for it; zero if nobody knows
	issued  int64         // Unix nanoseconds
	life    uint32        // microseconds from then on in which it can be entered
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

// expires returns the moment, in Unix nanoseconds, from which the code cannot
// be entered any more.
func (c *code) expires() int64 { return c.issued + int64(c.life)*int64(time.Microsecond) }

// end makes a code unusable and forgets its MACs.
func (c *code) end(state codeState) {
	c.state = state
	c.mac = [macSize]byte{}
	c.key = 0
	c.client = clientMAC{}
}

const recordVersion = 1

var errRecord = errors.New("passcode: stored record is malformed")

// Layout of a record, version 1, big endian; what is in brackets is there only
// if it is not zero, or the state asks for it:
//
//	version in the high and state in the low 4 bits 1 | row 1 | guess entries 1 | send entries 1
//	[lockedFlag in row: until 8]
//	[state is not codeNone: channel 1 | tries 1 | nonce 22 | issued 8 | lifetime in microseconds 4]
//	[state is codeLive: key 4 | mac 16]
//	[clientFlag in guess entries: IP 8 | user agent 8]
//	guess entries: hour 4 | guesses 2
//	send entries: see sendLog
//
// A pending code takes 64 bytes, and 70 once a wrong guess was counted.
const (
	headSize   = 4
	codeSize   = 1 + 1 + nonceLen + 8 + 4
	liveSize   = 4 + macSize
	guessEntry = 4 + 2
	clientSize = len(clientMAC{}.ip) + len(clientMAC{}.agent)
	lockedFlag = 0x80
	clientFlag = 0x80
)

// appendTo appends the record's encoding to b.
func (r *record) appendTo(b []byte) []byte {
	row := byte(r.row)
	if r.until != 0 {
		row |= lockedFlag
	}
	guesses := byte(r.wrong.n)
	if r.code.client != (clientMAC{}) {
		guesses |= clientFlag
	}
	b = append(b, recordVersion<<4|byte(r.code.state), row, guesses, byte(len(r.sends)/sendEntry))
	if r.until != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(r.until))
	}
	if c := &r.code; c.state != codeNone {
		b = append(b, c.channel, c.tries)
		b = append(b, c.nonce[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(c.issued))
		b = binary.BigEndian.AppendUint32(b, c.life)
		if c.state == codeLive {
			b = binary.BigEndian.AppendUint32(b, c.key)
			b = append(b, c.mac[:]...)
		}
		if c.client != (clientMAC{}) {
			b = append(b, c.client.ip[:]...)
			b = append(b, c.client.agent[:]...)
		}
	}
	for _, h := range r.wrong.hours[:r.wrong.n] {
		b = binary.BigEndian.AppendUint32(b, h.hour)
		b = binary.BigEndian.AppendUint16(b, h.guesses)
	}
	return append(b, r.sends...)
}

// decode reads a record; its sends share b's memory. A nil b is the empty
// record of a subject never seen. Anything but the one encoding of a record
// is an error.
func (r *record) decode(b []byte) error {
	r.code, r.row, r.until, r.wrong.n, r.sends = code{}, 0, 0, 0, nil
	if b == nil {
		return nil
	}
	if len(b) < headSize || b[0]>>4 != recordVersion {
		return errRecord
	}
	c := &r.code
	c.state = codeState(b[0] & 0x0f)
	r.row = int(b[1] &^ lockedFlag)
	locked := b[1]&lockedFlag != 0
	r.wrong.n = int(b[2] &^ clientFlag)
	bound := b[2]&clientFlag != 0
	rest := r.wrong.n*guessEntry + int(b[3])*sendEntry
	if locked {
		rest += 8
	}
	if c.state != codeNone {
		rest += codeSize
	}
	if c.state == codeLive {
		rest += liveSize
	}
	if bound {
		rest += clientSize
	}
	b = b[headSize:]
	if c.state > codeUnsent || bound && c.state != codeLive || r.wrong.n > len(r.wrong.hours) || len(b) != rest {
		return errRecord
	}
	if locked {
		r.until = int64(binary.BigEndian.Uint64(b))
		b = b[8:]
		if r.until == 0 {
			return errRecord
		}
	}
	if c.state != codeNone {
		c.channel, c.tries = b[0], b[1]
		b = b[2+copy(c.nonce[:], b[2:]):]
		c.issued = int64(binary.BigEndian.Uint64(b))
		c.life = binary.BigEndian.Uint32(b[8:])
		b = b[12:]
	}
	if c.state == codeLive {
		c.key = binary.BigEndian.Uint32(b)
		b = b[4+copy(c.mac[:], b[4:]):]
	}
	if bound {
		b = b[copy(c.client.ip[:], b):]
		b = b[copy(c.client.agent[:], b):]
		if c.client == (clientMAC{}) {
			return errRecord
		}
	}
	for i := range r.wrong.hours[:r.wrong.n] {
		h := guessHour{binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:])}
		if i > 0 && h.hour <= r.wrong.hours[i-1].hour {
			return errRecord
		}
		r.wrong.hours[i] = h
		b = b[guessEntry:]
	}
	r.sends = sendLog(b)
	return nil
}

// keepUntil returns the moment, in Unix nanoseconds, from which the record
// says nothing any more: no code can be entered, no lock holds, no window
// counts what it remembers.
func (r *record) keepUntil() int64 {
	last := max(r.until, r.code.expires())
	if at := r.sends.newest(); at != 0 {
		last = max(last, at+int64(policy.Day))
	}
	if r.wrong.n > 0 {
		last = max(last, r.wrong.newest().end())
	}
	return last
}
