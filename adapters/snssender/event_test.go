package snssender

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// event is AWS's example of an event, with the type and words of the test.
func event(kind, words string) string {
	return fmt.Sprintf(`{
		"eventType": %q, "eventVersion": "1.0", "eventTimestamp": 1686975103470, "isFinal": true,
		"originationPhoneNumber": "+12065550152", "destinationPhoneNumber": %q, "isoCountryCode": "US",
		"mcc": "310", "mnc": "800", "messageId": %q, "messageRequestTimestamp": 1686975103170,
		"messageEncoding": "GSM", "messageType": "TRANSACTIONAL", "messageStatus": "X", "messageStatusDescription": %q,
		"context": { "account": "bar", "passcode-message": "our-id" },
		"totalMessageParts": 1, "totalMessagePrice": 0.09582, "totalCarrierFee": 0.0 }`, kind, testTo, testID, words)
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	s := newSender(t, newCloud(t).program(), Config{Name: "aws-eu"})
	at := time.Date(2023, 6, 17, 4, 11, 43, 470e6, time.UTC)
	for kind, want := range map[string]delivery.Report{
		"TEXT_SENT":                {Status: delivery.Sent},
		"TEXT_SUCCESSFUL":          {Status: delivery.Sent},
		"TEXT_DELIVERED":           {Status: delivery.Delivered},
		"TEXT_INVALID":             {Status: delivery.Failed, Kind: delivery.Rejected, Reason: "INVALID about +[redacted]"},
		"TEXT_BLOCKED":             {Status: delivery.Failed, Kind: delivery.Rejected, Reason: "BLOCKED about +[redacted]"},
		"TEXT_PROTECT_BLOCKED":     {Status: delivery.Failed, Kind: delivery.Rejected, Reason: "PROTECT_BLOCKED about +[redacted]"},
		"TEXT_UNREACHABLE":         {Status: delivery.Failed, Kind: delivery.Temporary, Reason: "UNREACHABLE about +[redacted]"},
		"TEXT_CARRIER_UNREACHABLE": {Status: delivery.Failed, Kind: delivery.Temporary, Reason: "CARRIER_UNREACHABLE about +[redacted]"},
		"TEXT_TTL_EXPIRED":         {Status: delivery.Failed, Kind: delivery.Temporary, Reason: "TTL_EXPIRED about +[redacted]"},
		"TEXT_INVALID_MESSAGE":     {Status: delivery.Failed, Kind: delivery.Configuration, Reason: "INVALID_MESSAGE about +[redacted]"},
		"TEXT_CARRIER_BLOCKED":     {Status: delivery.Failed, Kind: delivery.Configuration, Reason: "CARRIER_BLOCKED about +[redacted]"},
		"TEXT_SPAM":                {Status: delivery.Failed, Kind: delivery.Configuration, Reason: "SPAM about +[redacted]"},
		"TEXT_UNKNOWN":             {Status: delivery.Failed, Kind: delivery.Ambiguous, Reason: "UNKNOWN about +[redacted]"},
	} {
		want.Provider, want.ID, want.Message, want.At = "aws-eu", testID, "our-id", at
		if got, err := s.ParseEvent([]byte(event(kind, "about "+testTo))); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", kind, got, err, want)
		}
	}
	if len(outcomes) != 13 {
		t.Errorf("%d types of event, of which 13 are tested", len(outcomes))
	}
}

// Events that say nothing, and what is no event, are told apart from the rest
// and not repeated.
func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	s := newSender(t, newCloud(t).program(), Config{})
	good := event("TEXT_DELIVERED", "")
	for name, body := range map[string]string{
		"queued":       event("TEXT_QUEUED", ""),
		"pending":      event("TEXT_PENDING", ""),
		"voice":        event("VOICE_COMPLETED", ""),
		"no type":      event("", ""),
		"no id":        strings.Replace(good, testID, "", 1),
		"odd id":       strings.Replace(good, testID, "a b", 1),
		"long id":      strings.Replace(good, testID, strings.Repeat("a", 257), 1),
		"no time":      strings.Replace(good, `"eventTimestamp"`, `"x"`, 1),
		"time before":  strings.Replace(good, "1686975103470", "-1", 1),
		"time to come": strings.Replace(good, "1686975103470", "9223372036854775807", 1),
		"odd time":     strings.Replace(good, "1686975103470", `"yesterday"`, 1),
		"odd context":  strings.Replace(good, `"our-id"`, `7`, 1),
		"half":         good[:len(good)/2],
		"more":         good + "{}",
		"empty":        "",
		"null":         "null",
		"list":         "[]",
		"HTML":         "<h1>" + testTo,
		"notification": `{"Type":"Notification","Message":` + fmt.Sprintf("%q", good) + `}`,
		"1 MB":         strings.Replace(good, `"X"`, `"`+strings.Repeat("x", 1<<20)+`"`, 1),
	} {
		r, err := s.ParseEvent([]byte(body))
		if !errors.Is(err, ErrEvent) || r != (delivery.Report{}) || strings.Contains(err.Error(), testTo) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// The context is ours; what else is in it does not matter.
	for _, context := range []string{`{}`, `null`, `{"passcode-message":"a b"}`, `{"passcode-message":""}`} {
		body := strings.Replace(good, `{ "account": "bar", "passcode-message": "our-id" }`, context, 1)
		if r, err := s.ParseEvent([]byte(body)); err != nil || r.Message != "" {
			t.Errorf("context %s: %+v, %v", context, r, err)
		}
	}
}
