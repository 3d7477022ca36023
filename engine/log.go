package engine

import (
	"encoding/binary"
	"time"

	"github.com/passcode-go/passcode/policy"
)

const dayWindow = policy.Day

// guessHours is how many hours a guess is counted after the hour in which it
// fell began: 24, and the rest of that hour, so that any 24 hours are covered.
const guessHours = 25

// hourOf returns the hour of a moment in Unix nanoseconds.
func hourOf(now int64) int64 { return now / int64(time.Hour) }

// count returns the wrong guesses of the last 24 hours, and at most of one
// hour more.
func (l guessLog) count(now int64) (n int) {
	for ; len(l) > 0; l = l[guessEntry:] {
		if l.hour() > hourOf(now)-guessHours {
			n += l.guesses()
		}
	}
	return n
}

// hour and guesses read the first entry.
func (l guessLog) hour() int64  { return int64(binary.BigEndian.Uint32(l)) }
func (l guessLog) guesses() int { return int(binary.BigEndian.Uint16(l[4:])) }

// freeAt returns the moment at which fewer than limit guesses count, given
// that now at least limit do.
func (l guessLog) freeAt(now int64, limit int) int64 {
	n := l.count(now)
	for ; len(l) > 0; l = l[guessEntry:] {
		if l.hour() <= hourOf(now)-guessHours {
			continue
		}
		if n -= l.guesses(); n < limit {
			return (l.hour() + guessHours) * int64(time.Hour)
		}
	}
	return now
}

// recent returns the log without what no longer counts, in room if it fits,
// which must not be the log's own memory. What lies in the future, because the
// clock was set back, counts as of now.
func (l guessLog) recent(now int64, room []byte) guessLog {
	kept := guessLog(room[:0])
	var current int
	for ; len(l) > 0; l = l[guessEntry:] {
		switch hour := l.hour(); {
		case hour >= hourOf(now):
			current += l.guesses()
		case hour > hourOf(now)-guessHours:
			kept = append(kept, l[:guessEntry]...)
		}
	}
	if current == 0 {
		return kept
	}
	return kept.with(now, current)
}

// add returns the recent log with one more guess at now.
func (l guessLog) add(now int64, room []byte) guessLog {
	l = l.recent(now, room)
	if n := len(l) - guessEntry; n >= 0 && l[n:].hour() == hourOf(now) {
		return l[:n].with(now, l[n:].guesses()+1)
	}
	return l.with(now, 1)
}

// with appends an entry for the hour of now.
func (l guessLog) with(now int64, guesses int) guessLog {
	l = binary.BigEndian.AppendUint32(l, uint32(hourOf(now)))
	return binary.BigEndian.AppendUint16(l, uint16(min(guesses, 1<<16-1)))
}

// at returns the moment of entry i in Unix nanoseconds.
func (l sendLog) at(i int) int64 {
	return (int64(binary.BigEndian.Uint32(l[i*sendEntry:])) + logEpoch) * int64(time.Second)
}

func (l sendLog) len() int { return len(l) / sendEntry }

// newest returns the moment of the last send, 0 if there is none.
func (l sendLog) newest() int64 {
	if len(l) == 0 {
		return 0
	}
	return l.at(l.len() - 1)
}

// wait returns how long the budgets forbid another send; 0 or less if they
// allow it now.
func (l sendLog) wait(now int64, budgets []policy.Budget) time.Duration {
	var wait time.Duration
	for _, b := range budgets {
		// The send that has to leave the window before another may enter it.
		i := l.len() - b.Limit
		if i < 0 {
			continue
		}
		wait = max(wait, time.Duration(min(l.at(i), now)+int64(b.Window)-now))
	}
	return wait
}

// recent returns the log without what no longer counts, in memory of its own.
// What lies in the future, because the clock was set back, counts as of now.
func (l sendLog) recent(now int64) sendLog {
	kept := make(sendLog, 0, len(l)+sendEntry)
	for i := range l.len() {
		if at := l.at(i); at+int64(dayWindow) > now {
			kept = binary.BigEndian.AppendUint32(kept, min(stamp(at), stamp(now)))
		}
	}
	return kept
}

// add returns the recent log with a send at now.
func (l sendLog) add(now int64) sendLog {
	return binary.BigEndian.AppendUint32(l.recent(now), stamp(now))
}

// stamp returns a moment as a sendLog holds it, rounded up to a whole second
// so that no window is a moment too short.
func stamp(at int64) uint32 {
	second := (at+int64(time.Second)-1)/int64(time.Second) - logEpoch
	return uint32(min(max(second, 0), 1<<32-1))
}
