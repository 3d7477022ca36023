package twiliosender

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

var allKinds = []delivery.Kind{delivery.Temporary, delivery.Throttled, delivery.Rejected, delivery.Configuration, delivery.Ambiguous}

func known(k delivery.Kind) bool {
	for _, kind := range allKinds {
		if k == kind {
			return true
		}
	}
	return false
}

// Whatever Twilio answers, it is a message that was made or an error of a kind
// that fits the status.
func FuzzAnswer(f *testing.F) {
	f.Add(201, `{"sid": "SM00112233445566778899aabbccddeeff", "status": "queued", "error_code": null}`)
	f.Add(201, `{"sid": "SM00112233445566778899aabbccddeeff", "status": "failed", "error_code": 63003}`)
	f.Add(400, problem(400, 21211, "Invalid 'To' Phone Number"))
	f.Add(500, problem(500, 20500, "Internal Server Error"))
	f.Add(502, "<html>")
	f.Add(200, `{"code": -1e3}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		sid, failure := parse(callout.Answer{Status: status, Body: []byte(body), Whole: true})
		switch {
		case failure == nil && (status/100 != 2 || !strings.Contains(body, sid) || len(sid) != 34):
			t.Errorf("%d %q is taken for the message %q", status, body, sid)
		case failure != nil && (sid != "" || !known(failure.Kind) || failure.Reason == ""):
			t.Errorf("%d %q is %q, %+v", status, body, sid, failure)
		case failure != nil && status/100 == 2 && failure.Kind == delivery.Temporary && !strings.Contains(body, "sid"):
			t.Errorf("%d %q: nothing was taken, it is said", status, body)
		}
	})
}

// Whatever is in a callback that Twilio signed, what is told is well-formed and
// shows no number; and of what it did not sign nothing is told.
func FuzzCallback(f *testing.F) {
	f.Add("message=m-1", status("delivered", "").Encode())
	f.Add("message=m-1&message=m-2", status("undelivered", "30003").Encode())
	f.Add("", "AccountSid="+account+"&SmsSid="+sid+"&SmsStatus=failed&ErrorCode=-1&ErrorMessage=%ff%0a914+207")
	f.Add("message=%", "MessageStatus=read&MessageStatus=sent")
	f.Add("a;b", "=&&=%00")
	f.Fuzz(func(t *testing.T, query, body string) {
		l := listen(t, callback)
		request := func(signature string) int {
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header.Set("X-Twilio-Signature", signature)
			w := httptest.NewRecorder()
			l.ServeHTTP(w, r)
			return w.Code
		}
		form, _ := url.ParseQuery(body)
		target := callback
		if query != "" {
			target += "?" + query
		}
		if code := request(sign("another token", target, form)); code != 403 || len(l.reports) != 0 {
			t.Fatalf("a forged callback: %d, %+v", code, l.reports)
		}
		code := request(sign(token, target, form))
		if code != 200 && code != 403 || len(l.reports) > 1 || code == 403 && len(l.reports) > 0 {
			t.Fatalf("%d, %+v", code, l.reports)
		}
		for _, r := range l.reports {
			if r.Provider != "twilio" || !callout.IsSID(r.ID, r.ID[:2]) || r.Message != "" && !callout.IsID(r.Message) || len(r.Reason) > 512 || !utf8.ValidString(r.Reason) {
				t.Errorf("told %+v", r)
			}
			if (r.Status == delivery.Failed) != known(r.Kind) || r.Status == "" {
				t.Errorf("told %+v", r)
			}
		}
	})
}
