package engine

import (
	"context"
	"fmt"

	"github.com/passcode-go/passcode/delivery"
)

// Fallback sends the code of a challenge once more, by the fallback of its
// channel: when a report says that the message will not arrive, or when none
// has said within the program's patience that it did. The program keeps the
// challenge and the timer, and calls; nothing here waits by itself.
//
// why is what the report said, nil if there was none: it becomes the FellBack
// of the challenge that is returned and takes the place of c. That has the id,
// the code, the tries and the end of c; no send of the address is counted,
// because there was one already, but the message counts in the Spend of its
// own channel.
//
// The store has no code, only its MAC. So c has to be what Start or Resend
// returned to this program: it holds the message, in memory alone, for as long
// as the program keeps it. After a restart, or on another machine, there is
// nothing to send again; call Resend with the other channel, which makes a new
// code and counts.
//
// A code falls back once, and after that both messages may arrive, with one
// code. Its Proof names the fallback then, whichever of them was read.
//
// Errors: ErrRequest (c holds no message, or its channel has no fallback);
// ErrCountry and ErrNumberType, as the fallback's rules say; ErrUsed (entered
// or replaced meanwhile, or fallen back already), ErrExpired, ErrLocked;
// ErrLimited (the Spend); ErrDelivery (the fallback's provider refused);
// ErrUnavailable. After each but the last the code lives on as it was, and c
// with it; after ErrUnavailable it may count as fallen back.
func (e *Engine) Fallback(ctx context.Context, c Challenge, why *delivery.Error) (Challenge, error) {
	if c.held == nil {
		return Challenge{}, badRequest("the challenge holds no message that could fall back")
	}
	if why == nil {
		why = &delivery.Error{Kind: delivery.Ambiguous, Provider: c.Receipt.Provider, Reason: "no receipt in time"}
	}
	first, event := c, Event{}
	failure, refusal := e.fallBack(ctx, &c, delivery.AsError(why, c.held.message), &event)
	if refusal != nil {
		return Challenge{}, refusal
	}
	if failure != nil {
		e.moveBack(ctx, c, first)
		return Challenge{}, e.undelivered(event, failure)
	}
	return c, nil
}

// held is a message that was handed to a provider, kept for Fallback.
type held struct {
	tenant  string
	message delivery.Message
}

// fallBack sends the code of c by the fallback of its channel. A refusal means
// that nothing was changed or sent. From then on c and event are about the
// fallback, and a failure says that its provider did not take the message.
func (e *Engine) fallBack(ctx context.Context, c *Challenge, why *delivery.Error, event *Event) (*delivery.Error, *Error) {
	first := &c.held.message
	req := Request{Tenant: c.held.tenant, Purpose: first.Purpose, Channel: e.channels[c.Channel].Fallback,
		To: first.To.Reveal(), Locale: first.Locale, Lifetime: first.Expires}
	t, refusal := e.check(&req)
	if refusal != nil {
		return nil, refusal
	}
	if t.subject != c.Subject {
		return nil, badRequest("the fallback's parser reads another address")
	}
	if req.Lifetime = c.Expires.Sub(e.now()); req.Lifetime <= 0 {
		return nil, &Error{Kind: ErrExpired}
	}
	message, err := e.message(req, t, first.Code.Reveal())
	if err != nil {
		return nil, unavailable(err)
	}
	now := Event{Tenant: req.Tenant, Purpose: req.Purpose, Channel: req.Channel, Region: t.region,
		Subject: t.subject, Masked: delivery.Mask(t.address), Message: message.ID}
	spent, refusal := e.spend(ctx, req.Channel, t.region)
	if refusal == nil {
		if refusal = e.move(ctx, c, req.Channel); refusal != nil {
			e.giveBack(ctx, spent)
		}
	}
	if refusal != nil {
		e.emitRefusal(now, refusal)
		return nil, refusal
	}
	now.Kind, now.Provider, now.Err = EventFellBack, why.Provider, why
	e.emit(now)
	now.Provider, now.Err = "", nil
	*event = now
	c.Channel, c.Message, c.FellBack = req.Channel, message.ID, why
	failure := e.deliver(ctx, c, message, event)
	if failure != nil {
		e.giveBack(ctx, spent)
		return failure, nil
	}
	c.held = nil
	return nil, nil
}

// move has the record say that the code of c travels by another channel.
func (e *Engine) move(ctx context.Context, c *Challenge, to delivery.Channel) *Error {
	key, n, ok := parseID(c.ID)
	if !ok {
		return badRequest("malformed challenge id")
	}
	set := e.keys.Load()
	s := fallbackStep{policy: &e.policy, nonce: &n, from: channelByte(c.Channel), to: channelByte(to), key: set.ring[0].id}
	set.codeMAC(&s.mac, s.key, s.to, c.Subject, &n, c.held.message.Code.Reveal())
	var r record
	return e.update(ctx, key, &r, func(now int64) (bool, *Error) { return s.decide(&r, now) })
}

// moveBack undoes a move after which nothing was sent, so that a proof tells
// the truth. Should the store fail here, it says the fallback.
func (e *Engine) moveBack(ctx context.Context, c, first Challenge) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	_ = e.move(ctx, &c, first.Channel)
}

// checkFallback refuses a fallback to which the codes of a channel cannot go.
func (channels Channels) checkFallback(name delivery.Channel) error {
	to := channels[name].Fallback
	if to == "" {
		return nil
	}
	fallback, ok := channels[to]
	switch {
	case !ok:
		return fmt.Errorf("passcode: channel %q has the Fallback %q, which is no channel of the config", name, to)
	case fallback.Fallback != "":
		return fmt.Errorf("passcode: channel %q has the Fallback %q, which has one itself: a code falls back once", name, to)
	case to.Class() != name.Class():
		return fmt.Errorf("passcode: channel %q has the Fallback %q, which has other addresses", name, to)
	}
	return nil
}
