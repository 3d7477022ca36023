// Package receipts remembers for a day what became of each message: which
// provider took it, what it answered, and whether the message arrived. It never
// holds a code or an address.
//
//	kept, err := receipts.New(receipts.Config{Store: st})
//	sms := kept.Sender(twilio)                                  // in engine.Channels
//	mux.Handle("/twilio", twilio.Callback(kept.Report))         // whatever handler the sender has
//	record, err := kept.Message(ctx, challenge.Message)         // for a support desk
//
// [Receipts.Sender] stands before a sender and writes down what it answers.
// [Receipts.Report] is the [delivery.Observer] for the handlers of providers'
// callbacks; a report may come before the send has returned. Both change one
// small record in the store by compare-and-swap, so that any number of programs
// may take the callbacks of each other's messages. [Config.Observe] tells of
// every change.
package receipts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/store"
)

// Keep is how long a record is kept after it has changed last. Then it may be
// gone.
const Keep = 24 * time.Hour

var (
	// ErrNotFound is returned for a message that nothing is known of: it was
	// never sent, or more than a day ago.
	ErrNotFound = errors.New("receipts: nothing is known of the message")

	// ErrReport is returned for a report with a name or a reason of more than
	// 1024 bytes.
	ErrReport = errors.New("receipts: the report is too large")
)

// maxText bounds each text of a report, in bytes.
const maxText = 1024

// A State is what became of a message.
type State string

// The states. A state of a later line takes the place of one before it, and
// never the other way round, in whatever order the news arrive. Only what the
// provider says that took the message counts, once it is known.
const (
	Unconfirmed State = "unconfirmed" // sent, and the provider's answer did not arrive: Kind is delivery.Ambiguous
	Taken       State = "taken"       // the provider took it
	Sent        State = "sent"        // the provider has passed it on
	Refused     State = "refused"     // no provider took it; Kind and Reason say why
	Failed      State = "failed"      // it was taken and will not arrive; Kind and Reason say why
	Delivered   State = "delivered"   // it has arrived
)

// rank orders the states.
func (s State) rank() int {
	for i, other := range []State{Unconfirmed, Taken, Sent, Refused, Failed, Delivered} {
		if s == other {
			return i + 1
		}
	}
	return 0
}

// A Record is what is known of a message. Encoded as JSON it is fit to be shown
// to an operator.
type Record struct {
	Message  string           `json:"message"`            // delivery.Message.ID
	Channel  delivery.Channel `json:"channel,omitempty"`  // empty if only a report has come
	Provider string           `json:"provider,omitempty"` // who took it, or refused it
	ID       string           `json:"id,omitempty"`       // the provider's name for it
	State    State            `json:"state"`
	Kind     delivery.Kind    `json:"kind,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	SentAt   time.Time        `json:"sent_at,omitzero"`    // when the provider answered; UTC
	Changed  time.Time        `json:"changed_at,omitzero"` // when the state was reached, as far as the provider says; UTC
}

// A Config says what Receipts are made of.
type Config struct {
	// Store keeps the records. Required.
	Store store.Store

	// Observe, if set, is called with a record whenever its state has changed,
	// on the goroutine of the call that changed it. It must be quick and safe
	// for concurrent use.
	Observe func(Record)

	// Failed, if set, is called when the outcome of a send could not be written
	// down: the send itself is not failed for that.
	Failed func(error)

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Receipts are the records of messages. They are safe for concurrent use.
type Receipts struct {
	store   store.Store
	observe func(Record)
	failed  func(error)
	now     func() time.Time
}

// New returns Receipts, or an error that names what is missing.
func New(cfg Config) (*Receipts, error) {
	if cfg.Store == nil {
		return nil, errors.New("receipts: Config.Store is missing")
	}
	r := &Receipts{cfg.Store, cfg.Observe, cfg.Failed, cfg.Now}
	if r.observe == nil {
		r.observe = func(Record) {}
	}
	if r.failed == nil {
		r.failed = func(error) {}
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r, nil
}

// Message returns what is known of a message. Errors: ErrNotFound, or that of
// the store.
func (r *Receipts) Message(ctx context.Context, id string) (Record, error) {
	value, err := r.store.Get(ctx, messageKey(id))
	if err != nil {
		return Record{}, err
	}
	var record Record
	found, err := decode(value, &record)
	if err != nil {
		return Record{}, err
	}
	if !found {
		return Record{}, ErrNotFound
	}
	return record, nil
}

// Keys of the store. Names are digests, because a provider's name for a message
// may have any form and length.
func messageKey(id string) string            { return "r." + digest("message", id) }
func providerKey(provider, id string) string { return "q." + digest(provider, id) }

func digest(kind, id string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(kind), kind, id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// decode reads a value of the store. found is false if there is none.
func decode(value []byte, into any) (found bool, err error) {
	written, _ := store.CutRewound(value)
	if value == nil {
		return false, nil
	}
	if json.Unmarshal(written, into) != nil {
		return false, errors.New("receipts: stored record is malformed")
	}
	return true, nil
}
