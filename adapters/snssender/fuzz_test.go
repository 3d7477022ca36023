package snssender

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// Whatever stands around what SNS signed, nothing else is told, and nobody but
// SNS is asked for anything.
func FuzzCallback(f *testing.F) {
	genuine := notice(event("TEXT_DELIVERED", "")).signed().json()
	members := genuine[1 : len(genuine)-1]
	f.Add("{", "}")
	f.Add("", "")
	f.Add(`{"Message":"x","SigningCertUrl":"https://evil.com/a.pem",`, `}`)
	f.Add("{", `,"subject":null}`)
	f.Add("{", `,"Type":"SubscriptionConfirmation","Token":"a","SubscribeURL":"`+testSubURL+`"}`)
	f.Fuzz(func(t *testing.T, head, tail string) {
		l := listen(t, nil)
		r := httptest.NewRequest("POST", "/", strings.NewReader(head+members+tail))
		r.Header.Set("X-Amz-Sns-Topic-Arn", testTopic)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 403 && w.Code != 413 && w.Code != 503 || w.Code != 200 && len(l.reports) > 0 {
			t.Fatalf("%d, %+v", w.Code, l.reports)
		}
		for _, report := range l.reports {
			if report.ID != testID || report.Message != "our-id" || report.Status != delivery.Delivered {
				t.Fatalf("%+v", report)
			}
		}
		for _, asked := range l.sns.requests() {
			if !strings.HasPrefix(asked, testHost+"/SimpleNotificationService-") {
				t.Fatalf("asked for %q", asked)
			}
		}
	})
}

// Whatever a body is, it is no message or one whose lines are told apart: but
// for Message, each value has one.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(notice("x\ny").with("Subject", "a").signed().json()))
	f.Add([]byte(confirmation(subscription).signed().json()))
	f.Add([]byte(`{"type":"UnsubscribeConfirmation"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, ok := parseMessage(body)
		if !ok {
			return
		}
		m.TopicArn = testTopic // as read sees to it
		values := 5
		switch {
		case m.Type != notification:
			values = 7
		case m.Subject != nil:
			values = 6
		}
		if got := bytes.Count(m.text(), []byte("\n")); got != 2*values+strings.Count(m.Message, "\n") {
			t.Fatalf("%d lines in %q", got, m.text())
		}
	})
}

// Whatever a URL is, if it is taken then any other parser sees the same host
// in it.
func FuzzURL(f *testing.F) {
	for _, target := range hostile {
		f.Add(target)
	}
	f.Add(testCert)
	f.Add(testSubURL)
	f.Fuzz(func(t *testing.T, target string) {
		m := message{TopicArn: testTopic, Token: testToken, SubscribeURL: target}
		file, confirms := certificateAt(target, strings.TrimPrefix(testHost, "https://")), m.confirmableAt(strings.TrimPrefix(testHost, "https://"))
		if !file && !confirms {
			return
		}
		u, err := url.Parse(target)
		if err != nil {
			return // nobody is asked
		}
		if u.Scheme != "https" || u.Host != "sns.eu-west-1.amazonaws.com" || u.User != nil || u.Fragment != "" || file && confirms ||
			file && (u.RawQuery != "" || u.ForceQuery || !strings.HasSuffix(u.Path, ".pem")) ||
			confirms && (u.Path != "/" || u.Query().Get("Action") != "ConfirmSubscription" || u.Query().Get("TopicArn") != testTopic) {
			t.Fatalf("%q", target)
		}
	})
}

// Whatever is in the place of a certificate, it is refused or has a long key.
func FuzzCertificate(f *testing.F) {
	f.Add([]byte(certified(f, rsaKey().Public(), noon)))
	f.Add([]byte("<h1>-----BEGIN CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, ok := parseCertificate(body); ok && (s.cert == nil || s.key.N.BitLen() < 2048) {
			t.Fatalf("%+v", s)
		}
	})
}
