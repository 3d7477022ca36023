package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/engine"
)

// A lifetime is what is known of a challenge whose code was sent.
type lifetime struct {
	number    int
	request   request // that made it
	expires   time.Duration
	began     int64 // stamps of that call
	ended     int64
	cancelled int64 // stamp at which a Cancel had ended, 0 if none did
	accepted  int
	wrong     int
}

// invariants says what a history of engines breaks of the promises that can be
// read off it without a model. They need no order of the calls, only which had
// ended before which began; unknown calls count for nothing.
func invariants(rules rules, history []porcupine.Operation) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	all := lifetimes(history)
	wrong := make(map[int]int) // by address
	for _, op := range history {
		q, a := op.Input.(request), op.Output.(answer)
		if q.guess == "" || a.kind != 0 && a.kind != engine.ErrWrong {
			continue
		}
		l := judged(all, q, a)
		if a.kind == engine.ErrWrong {
			wrong[q.address]++
			if l != nil {
				l.wrong++
			}
			continue
		}
		if l == nil {
			report("%v: accepted, though no such code was sent", q)
			continue
		}
		l.accepted++
		if q.guess != l.request.code {
			report("%v: accepted, though the code is %s", q, l.request.code)
		}
		if q.at >= l.expires {
			report("%v: accepted after it had expired at %v", q, l.expires)
		}
		if l.cancelled != 0 && l.cancelled < op.Call {
			report("%v: accepted after it was cancelled", q)
		}
		for _, newer := range all {
			if newer.request.address == q.address && l.ended < newer.began && newer.ended < op.Call {
				report("%v: accepted after #%d had replaced it", q, newer.number)
				break
			}
		}
	}
	sends := make(map[int][]time.Duration) // by address
	for _, l := range all {
		sends[l.request.address] = append(sends[l.request.address], l.request.at)
		if l.accepted > 1 {
			report("#%d: accepted %d times", l.number, l.accepted)
		}
		if compared := l.accepted + l.wrong; compared > rules.Tries {
			report("#%d: %d guesses compared, of %d", l.number, compared, rules.Tries)
		}
	}
	for address, n := range wrong {
		if n > rules.PerDay {
			report("address %d: %d wrong guesses in a day, of %d", address, n, rules.PerDay)
		}
	}
	for address, moments := range sends {
		slices.Sort(moments)
		for _, budget := range rules.Sends {
			for i := budget.Limit; i < len(moments); i++ {
				if moments[i]-moments[i-budget.Limit] < budget.Window {
					report("address %d: more than %d codes in %v", address, budget.Limit, budget.Window)
					break
				}
			}
		}
	}
	slices.Sort(broken)
	return broken
}

// lifetimes returns the challenges of a history in the order of their numbers.
func lifetimes(history []porcupine.Operation) (all []*lifetime) {
	for _, op := range history {
		if q, a := op.Input.(request), op.Output.(answer); q.number > 0 && a.kind == 0 {
			all = append(all, &lifetime{number: q.number, request: q, expires: a.expires, began: op.Call, ended: op.Return})
		}
	}
	slices.SortFunc(all, func(a, b *lifetime) int { return cmp.Compare(a.number, b.number) })
	for _, op := range history {
		if q, a := op.Input.(request), op.Output.(answer); q.action == cancel && a.kind == 0 {
			l := judged(all, q, a)
			if l != nil && (l.cancelled == 0 || op.Return < l.cancelled) {
				l.cancelled = op.Return
			}
		}
	}
	return all
}

// judged returns the challenge that a call was about; nil if that is not
// known. An accepted VerifyAddress tells by the code and the moment when that
// was sent.
func judged(all []*lifetime, q request, a answer) *lifetime {
	i := slices.IndexFunc(all, func(l *lifetime) bool {
		if q.action != verifyAddress {
			return l.number == q.challenge
		}
		return a.kind == 0 && l.request.address == q.address && l.request.code == q.guess && l.request.at == a.sent
	})
	if i < 0 {
		return nil
	}
	return all[i]
}
