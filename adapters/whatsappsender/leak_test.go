package whatsappsender

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// Nothing that comes out of the package has the code, the number or the
// credentials: over every status, with a provider that repeats all that it was
// told.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	f := newMeta(t)
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
	show(f.config(), sender, *sender)
	receipt, err := sender.Send(t.Context(), message())
	show(receipt, err)
	status := 0
	f.refuse = func(w http.ResponseWriter, body string) {
		w.WriteHeader(status)
		pieces := "Bearer " + token + " " + proof() + " " + body + " " + url.QueryEscape(token+appSecret)
		switch status % 3 {
		case 0:
			io.WriteString(w, problem(199999, "New", pieces))
		case 1:
			io.WriteString(w, oauthProblem(199999, 0, pieces))
		case 2:
			io.WriteString(w, pieces)
		}
	}
	for status = 200; status < 600; status++ {
		m := message()
		receipt, err := sender.Send(t.Context(), m)
		show(receipt, err)
		m.Channel = delivery.SMS
		receipt, err = sender.Send(t.Context(), m)
		show(receipt, err)
	}
	f.Close()
	receipt, err = sender.Send(t.Context(), message())
	show(receipt, err)

	l := listen(t)
	show(l.Callback, *l.Callback)
	words := errorsOf(199999, "could not send "+code+" to "+to, "could not send 914 207 to (202) 555-0162")
	for _, word := range []string{"sent", "delivered", "failed", "read", "deleted"} {
		body := hook(statusOf(word, words))
		for _, secret := range []string{appSecret, "forged"} {
			w := l.call(body, sign(secret, body))
			show(w.Body.String(), w.Header())
		}
	}
	show(l.reports)
	w := httptest.NewRecorder()
	l.ServeHTTP(w, httptest.NewRequest("GET", "/?hub.verify_token="+url.QueryEscape(verifyToken)+"&hub.mode=subscribe&hub.challenge=1", nil))
	show(w.Body.String(), w.Header())
	if n := strings.Count(out.String(), "199999"); n < 100 || len(l.reports) != 4 {
		t.Errorf("%d errors, %d reports", n, len(l.reports))
	}
	for _, s := range append(secrets(), verifyToken, wamid(to, 7)) {
		if i := strings.Index(out.String(), s); i >= 0 {
			t.Errorf("%q comes out: %s", s, out.String()[max(0, i-200):i+len(s)])
		}
	}
}
