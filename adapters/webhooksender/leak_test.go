package webhooksender

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// Nothing that comes out of the package has the code, the number, the keys or
// the URL: over every status, with a service that repeats all that it was told.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	f := newService(t)
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	show := func(values ...any) {
		for _, v := range values {
			fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
			text, _ := json.Marshal(v)
			out.Write(text)
			log.Info("seen", "value", v)
		}
	}
	sender := f.sender(t)
	both := keys(t, newKey, key)
	show(sender, *sender, both)
	status := 0
	f.refuse = func(w http.ResponseWriter, r *http.Request, body string) {
		w.WriteHeader(status)
		pieces := fmt.Sprint("199999 ", f.URL, r.URL, " ", body, url.QueryEscape(body), url.QueryEscape(path))
		switch status % 3 {
		case 0:
			json.NewEncoder(w).Encode(outcome{Kind: delivery.Rejected, Reason: pieces})
		case 1:
			json.NewEncoder(w).Encode(outcome{Provider: to[1:], ID: pieces})
		case 2:
			fmt.Fprint(w, pieces)
		}
	}
	for status = 200; status < 600; status++ {
		receipt, err := sender.Send(t.Context(), message())
		show(receipt, err)
	}
	f.Close()
	receipt, err := sender.Send(t.Context(), message())
	show(receipt, err)

	l := listen(t)
	show(l.Callback, *l.Callback)
	words := ` for +1 (202) 555-0162: 914 207, ` + code + `, ` + to + `"`
	for _, body := range []string{`{"message": "m-1", "status": "failed", "reason": "no` + words + `}`, `{"message": "m-1", "status": "sent", "reason": "no` + words + `}`, `{"status": "x` + words + `}`} {
		for _, k := range []Keys{both, keys(t, "whsec_"+strings.Repeat("AAAA", 8))} {
			w := post(l, k, body)
			show(w.Body.String(), w.Header())
		}
	}
	show(l.reports)

	rc, err := NewReceiver(ReceiverConfig{Keys: both, Sender: sender, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	show(rc, *rc)
	for _, body := range []string{`{"channel": "sms", "to": "` + to + `", "code": "` + code + `"}`, `{"to": "` + to + `", "code": "` + code + `"}`} {
		w := post(rc, both, body)
		show(w.Body.String(), w.Header())
		w = httptest.NewRecorder()
		rc.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		show(w.Body.String(), w.Header())
	}
	if n := strings.Count(out.String(), "199999"); n < 100 || len(l.reports) != 2 {
		t.Errorf("%d errors, %d reports", n, len(l.reports))
	}
	for _, s := range secrets() {
		if i := strings.Index(out.String(), s); i >= 0 {
			t.Errorf("%q comes out: %s", s, out.String()[max(0, i-200):i+len(s)])
		}
	}
}
