package webhooksender

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

type listener struct {
	*Callback
	reports []delivery.Report
	err     error
}

func listen(t testing.TB) *listener {
	l := &listener{}
	var err error
	l.Callback, err = NewCallback(CallbackConfig{
		Keys: keys(t, newKey, key),
		Observe: func(_ context.Context, r delivery.Report) error {
			l.reports = append(l.reports, r)
			return l.err
		},
		Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCallback(t *testing.T) {
	t.Parallel()
	early := noon.Add(-time.Minute)
	sent := delivery.Report{Provider: "webhook", Message: "m-1", Status: delivery.Sent, At: noon}
	with := func(change func(*delivery.Report)) *delivery.Report {
		r := sent
		change(&r)
		return &r
	}
	failed := func(kind delivery.Kind, reason string) *delivery.Report {
		return with(func(r *delivery.Report) { r.Status, r.Kind, r.Reason = delivery.Failed, kind, reason })
	}
	for body, want := range map[string]*delivery.Report{ // nil is 400
		`{"message": "m-1", "status": "sent"}`:                                                             &sent,
		`{"message": "m-1", "status": "sent", "kind": "rejected", "reason": "x", "new": {}}`:               &sent,
		`{"message": "m-1", "status": "delivered", "provider": "acme", "id": "sms/4 2"}`:                   nil,
		`{"message": "m-1", "status": "delivered", "provider": "acme", "id": "sms/42"}`:                    with(func(r *delivery.Report) { r.Status, r.Provider, r.ID = delivery.Delivered, "acme", "sms/42" }),
		`{"id": "42", "status": "sent"}`:                                                                   with(func(r *delivery.Report) { r.Message, r.ID = "", "42" }),
		`{"message": "m-1", "status": "sent", "at": "2026-03-01T12:59:00+01:00"}`:                          with(func(r *delivery.Report) { r.At = early }),
		`{"message": "m-1", "status": "sent", "at": "2026-03-01T12:00:01Z"}`:                               &sent,
		`{"message": "m-1", "status": "sent", "at": "yesterday"}`:                                          nil,
		`{"message": "m-1", "status": "failed"}`:                                                           failed(delivery.Temporary, "failed"),
		`{"message": "m-1", "status": "failed", "kind": "rejected", "error": "30003", "reason": "no one"}`: failed(delivery.Rejected, "30003: no one"),
		`{"message": "m-1", "status": "failed", "reason": "no ` + to + ` for ` + code + `, x@y.example"}`:  failed(delivery.Temporary, "no [redacted] for [redacted], [redacted]"),
		`{"message": "m-1", "status": "failed", "kind": "sorry"}`:                                          nil,
		`{"message": "m-1", "status": "failed", "error": "3 0"}`:                                           nil,
		`{"message": "m-1", "status": "read"}`:                                                             nil,
		`{"message": "m-1"}`:                                                                               nil,
		`{"status": "sent"}`:                                                                               nil,
		`{"message": "m 1", "status": "sent"}`:                                                             nil,
		`{"message": "m-1", "provider": "a b", "status": "sent"}`:                                          nil,
		`{"message": 1, "status": "sent"}`:                                                                 nil,
		`[{"message": "m-1", "status": "sent"}]`:                                                           nil,
		`null`:                                                                                             nil,
		``:                                                                                                 nil,
		`<html>`:                                                                                           nil,
	} {
		l := listen(t)
		w := post(l, keys(t, key), body)
		if want == nil {
			if w.Code != 400 || len(l.reports) != 0 {
				t.Errorf("%s: %d, %+v, want 400", body, w.Code, l.reports)
			}
			continue
		}
		if w.Code != 200 || !slices.Equal(l.reports, []delivery.Report{*want}) {
			t.Errorf("%s: %d, %+v\nwant %+v", body, w.Code, l.reports, *want)
		}
	}
}

// A report that was not taken is asked for again, and one that is played back
// within the tolerance is told again; later it is refused.
func TestCallbackAgain(t *testing.T) {
	t.Parallel()
	l := listen(t)
	body := `{"message": "m-1", "status": "sent"}`
	l.err = errors.New("the store is down for " + to)
	for n, want := range []int{503, 200, 200} {
		w := post(l, keys(t, key), body)
		if w.Code != want || len(l.reports) != n+1 {
			t.Errorf("call %d: %d, %d reports", n, w.Code, len(l.reports))
		}
		noSecrets(t, "the answer", w.Body.String())
		l.err = nil
	}
	l.now = func() time.Time { return noon.Add(Tolerance + time.Second) }
	if w := post(l, keys(t, key), body); w.Code != 403 || len(l.reports) != 3 {
		t.Errorf("played back later: %d", w.Code)
	}
	l.now = now
	if w := post(l, keys(t, "whsec_"+strings.Repeat("AAAA", 8)), body); w.Code != 403 || len(l.reports) != 3 {
		t.Errorf("another key: %d", w.Code)
	}
	w := httptest.NewRecorder()
	if l.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body))); w.Code != 403 {
		t.Errorf("unsigned: %d", w.Code)
	}
	if w := post(l, keys(t, key), strings.Repeat(" ", maxRequest+1)); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
	w = httptest.NewRecorder()
	if l.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}
