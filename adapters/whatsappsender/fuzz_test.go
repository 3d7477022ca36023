package whatsappsender

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

var allKinds = []delivery.Kind{delivery.Temporary, delivery.Throttled, delivery.Rejected, delivery.Configuration, delivery.Ambiguous}

// Whatever Meta answers, it is a message that was made or an error of a kind
// that fits the status.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"messaging_product": "whatsapp", "messages": [{"id": "wamid.x"}]}`)
	f.Add(400, problem(131026, "Message undeliverable", "Message Undeliverable."))
	f.Add(500, problem(131000, "Something went wrong", ""))
	f.Add(502, "<html>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		id, failure := parse(callout.Answer{Status: status, Body: []byte(body), Whole: true})
		switch {
		case failure == nil && (status/100 != 2 || len(id) != 32):
			t.Errorf("%d %q is taken for the message %q", status, body, id)
		case failure != nil && (id != "" || !slices.Contains(allKinds, failure.Kind) || failure.Reason == ""):
			t.Errorf("%d %q is %q, %+v", status, body, id, failure)
		case failure != nil && status/100 == 2 && failure.Kind == delivery.Temporary:
			t.Errorf("%d %q: nothing was taken, it is said", status, body)
		}
	})
}

// Whatever is in a webhook that Meta signed, what is told is well-formed; and of
// what it did not sign nothing is told.
func FuzzCallback(f *testing.F) {
	f.Add(hook(statusOf("read", "")))
	f.Add(hook(statusOf("failed", errorsOf(131026, "Message undeliverable", "to 1 202 555 0162")), statusOf("sent", "")))
	f.Add(hook(`{"id": "x", "status": "sent", "timestamp": 1e400}`))
	f.Add(`{"object": "whatsapp_business_account", "entry": [null, {"changes": [{}]}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		l := listen(t)
		if w := l.call(body, sign("another secret", body)); w.Code != 403 || len(l.reports) != 0 {
			t.Fatalf("a forged webhook: %d, %+v", w.Code, l.reports)
		}
		if w := l.call(body, sign(appSecret, body)); w.Code != 200 {
			t.Fatalf("%d", w.Code)
		}
		for _, r := range l.reports {
			if r.Provider != "whatsapp" || len(r.ID) != 32 || r.Message != "" && !callout.IsID(r.Message) || len(r.Reason) > 512 || !utf8.ValidString(r.Reason) ||
				r.At.After(noon) || r.At.IsZero() {
				t.Errorf("told %+v", r)
			}
			if (r.Status == delivery.Failed) != slices.Contains(allKinds, r.Kind) || r.Status == "" {
				t.Errorf("told %+v", r)
			}
		}
	})
}
