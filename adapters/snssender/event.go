package snssender

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"github.com/passcode-go/passcode/delivery"
)

// ErrEvent is the error of ParseEvent. It does not repeat the event, which
// holds the address.
var ErrEvent = errors.New("snssender: not an event that says what became of a message")

const (
	maxEvent = 256 << 10 // of SNS and SQS
	maxTime  = 1 << 48   // milliseconds: the year 10889
)

// outcome is what a type of event says.
type outcome struct {
	status delivery.Status
	kind   delivery.Kind
}

// outcomes are the events of the API's reference ("Event types for SMS"),
// without TEXT_QUEUED and TEXT_PENDING, which say that there is nothing to say
// yet. It is never written to.
var outcomes = map[types.EventType]outcome{
	types.EventTypeTextSent:               {delivery.Sent, ""},
	types.EventTypeTextSuccessful:         {delivery.Sent, ""}, // the carrier has it; in some countries all there will be
	types.EventTypeTextDelivered:          {delivery.Delivered, ""},
	types.EventTypeTextInvalid:            {delivery.Failed, delivery.Rejected}, // no such number
	types.EventTypeTextBlocked:            {delivery.Failed, delivery.Rejected}, // by the phone or for it
	types.EventTypeTextProtectBlocked:     {delivery.Failed, delivery.Rejected},
	types.EventTypeTextUnreachable:        {delivery.Failed, delivery.Temporary}, // switched off, say
	types.EventTypeTextCarrierUnreachable: {delivery.Failed, delivery.Temporary},
	types.EventTypeTextTtlExpired:         {delivery.Failed, delivery.Temporary},
	types.EventTypeTextInvalidMessage:     {delivery.Failed, delivery.Configuration},
	types.EventTypeTextCarrierBlocked:     {delivery.Failed, delivery.Configuration}, // the sender, not the phone
	types.EventTypeTextSpam:               {delivery.Failed, delivery.Configuration},
	types.EventTypeTextUnknown:            {delivery.Failed, delivery.Ambiguous}, // no word from the carrier in 72 hours
}

// ParseEvent makes a report of an event that AWS wrote to an event destination:
// the JSON object with the eventType, which is the Message of an SNS
// notification and the detail of an EventBridge event. The report's Message is
// filled, because Send gives AWS the Message.ID to return. The error is
// ErrEvent; an event that causes it may be dropped.
//
// It takes whatever it is given for an event of AWS: the caller knows where it
// came from. A [Callback] does, of what SNS delivers by HTTPS.
func (s *Sender) ParseEvent(event []byte) (delivery.Report, error) {
	return parseEvent(s.cfg.Name, event)
}

// parseEvent is ParseEvent for the provider of this name.
func parseEvent(provider string, event []byte) (delivery.Report, error) {
	var e struct {
		Type        types.EventType   `json:"eventType"`
		Time        int64             `json:"eventTimestamp"`
		ID          string            `json:"messageId"`
		To          string            `json:"destinationPhoneNumber"`
		Description string            `json:"messageStatusDescription"`
		Context     map[string]string `json:"context"`
	}
	if len(event) > maxEvent || json.Unmarshal(event, &e) != nil {
		return delivery.Report{}, ErrEvent
	}
	what, ok := outcomes[e.Type]
	if !ok || e.ID == "" || !word(e.ID, maxIdentity, false) || e.Time <= 0 || e.Time > maxTime {
		return delivery.Report{}, ErrEvent
	}
	r := delivery.Report{Provider: provider, ID: e.ID, Status: what.status, Kind: what.kind, At: time.UnixMilli(e.Time).UTC()}
	if id := e.Context[contextKey]; word(id, maxContext, false) {
		r.Message = id
	}
	if what.status == delivery.Failed {
		name := strings.TrimPrefix(string(e.Type), "TEXT_")
		scrubbed := delivery.AsError(&delivery.Error{Reason: strings.TrimSpace(name + " " + e.Description)}, delivery.Message{To: delivery.NewAddress(e.To)})
		r.Reason = scrubbed.Reason
	}
	return r, nil
}
