package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// Start makes a code, stores it in the place of any other for the same
// subject, and sends it. The code counts against the budgets whether the
// provider takes it or not.
//
// Errors, all of type *Error: ErrRequest, ErrAddress, ErrCountry,
// ErrNumberType (nothing was stored or sent), ErrLocked and ErrLimited (no
// code was made; an earlier one lives on), ErrDelivery (the provider refused;
// the code is dead), ErrUnavailable (nothing was sent). A provider whose
// answer does not arrive is no error: the challenge is Unconfirmed.
//
// If the provider rejects the address and the channel has a Fallback, the same
// code goes by that, and the challenge says so. Should the fallback's rules
// refuse the number, the error is the ErrDelivery of the first; if its provider
// refuses too, the ErrDelivery has the answers of both; if its Spend or the
// store refuses, the error is that one, and the code is dead as well.
func (e *Engine) Start(ctx context.Context, req Request) (Challenge, error) {
	return e.start(ctx, req, nil)
}

// Resend makes and sends a new code within the flow of a challenge that was
// not completed: its code may be alive, expired, or out of tries. The store
// keeps no addresses, so the request is given again and must be the one of the
// challenge, save that SMS and WhatsApp may replace each other. The returned
// challenge replaces the one of id. Everything is counted as by Start, and
// nothing is reset.
//
// Errors: those of Start, and ErrUsed when the challenge was completed,
// cancelled or replaced, or belongs to another address. A store that has gone back
// in time may have forgotten the first two; see [store.Rewound].
func (e *Engine) Resend(ctx context.Context, id string, req Request) (Challenge, error) {
	_, n, ok := parseID(id)
	if !ok {
		return Challenge{}, badRequest("malformed challenge id")
	}
	return e.start(ctx, req, &n)
}

// start sends a code; follow is the nonce of the challenge that a Resend goes
// on with. A challenge of another address has another record, in which that
// nonce does not stand.
func (e *Engine) start(ctx context.Context, req Request, follow *nonce) (Challenge, error) {
	t, refusal := e.check(&req)
	if refusal != nil {
		return Challenge{}, refusal
	}
	event := Event{Tenant: req.Tenant, Purpose: req.Purpose, Channel: req.Channel, Region: t.region,
		Subject: t.subject, Masked: delivery.Mask(t.address)}

	set := e.keys.Load()
	secret := newCode(e.policy.Code)
	s := startStep{policy: &e.policy, life: req.Lifetime, follow: follow}
	s.code.channel = channelByte(req.Channel)
	s.code.key = set.ring[0].id
	s.code.nonce = newNonce()
	set.codeMAC(&s.code.mac, s.code.key, s.code.channel, t.subject, &s.code.nonce, secret)
	s.code.client = set.clientMAC(t.subject, &s.code.nonce, req.Client)
	message, err := e.message(req, t, secret)
	if err != nil {
		return Challenge{}, unavailable(err)
	}
	spent, refusal := e.spend(ctx, req.Channel, t.region)
	if refusal == nil {
		var r record
		refusal = e.update(ctx, recordKey(t.subject), &r, func(now int64) (bool, *Error) { return s.decide(&r, now) })
		if refusal != nil {
			e.giveBack(ctx, spent)
		}
	}
	if refusal != nil {
		e.emitRefusal(event, refusal)
		return Challenge{}, refusal
	}
	event.Kind, event.Message = EventStarted, message.ID
	e.emit(event)
	challenge := Challenge{
		ID:      challengeID(t.subject, s.code.nonce),
		Subject: t.subject,
		Channel: req.Channel,
		Address: message.To,
		Region:  t.region,
		Message: message.ID,
		Expires: time.Unix(0, s.expires).UTC(),
		Tries:   e.policy.Tries,
	}
	if e.channels[req.Channel].Fallback != "" {
		challenge.held = &held{req.Tenant, message}
	}
	return e.send(ctx, challenge, message, event, spent)
}

// message renders the code's message before anything is stored, so that a
// text that cannot be rendered costs nothing.
func (e *Engine) message(req Request, t target, secret string) (delivery.Message, error) {
	subject, body, err := e.texts.Write(delivery.Text{Channel: req.Channel, Purpose: req.Purpose, Locale: req.Locale, Code: secret, Expires: req.Lifetime})
	if err != nil {
		return delivery.Message{}, err
	}
	var id [16]byte
	rand.Read(id[:])
	return delivery.Message{
		ID:      base64.RawURLEncoding.EncodeToString(id[:]),
		Channel: req.Channel,
		To:      delivery.NewAddress(t.address),
		Code:    delivery.NewSecret(secret),
		Subject: subject,
		Body:    delivery.NewSecret(body),
		Locale:  req.Locale,
		Purpose: req.Purpose,
		Expires: req.Lifetime,
		Region:  t.region,
	}, nil
}

// send hands the message to the channel's sender, or to that of its fallback
// if the address is rejected, and records what became of it. By now the code is
// stored and counted: a crash from here on leaves a code that nobody has, never
// one that cannot be checked.
func (e *Engine) send(ctx context.Context, challenge Challenge, message delivery.Message, event Event, spent spending) (Challenge, error) {
	failure := e.deliver(ctx, &challenge, message, &event)
	if failure == nil {
		if sent := e.channels[challenge.Channel].Sent; sent != nil && challenge.held != nil {
			sent(challenge)
		}
		return challenge, nil
	}
	e.giveBack(ctx, spent)
	var refusal *Error // by the fallback
	if failure.Kind == delivery.Rejected && challenge.held != nil {
		var second *delivery.Error
		second, refusal = e.fallBack(ctx, &challenge, failure, &event)
		if second == nil && refusal == nil {
			return challenge, nil
		}
		failure = delivery.Join(failure, second)
	}
	e.drop(ctx, challenge.ID)
	undelivered := e.undelivered(event, failure)
	if refusal != nil && (refusal.Kind == ErrLimited || refusal.Kind == ErrUnavailable) {
		return Challenge{}, refusal // this can pass; that the address is rejected does not
	}
	return Challenge{}, undelivered
}

// deliver hands a message to the sender of the challenge's channel. It returns
// why the provider did not take it, or nil if it did or may have, and then
// tells of it.
func (e *Engine) deliver(ctx context.Context, challenge *Challenge, message delivery.Message, event *Event) *delivery.Error {
	bounded, cancel := context.WithTimeout(ctx, e.timeout)
	receipt, err := e.channels[challenge.Channel].Sender.Send(bounded, message)
	cancel()
	challenge.Receipt, challenge.Unconfirmed = receipt, false
	event.Provider = receipt.Provider
	if err != nil {
		failure := delivery.AsError(err, message)
		if failure.Provider != "" {
			event.Provider = failure.Provider
		}
		if failure.Kind != delivery.Ambiguous {
			return failure
		}
		event.Err = failure
		challenge.Unconfirmed, event.Unconfirmed = true, true
	}
	event.Kind = EventSent
	e.emit(*event)
	return nil
}

// undelivered tells that a message was not delivered, and returns the refusal.
func (e *Engine) undelivered(event Event, failure *delivery.Error) *Error {
	event.Kind, event.Err = EventDeliveryFailed, failure
	e.emit(event)
	return &Error{Kind: ErrDelivery, RetryAfter: failure.RetryAfter, Err: failure}
}

// drop ends a code that was not delivered: it is of no use to anybody. Should
// the store fail here, the code expires by itself.
func (e *Engine) drop(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	e.end(ctx, id, codeUnsent)
}
