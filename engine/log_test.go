package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/passcode-go/passcode/policy"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

// A log must allow what the plain definition of a sliding window allows, save
// for the second to which it rounds, and never more.
func TestSendLogIsASlidingWindow(t *testing.T) {
	t.Parallel()
	budgets := policy.Default().Sends
	r := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		var log sendLog
		var sends []int64
		now := epoch + r.Int64N(int64(time.Hour))
		for range 400 {
			now += r.Int64N(int64(8 * time.Minute))
			wait := log.wait(now, budgets)
			if wait <= 0 {
				log = log.add(now)
				sends = append(sends, now)
			}
			for _, b := range budgets {
				if n := within(sends, now, b.Window); n > b.Limit {
					t.Fatalf("%d sends within %v", n, b.Window)
				}
			}
			if wait > 0 {
				if full := waitOf(sends, now, budgets); wait < full || wait > full+time.Second {
					t.Fatalf("wait %v, by definition %v", wait, full)
				}
			} else if full := waitOf(sends[:len(sends)-1], now, budgets); full > 0 {
				t.Fatalf("allowed, though by definition it takes %v", full)
			}
		}
		if log.len() > 20 {
			t.Fatalf("the log holds %d sends", log.len())
		}
	}
}

func within(events []int64, now int64, window time.Duration) (n int) {
	for _, at := range events {
		if at > now-int64(window) && at <= now {
			n++
		}
	}
	return n
}

func waitOf(sends []int64, now int64, budgets []policy.Budget) (wait time.Duration) {
	for _, b := range budgets {
		for i := range sends {
			if within(sends, now, b.Window) >= b.Limit && len(sends)-i == b.Limit {
				wait = max(wait, time.Duration(sends[i]+int64(b.Window)-now))
			}
		}
	}
	return wait
}

func TestGuessLogNeverForgetsWithinADay(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		var log guessLog
		var guesses []int64
		now := epoch
		for range 300 {
			now += r.Int64N(int64(30 * time.Minute))
			if r.IntN(2) == 0 {
				log.add(now)
				guesses = append(guesses, now)
			}
			count := log.count(now)
			if least := within(guesses, now, 24*time.Hour); count < least {
				t.Fatalf("counts %d of %d guesses of the last 24 hours", count, least)
			}
			if most := within(guesses, now, 25*time.Hour); count > most {
				t.Fatalf("counts %d, but 25 hours have %d", count, most)
			}
			if limit := 5; count >= limit {
				free := log.freeAt(now, limit)
				if free <= now || log.count(free) >= limit || log.count(free-1) < limit {
					t.Fatalf("free at +%v with %d, a moment before with %d", time.Duration(free-now), log.count(free), log.count(free-1))
				}
			}
		}
	}
}

func TestManyGuessesInOneHour(t *testing.T) {
	t.Parallel()
	var log guessLog
	for range 1000 {
		log.add(epoch)
	}
	if n := log.count(epoch); n != 1000 {
		t.Fatalf("counts %d of 1000 guesses", n)
	}
}

// A clock that ran a year ahead and was put right must neither close an
// address for a year nor forget what it counted.
func TestLogsAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	year := int64(365 * 24 * time.Hour)
	budgets := policy.Default().Sends
	var rec record
	for range 5 {
		rec.sends = rec.sends.add(epoch + year)
		rec.wrong.add(epoch + year)
	}
	rec.until = epoch + year
	rec.code = code{state: codeLive, issued: epoch + year, life: 60_000_000}

	if !rec.settle(epoch, time.Hour) {
		t.Fatal("nothing was put right")
	}
	if rec.code.state == codeLive {
		t.Error("a code from the future lives")
	}
	if rec.until != epoch+int64(time.Hour) {
		t.Errorf("locked for %v", time.Duration(rec.until-epoch))
	}
	if n := rec.wrong.count(epoch); n != 5 {
		t.Errorf("%d guesses count", n)
	}
	if wait := rec.sends.wait(epoch, budgets); wait < 10*time.Minute || wait > 10*time.Minute+time.Second {
		t.Errorf("the next send has to wait %v", wait)
	}
	if rec.settle(epoch, time.Hour) {
		t.Error("settling twice changes something")
	}
	if wait := rec.sends.wait(epoch+int64(11*time.Minute), budgets); wait > 0 {
		t.Errorf("after 11 minutes the next send has to wait %v", wait)
	}
}
