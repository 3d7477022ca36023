package engine

import (
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// An EventKind is something that happened to a code.
type EventKind string

// The events. One call may cause several: the guess that closes an address is
// both EventWrong and EventLocked.
const (
	EventStarted        EventKind = "started"         // a code was made and stored
	EventSent           EventKind = "sent"            // the provider took it, or may have: Unconfirmed tells
	EventDeliveryFailed EventKind = "delivery_failed" // the provider refused it
	EventFellBack       EventKind = "fell_back"       // the code goes by the fallback of its channel; Err says why, Provider whose answer that is
	EventVerified       EventKind = "verified"        // the right code came back
	EventWrong          EventKind = "wrong"           // a guess was compared and wrong
	EventExpired        EventKind = "expired"         // a code came back too late
	EventLocked         EventKind = "locked"          // wrong guesses closed an address, or a closed one was asked for
	EventLimited        EventKind = "limited"         // a send was refused by a budget, or by a Spend: then Err is policy.ErrSpent
	EventRefused        EventKind = "refused"         // a number was refused for its region or type
	EventCancelled      EventKind = "cancelled"       // a code was cancelled
)

// An Event tells what happened, for metrics, logs and alarms. It names the
// address only as a keyed digest and a mask.
type Event struct {
	Kind        EventKind
	Time        time.Time
	Tenant      string           // as in the request; empty where only an id was given
	Purpose     string           // as in the request; empty where only an id was given
	Channel     delivery.Channel // empty where it is not known
	Subject     string           // keyed digest of tenant, purpose and address; empty for a refused address
	Masked      string           // what delivery.Mask shows of the address; empty where only an id was given
	Region      string           // of the number, where known
	Provider    string           // who took the message, or refused it
	Message     string           // the id of the message, where there is one
	Unconfirmed bool             // with EventSent: the provider's answer did not arrive
	Err         error            // with a refusal: why; it holds no code and no address
}

// emitRefusal tells of a send that a lock or a limit refused.
func (e *Engine) emitRefusal(ev Event, refusal *Error) {
	switch refusal.Kind {
	case ErrLocked:
		ev.Kind = EventLocked
	case ErrLimited:
		ev.Kind = EventLimited
	default:
		return
	}
	ev.Err = refusal
	e.emit(ev)
}

// emit hands an event to the observer, if there is one.
func (e *Engine) emit(ev Event) {
	if e.observe != nil {
		ev.Time = e.now().UTC()
		e.observe(ev)
	}
}
