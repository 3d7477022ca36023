package engine

import (
	"encoding/binary"
	"time"

	"github.com/passcode-go/passcode/policy"
)

// guessHours is how many hours a guess is counted after the hour in which it
// fell began: 24, and the rest of that hour, so that any 24 hours are covered.
const guessHours = 25

// A guessLog counts wrong guesses by the hour, the oldest hour first.
type guessLog struct {
	n     int // hours that are counted
	hours [guessHours + 1]guessHour
}

// A guessHour is the wrong guesses of one hour, counted from 1970.
type guessHour struct {
	hour    uint32
	guesses uint16
}

// hourOf returns the hour of a moment in Unix nanoseconds.
func hourOf(now int64) uint32 { return uint32(now / int64(time.Hour)) }

// end returns the moment, in Unix nanoseconds, from which the hour's guesses
// are not counted any more.
func (h guessHour) end() int64 { return (int64(h.hour) + guessHours) * int64(time.Hour) }

// newest returns the last hour that is counted, the zero hour if there is none.
func (l *guessLog) newest() guessHour {
	if l.n == 0 {
		return guessHour{}
	}
	return l.hours[l.n-1]
}

// count returns the wrong guesses of the last 24 hours, and at most of one
// hour more.
func (l *guessLog) count(now int64) (guesses int) {
	for _, h := range l.hours[:l.n] {
		if h.end() > now {
			guesses += int(h.guesses)
		}
	}
	return guesses
}

// freeAt returns the moment at which fewer than limit guesses count, given
// that now at least limit do.
func (l *guessLog) freeAt(now int64, limit int) int64 {
	guesses := l.count(now)
	for _, h := range l.hours[:l.n] {
		if h.end() <= now {
			continue
		}
		if guesses -= int(h.guesses); guesses < limit {
			return h.end()
		}
	}
	return now
}

// trim forgets what no longer counts. What lies in the future, because the
// clock was set back, counts as of now.
func (l *guessLog) trim(now int64) {
	if l.n == 0 || l.hours[0].end() > now && l.newest().hour <= hourOf(now) {
		return
	}
	old := *l
	l.n = 0
	for _, h := range old.hours[:old.n] {
		if h.end() > now {
			l.put(min(h.hour, hourOf(now)), int(h.guesses))
		}
	}
}

// add counts one more guess at now.
func (l *guessLog) add(now int64) {
	l.trim(now)
	l.put(hourOf(now), 1)
}

// put counts guesses in an hour that is not before the newest.
func (l *guessLog) put(hour uint32, guesses int) {
	if l.n == 0 || l.newest().hour != hour {
		l.hours[l.n] = guessHour{hour: hour}
		l.n++
	}
	h := &l.hours[l.n-1]
	h.guesses = uint16(min(int(h.guesses)+guesses, 1<<16-1))
}

// A sendLog holds the moments of sends: 4 bytes each of seconds since
// logEpoch, the oldest first. It stays encoded, because most steps only pass
// it on.
type sendLog []byte

const (
	sendEntry = 4

	// logEpoch is the first moment that a sendLog can hold, 2020-01-01; the
	// last one lies in 2156.
	logEpoch = 1577836800
)

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
		if at := l.at(i); at+int64(policy.Day) > now {
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
