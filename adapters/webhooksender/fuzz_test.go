package webhooksender

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/internal/callout"
)

// Whatever the service answers, the message was taken or there is an error of
// one of the kinds.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"provider": "acme", "id": "42"}`)
	f.Add(422, `{"kind": "rejected", "reason": "not a mobile", "retry_after": 1e9}`)
	f.Add(204, "")
	f.Add(502, "<html>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		o, failure := parse(callout.Answer{Status: status, Body: []byte(body), Whole: true})
		switch {
		case failure == nil && (status/100 != 2 || o.Kind != ""):
			t.Errorf("%d %q: taken, %+v", status, body, o)
		case failure != nil && (!isKind(failure.Kind) || o != outcome{} || failure.RetryAfter < 0 || failure.RetryAfter > callout.MaxRest):
			t.Errorf("%d %q: %+v, %+v", status, body, failure, o)
		}
	})
}

// Whatever is in a report that was signed, what is told is well-formed.
func FuzzCallback(f *testing.F) {
	f.Add(`{"message": "m-1", "status": "delivered", "at": "2026-03-01T12:00:00Z"}`)
	f.Add(`{"id": "42", "status": "failed", "kind": "rejected", "error": "30003", "reason": "no +12025550162"}`)
	f.Fuzz(func(t *testing.T, body string) {
		l := listen(t)
		if w := post(l, keys(t, key), body); (w.Code == 200) != (len(l.reports) == 1) || w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d, %+v", w.Code, l.reports)
		}
		for _, r := range l.reports {
			if r.Provider == "" || r.Message == "" && r.ID == "" || !isVisible(r.ID) || r.Message != "" && !callout.IsID(r.Message) ||
				len(r.Reason) > 512 || !utf8.ValidString(r.Reason) || r.At.After(noon) || r.At.IsZero() {
				t.Errorf("told %+v", r)
			}
			if (r.Status == delivery.Failed) != isKind(r.Kind) || r.Status != delivery.Sent && r.Status != delivery.Delivered && r.Status != delivery.Failed {
				t.Errorf("told %+v", r)
			}
		}
	})
}

// Whatever is in a request that was signed, one message arrives or none.
func FuzzReceiver(f *testing.F) {
	f.Add(`{"channel": "sms", "to": "+12025550162", "region": "US", "code": "914207", "body": "Your code is 914207.", "locale": "en", "purpose": "login", "expires_in": 120}`)
	f.Add(`{"channel": "sms", "to": "x", "code": "1", "expires_in": 9223372037}`)
	f.Fuzz(func(t *testing.T, body string) {
		inbox := deliverytest.New()
		rc, err := NewReceiver(ReceiverConfig{Keys: keys(t, key), Sender: inbox, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		w := post(rc, keys(t, key), body)
		if (w.Code == 200) != (inbox.Len() == 1) || w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d, %d arrived", w.Code, inbox.Len())
		}
		for _, m := range inbox.All() {
			if m.ID != "msg_1" || m.Code.Reveal() == "" || m.To.Reveal() == "" || m.Channel == "" || m.Expires < 0 {
				t.Errorf("arrived %+v", m)
			}
		}
	})
}

// No header but the one that was signed passes.
func FuzzVerify(f *testing.F) {
	f.Add("msg_1", "1772366400", "v1,AAAA")
	f.Add("msg_1", "1772366400", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,x")
	f.Add("msg_1.1772366400", "+1", " v1, , ")
	f.Fuzz(func(t *testing.T, id, timestamp, signature string) {
		body := []byte("{}")
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}}
		if got, err := keys(t, key).Verify(h, body, noon); err == nil && !strings.Contains(signature, keys(t, key).sign(0, got, timestamp, body)) {
			t.Errorf("%q passes", h)
		}
	})
}
