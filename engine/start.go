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
// cancelled or replaced, or belongs to another address.
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
	var r record
	refusal = e.update(ctx, recordKey(t.subject), &r, func(now int64) (bool, *Error) { return s.decide(&r, now) })
	if refusal != nil {
		switch refusal.Kind {
		case ErrLocked:
			event.Kind = EventLocked
		case ErrLimited:
			event.Kind = EventLimited
		default:
			return Challenge{}, refusal
		}
		event.Err = refusal
		e.emit(event)
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
	return e.send(ctx, challenge, message, event)
}

// message renders the code's message before anything is stored, so that a
// text that cannot be rendered costs nothing.
func (e *Engine) message(req Request, t target, secret string) (delivery.Message, error) {
	subject, body, err := e.texts.Render(req.Channel, req.Locale, secret, req.Lifetime)
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
	}, nil
}

// send hands the message to the channel's sender and records what became of
// it. By now the code is stored and counted: a crash from here on leaves a
// code that nobody has, never one that cannot be checked.
func (e *Engine) send(ctx context.Context, challenge Challenge, message delivery.Message, event Event) (Challenge, error) {
	bounded, cancel := context.WithTimeout(ctx, e.timeout)
	receipt, err := e.channels[challenge.Channel].Sender.Send(bounded, message)
	cancel()
	challenge.Receipt = receipt
	event.Provider = receipt.Provider
	if err != nil {
		failure := delivery.AsError(err, message)
		if failure.Provider != "" {
			event.Provider = failure.Provider
		}
		event.Err = failure
		if failure.Kind != delivery.Ambiguous {
			e.drop(ctx, challenge.ID)
			event.Kind = EventDeliveryFailed
			e.emit(event)
			return Challenge{}, &Error{Kind: ErrDelivery, RetryAfter: failure.RetryAfter, Err: failure}
		}
		challenge.Unconfirmed, event.Unconfirmed = true, true
	}
	event.Kind = EventSent
	e.emit(event)
	return challenge, nil
}

// drop ends a code that was not delivered: it is of no use to anybody. Should
// the store fail here, the code expires by itself.
func (e *Engine) drop(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	e.end(ctx, id, codeUnsent)
}
