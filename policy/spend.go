package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrSpent is wrapped by the engine's refusal of a message that would pass a
// [Spend]. Somebody should hear of it: either the limit is too low, or
// somebody is pumping messages.
var ErrSpent = errors.New("policy: the messages of the day are spent")

// A Spend limits what a channel's messages cost in a day, whoever asks for
// them: it is the last thing between an attacker with many numbers and the
// bill. Days are those of UTC. The zero Spend limits nothing.
//
// It counts messages that a provider took, or may have taken; one that every
// provider refused is given back. A [Budget] is another thing: it protects one
// address from too many messages, and is never given back.
type Spend struct {
	PerDay    int            // messages in a day, to all regions; 0: no limit
	PerRegion int            // messages in a day to each region; 0: no limit
	Regions   map[Region]int // limits of some regions, at least 1, in the place of PerRegion; to refuse a region use a Rule
}

// Limit returns how many messages a day may go to a region, 0 for no limit. An
// empty region, that of an e-mail, has none.
func (s Spend) Limit(r Region) int {
	if r == "" {
		return 0
	}
	if limit, ok := s.Regions[r]; ok {
		return limit
	}
	return s.PerRegion
}

// Validate returns nil if the limits can be used. Its error wraps [ErrPolicy]
// and names the field that is wrong.
func (s Spend) Validate() error {
	if s.PerDay < 0 {
		return fmt.Errorf("%w: PerDay %d is negative", ErrPolicy, s.PerDay)
	}
	if s.PerRegion < 0 {
		return fmt.Errorf("%w: PerRegion %d is negative", ErrPolicy, s.PerRegion)
	}
	for _, r := range slices.Sorted(maps.Keys(s.Regions)) {
		if !r.Known() {
			return fmt.Errorf("%w: Regions[%q] is no region; codes are those of ISO 3166-1, such as US or GB", ErrPolicy, r)
		}
		if s.Regions[r] < 1 {
			return fmt.Errorf("%w: Regions[%q] %d is less than 1", ErrPolicy, r, s.Regions[r])
		}
	}
	return nil
}
