package policy

import (
	"math"
	"time"
)

// MaxOdds is the chance of guessing an address's code within a day above
// which the engine refuses a policy: one in ten thousand.
const MaxOdds = 1e-4

// GuessesPerDay returns the most wrong guesses that an address bears for one
// purpose in any 24 hours: the least of what PerDay, the lock, and the codes
// that can be alive in that time allow.
func (p Policy) GuessesPerDay() int {
	p = p.WithDefaults()
	guesses := min(p.PerDay, p.Lock.After*windows(Day, p.Lock.For))
	for _, b := range p.Sends {
		// A code sent just before the day begins lives into it.
		guesses = min(guesses, p.Tries*b.Limit*windows(Day+MaxLifetime, b.Window))
	}
	return guesses
}

// windows returns how many windows a span can touch.
func windows(span, window time.Duration) int { return int((span+window-1)/window) + 1 }

// Odds returns the chance that somebody who sees no code, but may ask for new
// ones and guess from any number of places, enters a right one within a day,
// for one address and one purpose. A program that uses several purposes gives
// an attacker that chance for each.
func (p Policy) Odds() float64 {
	return -math.Expm1(float64(p.GuessesPerDay()) * math.Log1p(-1/p.Code.Space()))
}
