package engine

import "github.com/passcode-go/passcode/policy"

// fallbackStep has the code of a challenge travel by another channel: the same
// code, with its tries and its end, under a MAC that says the new channel. It
// counts no send.
type fallbackStep struct {
	policy *policy.Policy
	nonce  *nonce
	from   byte          // the channel that the record has to say
	to     byte          // the channel that it says then
	key    uint32        // id of the key of mac
	mac    [macSize]byte // of the same code for the channel to
}

func (s *fallbackStep) decide(r *record, now int64) (bool, *Error) {
	changed := r.settle(now, s.policy.Lock.For)
	c := &r.code
	if !c.is(s.nonce) {
		return changed, &Error{Kind: ErrUsed}
	}
	if refusal := r.locked(now, s.policy); refusal != nil {
		return changed, refusal
	}
	switch {
	case c.state != codeLive, c.channel != s.from, int(c.tries) >= s.policy.Tries:
		return changed, &Error{Kind: ErrUsed}
	case c.expires() <= now:
		return changed, &Error{Kind: ErrExpired}
	}
	c.channel, c.key, c.mac = s.to, s.key, s.mac
	return true, nil
}
