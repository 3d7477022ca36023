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
	sc := scratches.Get().(*scratch)
	defer sc.release()
	key, ok := parseID(id, &sc.nonce)
	if !ok {
		return Proof{}, badRequest("malformed challenge id")
	}
	sc.verify.nonce = &sc.nonce
	return e.verify(ctx, key, sc, input, Event{})
}

// VerifyAddress checks what somebody typed against the live code of an
// address, whichever challenge it belongs to. It is for programs that know no
// challenge ids; see the package comment for what that costs. Locale and
// Lifetime of the request are not looked at. Errors: those of Verify, and
// ErrAddress, ErrCountry, ErrNumberType where the channel's parser refuses.
func (e *Engine) VerifyAddress(ctx context.Context, req Request, input string) (Proof, error) {
	t, refusal := e.target(&req)
	if refusal != nil {
		return Proof{}, refusal
	}
	sc := scratches.Get().(*scratch)
	defer sc.release()
	event := Event{Tenant: req.Tenant, Purpose: req.Purpose, Masked: delivery.Mask(t.address), Region: t.region}
	return e.verify(ctx, recordKey(t.subject), sc, input, event)
}

func (e *Engine) verify(ctx context.Context, key string, sc *scratch, input string, event Event) (Proof, error) {
	guess, ok := readCode(e.policy.Code, input)
	if !ok {
		return Proof{}, &Error{Kind: ErrFormat}
	}
	s := &sc.verify
	s.policy, s.keys, s.guess, s.subject, s.room = &e.policy, e.keys.Load(), guess, key[len(keyPrefix):], sc.wrong[:]
	refusal := e.update(ctx, key, s, sc)
	if e.observe != nil {
		e.observeVerify(s, refusal, event)
	}
	if refusal != nil {
		return Proof{}, refusal
	}
	return Proof{
		Subject:    s.subject,
		Channel:    channelOf(s.channel),
		SentAt:     time.Unix(0, s.issued).UTC(),
		VerifiedAt: time.Unix(0, s.at).UTC(),
	}, nil
}

func (e *Engine) observeVerify(s *verifyStep, refusal *Error, event Event) {
	event.Subject, event.Channel = s.subject, channelOf(s.channel)
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
	if refusal.Kind == ErrWrong && s.shut != nil {
		event.Kind, event.Err = EventLocked, s.shut
		e.emit(event)
	}
}

// Cancel ends a challenge: its code is not accepted any more. Cancelling one
// that has ended already is no error. Errors: ErrRequest (malformed id),
// ErrUsed (replaced by a newer challenge, or never one), ErrUnavailable.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	sc := scratches.Get().(*scratch)
	defer sc.release()
	key, ok := parseID(id, &sc.nonce)
	if !ok {
		return badRequest("malformed challenge id")
	}
	if refusal := e.update(ctx, key, &endStep{&e.policy, &sc.nonce, codeCancelled}, sc); refusal != nil {
		return refusal
	}
	e.emit(Event{Kind: EventCancelled, Subject: key[len(keyPrefix):]})
	return nil
}
