package engine

import (
	"context"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// Verify checks what somebody typed against the code of a challenge. A right
// code is accepted once; a wrong one is counted before this returns.
//
// Spaces and hyphens in the input are forgiven, and decimal digits of every
// script; anything else that cannot be a code is ErrFormat and costs no try.
//
// Errors, all of type *Error: ErrRequest (malformed id), ErrFormat, ErrWrong,
// ErrExpired, ErrUsed, ErrLocked, ErrUnavailable. After ErrUnavailable the
// guess may have been counted, and a right code may have been used up.
func (e *Engine) Verify(ctx context.Context, id, input string) (Proof, error) {
	key, n, ok := parseID(id)
	if !ok {
		return Proof{}, badRequest("malformed challenge id")
	}
	return e.verify(ctx, key, &n, nil, input, Event{})
}

// VerifyAddress checks what somebody typed against the live code of an
// address, whichever challenge it belongs to. It is for programs that know no
// challenge ids; see the package comment for what that costs. Locale and
// Lifetime of the request are not looked at. Errors: those of Verify;
// ErrMismatch, which leaves the code alive and counts nothing; and ErrAddress,
// ErrCountry, ErrNumberType where the channel's parser refuses.
func (e *Engine) VerifyAddress(ctx context.Context, req Request, input string) (Proof, error) {
	t, refusal := e.target(&req)
	if refusal != nil {
		return Proof{}, refusal
	}
	event := Event{Tenant: req.Tenant, Purpose: req.Purpose, Masked: delivery.Mask(t.address), Region: t.region}
	var check *clientCheck
	if req.MatchIP || req.MatchUserAgent {
		check = &clientCheck{req.Client, req.MatchIP, req.MatchUserAgent}
	}
	return e.verify(ctx, recordKey(t.subject), nil, check, input, event)
}

// verify checks a guess; n is the nonce of the challenge, or nil for whatever
// code is alive; check says what its client has to be, or is nil.
func (e *Engine) verify(ctx context.Context, key string, n *nonce, check *clientCheck, input string, event Event) (Proof, error) {
	guess, ok := readCode(e.policy.Code, input)
	if !ok {
		return Proof{}, &Error{Kind: ErrFormat}
	}
	var r record
	subject := key[len(keyPrefix):]
	s := verifyStep{policy: &e.policy, keys: e.keys.Load(), subject: subject, guess: guess, nonce: n, client: check}
	refusal := e.update(ctx, key, &r, func(now int64) (bool, *Error) { return s.decide(&r, now) })
	if e.observe != nil {
		event.Subject, event.Channel = subject, channelOf(s.channel)
		e.observeVerify(event, refusal)
	}
	if refusal != nil {
		return Proof{}, refusal
	}
	return Proof{
		Subject:    subject,
		Channel:    channelOf(s.channel),
		SentAt:     time.Unix(0, s.issued).UTC(),
		VerifiedAt: time.Unix(0, s.at).UTC(),
	}, nil
}

func (e *Engine) observeVerify(event Event, refusal *Error) {
	if refusal == nil {
		event.Kind = EventVerified
		e.emit(event)
		return
	}
	event.Err = refusal
	switch refusal.Kind {
	case ErrWrong:
		event.Kind = EventWrong
	case ErrExpired:
		event.Kind = EventExpired
	case ErrLocked:
		event.Kind = EventLocked
	default:
		return
	}
	e.emit(event)
	if refusal.Kind == ErrWrong && refusal.RetryAfter > 0 {
		event.Kind = EventLocked
		e.emit(event)
	}
}

// Cancel ends a challenge: its code is not accepted any more. Cancelling one
// that has ended already is no error. Errors: ErrRequest (malformed id),
// ErrUsed (replaced by a newer challenge, or never one), ErrUnavailable.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	if refusal := e.end(ctx, id, codeCancelled); refusal != nil {
		return refusal
	}
	e.emit(Event{Kind: EventCancelled, Subject: id[len(keyPrefix):keyLen]})
	return nil
}

// end ends the code of a challenge.
func (e *Engine) end(ctx context.Context, id string, state codeState) *Error {
	key, n, ok := parseID(id)
	if !ok {
		return badRequest("malformed challenge id")
	}
	var r record
	s := endStep{&e.policy, &n, state}
	return e.update(ctx, key, &r, func(now int64) (bool, *Error) { return s.decide(&r, now) })
}
