package enginetest

import (
	"context"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// Numbers to which sending by SMS or WhatsApp ends in a certain way. They are
// mobile numbers of the United States to a parser.
const (
	Delivered = "+12025550100" // the message arrives, as at any number that is not listed here
	Rejected  = "+12025550101" // the provider refuses the address: engine.ErrDelivery, delivery.ErrRejected
	Throttled = "+12025550102" // the provider asks to wait for ThrottledFor: engine.ErrDelivery, delivery.ErrThrottled
	Ambiguous = "+12025550103" // the message arrives, but the provider's answer does not: the challenge is Unconfirmed
)

// ThrottledFor is how long the provider asks to wait at Throttled.
const ThrottledFor = 30 * time.Second

// provider is what errors call the sandbox.
const provider = "enginetest"

// A sandbox puts messages into the inbox, or does what its numbers say.
type sandbox struct{ inbox *deliverytest.Inbox }

var _ delivery.Sender = sandbox{}

// Send implements [delivery.Sender].
func (s sandbox) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	switch m.To.Reveal() {
	case Rejected:
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Rejected, Provider: provider, Reason: "sandbox number"}
	case Throttled:
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Throttled, Provider: provider, Reason: "sandbox number", RetryAfter: ThrottledFor}
	case Ambiguous:
		if _, err := s.inbox.Send(ctx, m); err != nil {
			return delivery.Receipt{}, err
		}
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Ambiguous, Provider: provider, Reason: "sandbox number"}
	}
	return s.inbox.Send(ctx, m)
}
