// Package policy says how strict passcode is.
//
// A [Policy] is data: the shape of a code, how long it lives, how often it may
// be guessed and sent, and which countries a channel reaches. Its methods are
// pure functions of that data; they do no I/O and read no clock. The engine
// asks, package policy answers.
//
// Start from [Default] and change what differs:
//
//	p := policy.Default()
//	p.Countries["sms"] = policy.AllowOnly("US", "CA")
//
// A zero field means its default, so Policy{} is Default.
package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrPolicy is what every error of Validate wraps.
var ErrPolicy = errors.New("policy: not usable")

// A Policy is a set of rules for one engine.
type Policy struct {
	// Code is the shape of a code. Default: 6 decimal digits.
	Code Code

	// Lifetime is how long a code can be entered. Default 2 minutes; 1 to 10
	// minutes, the most that NIST SP 800-63B-4 §3.1.3.2 and OWASP ASVS 5.0
	// 6.5.5 let an out-of-band code live.
	Lifetime time.Duration

	// Tries is how many guesses one code bears. Default 5; 1 to 10.
	Tries int

	// Lock closes an address after wrong guesses in a row, whatever codes were
	// sent between them.
	Lock Lock

	// PerDay is how many wrong guesses an address bears in any 24 hours,
	// successes and locks between them or not. Default 100, which is what the
	// default sends and tries allow in a day; 1 to 1000.
	PerDay int

	// Sends are the budgets of codes for one address; all of them hold, and
	// one of them is for 24 hours. Default: 5 in 10 minutes, 10 in an hour, 20
	// in a day.
	Sends []Budget

	// Countries are the rules for phone numbers, by channel. A nil map means
	// the default, which refuses [region.Unsupported] for "sms" and nothing
	// for "whatsapp"; a channel that the map does not name reaches every
	// country.
	Countries map[string]Rule
}

// A Lock closes an address for a time.
type Lock struct {
	After int           // wrong guesses in a row that close it; default 10; 1 to 100, the ceiling of NIST SP 800-63B-4 §3.2.2
	For   time.Duration // how long; default 1 hour; 5 minutes to 7 days
}

// A Budget allows so many events in any window of that length. Windows slide:
// no choice of the moment gets more than Limit.
type Budget struct {
	Limit  int           // 1 to 100
	Window time.Duration // 1 second to 24 hours
}

// Day is the longest window that a record remembers.
const Day = 24 * time.Hour

// Default returns the default policy. The caller may change it.
func Default() Policy { return Policy{}.WithDefaults() }

// WithDefaults returns a copy of the policy, sharing no memory with it, in
// which every zero field has its default.
func (p Policy) WithDefaults() Policy {
	p.Code = p.Code.withDefaults()
	setDefault(&p.Lifetime, 2*time.Minute)
	setDefault(&p.Tries, 5)
	setDefault(&p.Lock.After, 10)
	setDefault(&p.Lock.For, time.Hour)
	setDefault(&p.PerDay, 100)
	if p.Sends = slices.Clone(p.Sends); len(p.Sends) == 0 {
		p.Sends = []Budget{{5, 10 * time.Minute}, {10, time.Hour}, {20, Day}}
	}
	if p.Countries == nil {
		p.Countries = map[string]Rule{"sms": Unsupported(), "whatsapp": {}}
	}
	p.Countries = maps.Clone(p.Countries)
	for channel, rule := range p.Countries {
		p.Countries[channel] = rule.clone()
	}
	return p
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Lifetimes within which a code may live.
const (
	MinLifetime = time.Minute
	MaxLifetime = 10 * time.Minute
)

// Validate returns nil if the policy, its defaults filled in, can be used.
// Its error wraps [ErrPolicy] and names every field that is wrong. It does
// not judge the odds: see [Policy.Odds].
func (p Policy) Validate() error {
	p = p.WithDefaults()
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrPolicy}, args...)...))
		}
	}
	if err := p.Code.validate(); err != nil {
		errs = append(errs, err)
	}
	check(p.Lifetime >= MinLifetime && p.Lifetime <= MaxLifetime, "Lifetime %v is outside %v to %v", p.Lifetime, MinLifetime, MaxLifetime)
	check(p.Tries >= 1 && p.Tries <= 10, "Tries %d is outside 1 to 10", p.Tries)
	check(p.Lock.After >= 1 && p.Lock.After <= 100, "Lock.After %d is outside 1 to 100", p.Lock.After)
	check(p.Lock.For >= 5*time.Minute && p.Lock.For <= 7*Day, "Lock.For %v is outside 5m to 168h", p.Lock.For)
	check(p.PerDay >= 1 && p.PerDay <= 1000, "PerDay %d is outside 1 to 1000", p.PerDay)
	for i, b := range p.Sends {
		check(b.Limit >= 1 && b.Limit <= 100, "Sends[%d].Limit %d is outside 1 to 100", i, b.Limit)
		check(b.Window >= time.Second && b.Window <= Day, "Sends[%d].Window %v is outside 1s to 24h", i, b.Window)
	}
	check(slices.ContainsFunc(p.Sends, func(b Budget) bool { return b.Window == Day }), "Sends has no budget for 24h")
	for _, channel := range slices.Sorted(maps.Keys(p.Countries)) {
		if err := p.Countries[channel].validate(); err != nil {
			errs = append(errs, fmt.Errorf("%w: Countries[%q]: %w", ErrPolicy, channel, err))
		}
	}
	return errors.Join(errs...)
}
