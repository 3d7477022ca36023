package twiliosender

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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
	f := newTwilio(t)
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
	status := 0
	f.refuse = func(w http.ResponseWriter, body string) {
		w.WriteHeader(status)
		form, _ := url.ParseQuery(body)
		pieces := fmt.Sprint(form, body, sender.authorization.Reveal(), secret, url.QueryEscape(secret))
		switch status % 3 {
		case 0:
			io.WriteString(w, problem(status, 29999, pieces))
		case 1:
			fmt.Fprintf(w, `{"sid": "SM00112233445566778899aabbccddeeff", "status": "failed", "error_code": 30008, "error_message": %q}`, pieces)
		case 2:
			io.WriteString(w, pieces)
		}
	}
	for status = 200; status < 600; status++ {
		for _, ch := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
			receipt, err := sender.Send(t.Context(), message(ch))
			show(receipt, err)
		}
	}
	f.Close()
	receipt, err := sender.Send(t.Context(), message(delivery.SMS))
	show(receipt, err)

	l := listen(t, callback)
	show(l.Callback, *l.Callback)
	for _, word := range []string{"sent", "delivered", "failed", "undelivered", "queued"} {
		form := statusOf(word)
		w := l.call(form, "?message=m-1", sign(token, callback+"?message=m-1", form))
		show(w.Body.String(), w.Header())
		w = l.call(form, "?message=m-1", "forged")
		show(w.Body.String(), w.Header())
	}
	show(l.reports)
	if n := strings.Count(out.String(), "29999"); n < 100 || len(l.reports) != 4 {
		t.Errorf("%d errors, %d reports", n, len(l.reports))
	}
	for _, s := range append(secrets(), token) {
		if i := strings.Index(out.String(), s); i >= 0 {
			t.Errorf("%q comes out: %s", s, out.String()[max(0, i-200):i+len(s)])
		}
	}
}

// statusOf is a callback whose words repeat the message.
func statusOf(word string) url.Values {
	form := status(word, "30008")
	form.Set("ErrorMessage", "could not send "+code+" to "+to)
	form.Set("ChannelStatusMessage", "could not send 914 207 to (202) 555-0162")
	return form
}
