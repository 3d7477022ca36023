package snssender

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passcode-go/passcode/delivery"
)

// canned answers every request alike.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c canned) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: c.header, Body: io.NopCloser(bytes.NewReader(c.body)), Request: r}, nil
}

// Whatever comes back, the outcome is one of those promised: sent only with a
// message id, and nothing but Ambiguous after a 2yz.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "", "", []byte(`{"MessageId":"1"}`))
	f.Add(400, "", "7", []byte(`{"__type":"ConflictException","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"}`))
	f.Add(400, "ThrottlingException", "", []byte(`{}`))
	f.Add(502, "", "", []byte(`<h1>`+testTo+testCode))
	f.Add(200, "", "", []byte(`{"MessageId":`))
	f.Add(400, "", "", []byte(`{"__type":"a#ValidationException","Fields":[{"Name":"DestinationPhoneNumber"},null,7]}`))
	f.Fuzz(func(t *testing.T, status int, kind, after string, body []byte) {
		if status < 200 || status > 999 {
			return // the transport keeps those
		}
		program := aws.Config{
			Region: testRegion, Credentials: Keys(testKeyID, delivery.NewSecret(testSecret), delivery.NewSecret(testSession)),
			HTTPClient: canned{status, http.Header{"X-Amzn-Errortype": {kind}, "Retry-After": {after}}, body},
		}
		receipt, err := newSender(t, program, Config{}).Send(t.Context(), testMessage())
		var e *delivery.Error
		switch {
		case err == nil:
			if receipt.ID == "" || status/100 != 2 || !bytes.Contains(body, []byte("MessageId")) {
				t.Fatalf("sent, with %+v", receipt)
			}
			return
		case !errors.As(err, &e):
			t.Fatalf("a %T: %v", err, err)
		case (e.Kind == delivery.Ambiguous) != (status/100 == 2) && status < 500:
			t.Fatalf("%d: %v", status, e)
		}
		if len(e.Reason) > 512 || e.RetryAfter < 0 || e.RetryAfter > maxWait || strings.ContainsFunc(e.Reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%+v", *e)
		}
		for _, secret := range secrets {
			if strings.Contains(e.Reason, secret) {
				t.Fatalf("the reason shows %q: %s", secret, e.Reason)
			}
		}
	})
}

// Whatever an event is, it is refused or makes a report without the address.
func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(event("TEXT_DELIVERED", "")))
	f.Add([]byte(event("TEXT_BLOCKED", testTo)))
	f.Add([]byte(`{"eventType":"TEXT_SENT","eventTimestamp":1,"messageId":"a","context":{"passcode-message":"b"}}`))
	f.Add([]byte(`[]`))
	s, err := NewFromConfig(aws.Config{Region: testRegion, Credentials: Keys("", delivery.Secret{}, delivery.Secret{})}, Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := s.ParseEvent(body)
		if err != nil {
			if err != ErrEvent || r != (delivery.Report{}) {
				t.Fatalf("%+v, %v", r, err)
			}
			return
		}
		if r.ID == "" || r.Status == "" || r.Provider != "aws" || (r.Status == delivery.Failed) != (r.Kind != "") || (r.Reason != "") != (r.Kind != "") || len(r.Reason) > 512 || r.At.Year() > 11000 {
			t.Fatalf("%+v", r)
		}
		if strings.Contains(r.Reason, testTo[1:]) && bytes.Contains(body, []byte(`"destinationPhoneNumber":"`+testTo+`"`)) {
			t.Fatalf("the reason shows the address: %q", r.Reason)
		}
	})
}
