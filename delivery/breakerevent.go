package delivery

import "time"

// An EventKind is something that happened between the engine and a provider.
type EventKind string

// The events. One message may cause several.
const (
	EventTaken         EventKind = "taken"         // the provider took a message
	EventFailed        EventKind = "failed"        // it did not, or nobody knows: Err says which
	EventSkipped       EventKind = "skipped"       // it was not asked, because it rests
	EventOpened        EventKind = "opened"        // from now on it rests; Err says why, Until how long
	EventClosed        EventKind = "closed"        // it works again
	EventMisconfigured EventKind = "misconfigured" // somebody has to be woken: nothing but a hand mends it; Err says what
)

// An Event tells what a provider did with a message, for logs, metrics and
// alarms. It holds neither code nor address.
type Event struct {
	Kind     EventKind
	Time     time.Time
	Provider string        // the Breaker's Name; of a Route its own
	Message  string        // Message.ID of the message that caused it
	Channel  Channel       // of that message
	Region   string        // of that message
	Receipt  Receipt       // with EventTaken
	Took     time.Duration // with EventTaken and EventFailed: how long the provider took to answer
	Until    time.Time     // with EventOpened, and EventMisconfigured of a Breaker: until when nobody asks it
	Err      *Error        // with EventFailed, EventSkipped, EventOpened and EventMisconfigured
}

// observe hands an event about a message to an observer, if there is one.
func (ev Event) observe(f func(Event), m *Message) {
	if f == nil {
		return
	}
	ev.Message, ev.Channel, ev.Region = m.ID, m.Channel, m.Region
	f(ev)
}
