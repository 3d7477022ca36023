package engine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
)

// A spending is the counters in which a message was counted: that of its
// region, and that of its channel.
type spending struct {
	keys    [2]string
	n       int
	expires time.Time
}

const day = 24 * time.Hour

// spend counts a message before it is sent, and refuses it if there were as
// many of the day already. Of any number of calls at once no more than the
// limit are let through: what is over is taken back only after it was refused,
// and until then refuses others at the most.
func (e *Engine) spend(ctx context.Context, ch delivery.Channel, region string) (spending, *Error) {
	limits := e.channels[ch].Spend
	now := e.now()
	today := now.Unix() / int64(day/time.Second)
	tomorrow := time.Unix((today+1)*int64(day/time.Second), 0)
	s := spending{expires: tomorrow.Add(day)} // whoever's clock is late still finds it
	for _, counter := range [...]struct {
		region string
		limit  int
	}{{region, limits.Limit(policy.Region(region))}, {"", limits.PerDay}} {
		if counter.limit == 0 {
			continue
		}
		key := e.keys.Load().spendKey(ch, counter.region, today)
		sum, err := e.store.Add(ctx, key, 1, s.expires)
		if err != nil {
			e.giveBack(ctx, s)
			return spending{}, unavailable(err)
		}
		s.keys[s.n] = key
		s.n++
		if sum > int64(counter.limit) {
			e.giveBack(ctx, s)
			where := ""
			if counter.region != "" {
				where = " to " + counter.region
			}
			return spending{}, &Error{Kind: ErrLimited, RetryAfter: tomorrow.Sub(now),
				Err: fmt.Errorf("%w: %d by %s%s", policy.ErrSpent, counter.limit, ch, where)}
		}
	}
	return s, nil
}

// giveBack takes a message that no provider took out of what was spent. Should
// the store fail here, it stays counted.
func (e *Engine) giveBack(ctx context.Context, s spending) {
	if s.n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	for _, key := range s.keys[:s.n] {
		_, _ = e.store.Add(ctx, key, -1, s.expires)
	}
}

// spendTag separates this use of the index key from any other.
const spendTag = "passcode spend 1"

// spendPrefix begins the keys of these counters.
const spendPrefix = "s."

// spendKey names the counter of a channel, of a region if that is not empty,
// and of a day. Engines with other keys have counters of their own.
func (s *keySet) spendKey(ch delivery.Channel, region string, today int64) string {
	m := s.index.Get().(*mac)
	defer s.index.Put(m)
	m.in = append(m.in[:0], spendTag...)
	m.in = append(m.in, channelByte(ch), byte(len(region)))
	m.in = append(m.in, region...)
	m.in = binary.BigEndian.AppendUint64(m.in, uint64(today))
	m.sum()
	return spendPrefix + base64.RawURLEncoding.EncodeToString(m.out[:subjectSize])
}
