package delivery

import (
	"context"
	"time"
)

// A Status is what became of a message that a provider had taken.
type Status string

// The statuses, in the order in which they come. Delivered and Failed are the
// last word, save that some providers say Failed and then Delivered after all.
const (
	Sent      Status = "sent"      // the provider has passed it on
	Delivered Status = "delivered" // it has reached the phone or the mailbox, or was read there
	Failed    Status = "failed"    // it will not arrive
)

// A Report is what a provider tells later about a message. It holds neither
// code nor address.
type Report struct {
	Provider string    // as in Receipt.Provider
	ID       string    // the provider's name for the message: Receipt.ID
	Message  string    // our own name for it, Message.ID, where the provider returns it; else empty
	Status   Status    // what became of it
	Kind     Kind      // with Failed: why, as far as the provider says; Rejected means that this address cannot get it
	Reason   string    // with Failed: the provider's code and words, at most 512 bytes
	At       time.Time // when the provider says that it happened, else when it was told
}

// An Observer takes reports, from the handler of a provider's callback. It is
// safe for concurrent use. A report may come late, twice, before the send has
// returned, or out of order. An error means that the report is to be told
// again; the handler answers the provider so.
type Observer func(ctx context.Context, r Report) error
