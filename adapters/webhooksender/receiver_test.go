package webhooksender

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// serve returns a Receiver for a sender, and a Sender to it.
func serve(t testing.TB, sender delivery.Sender) (*Receiver, *Sender) {
	rc, err := NewReceiver(ReceiverConfig{Keys: keys(t, newKey, key), Sender: sender, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(rc)
	t.Cleanup(server.Close)
	s, err := New(Config{URL: server.URL + path, Keys: keys(t, key), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return rc, s
}

// Sender and Receiver together are as good a sender as the one behind them.
func TestReceiverConformance(t *testing.T) {
	t.Parallel()
	for _, ch := range []delivery.Channel{delivery.SMS, delivery.Email} {
		t.Run(string(ch), func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, ch, func(t *testing.T) deliverytest.Fixture {
				inbox := deliverytest.New()
				_, s := serve(t, inbox)
				return deliverytest.Fixture{Sender: s, Sent: func() (sent []string) {
					for _, m := range inbox.All() {
						sent = append(sent, m.Body.Reveal())
					}
					return sent
				}, Break: func() {
					inbox.FailNext(1, errors.New("cannot send 936417 to +12025550100 or person00@example.com"))
				}}
			})
		})
	}
}

// What arrives is what was sent.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	inbox := deliverytest.New()
	_, s := serve(t, inbox)
	mail := message()
	mail.Channel, mail.To, mail.Subject, mail.Region, mail.Body = delivery.Email, delivery.NewAddress("jane@example.com"), "Votre code Acme", "", delivery.NewSecret("é\r\n<&>\u2028")
	for _, m := range []delivery.Message{message(), mail} {
		receipt, err := s.Send(t.Context(), m)
		if want := (delivery.Receipt{Provider: "inbox", ID: m.ID}); err != nil || receipt != want {
			t.Errorf("Send = %+v, %v, want %+v", receipt, err, want)
		}
		got, _ := inbox.Last(m.To.Reveal())
		if got.Code.Reveal() != m.Code.Reveal() || got.Body.Reveal() != m.Body.Reveal() || got.To.Reveal() != m.To.Reveal() {
			t.Errorf("arrived %s %s %s", got.Code.Reveal(), got.Body.Reveal(), got.To.Reveal())
		}
		got.Code, got.Body, got.To = m.Code, m.Body, m.To
		if !reflect.DeepEqual(got, m) {
			t.Errorf("arrived %+v, want %+v", got, m)
		}
	}
}

// An error keeps its kind, its reason and its time on the way, and its status
// says the same.
func TestErrorsTravel(t *testing.T) {
	t.Parallel()
	for kind, status := range map[delivery.Kind]int{delivery.Temporary: 503, delivery.Throttled: 429, delivery.Rejected: 422, delivery.Configuration: 403, delivery.Ambiguous: 500} {
		failure := &delivery.Error{Kind: kind, Provider: "acme", Reason: "because", RetryAfter: 1200 * time.Millisecond}
		rc, s := serve(t, delivery.SenderFunc(func(context.Context, delivery.Message) (delivery.Receipt, error) { return delivery.Receipt{}, failure }))
		_, err := s.Send(t.Context(), message())
		if e := (*delivery.Error)(nil); !errors.As(err, &e) || e.Kind != kind || e.Reason != "because" || e.RetryAfter != failure.RetryAfter || e.Provider != "webhook" {
			t.Errorf("%s: %v", kind, err)
		}
		w := post(rc, keys(t, key), `{"channel": "sms", "to": "+12025550162", "code": "914207"}`)
		if w.Code != status || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d, %v", kind, w.Code, w.Header())
		}
		if got := kindOf(w.Code); got != kind {
			t.Errorf("the status of %s says %s", kind, got)
		}
	}
}

// Neither handler reads anything of what cannot be signed.
func TestUnread(t *testing.T) {
	t.Parallel()
	rc, _ := serve(t, deliverytest.New())
	good := http.Header{}
	keys(t, key).Sign(good, "msg_1", noon, nil)
	signature := good.Get(headerSignature)
	for name, values := range map[string][]string{
		"no signature":      {headerSignature},
		"empty":             {headerSignature, ""},
		"cut":               {headerSignature, signature[:len(signature)-4]},
		"longer":            {headerSignature, signature + "AAAA"},
		"two headers":       {headerSignature, signature, signature},
		"other version":     {headerSignature, "v2" + signature[2:]},
		"behind too many":   {headerSignature, strings.Repeat("v1,x ", maxSignatures) + signature},
		"no id":             {headerID},
		"id of two":         {headerID, "a.b"},
		"no time":           {headerTimestamp},
		"of another minute": {headerTimestamp, strconv.FormatInt(noon.Add(-Tolerance).Unix()-1, 10)},
	} {
		for h, want := range map[http.Handler]int{rc: 401, listen(t): 403} {
			r := httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("it was read")))
			r.Header = good.Clone()
			r.Header[values[0]] = values[1:]
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s: %d, want %d", name, w.Code, want)
			}
		}
	}
}

// post delivers a body signed with the keys.
func post(h http.Handler, k Keys, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	k.Sign(r.Header, "msg_1", noon, []byte(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	inbox := deliverytest.New()
	rc, _ := serve(t, inbox)
	good := `{"channel": "sms", "to": "+12025550162", "code": "914207"}`
	for name, tt := range map[string]struct {
		keys   Keys
		body   string
		status int
	}{
		"another key":      {keys(t, "whsec_"+strings.Repeat("AAAA", 8)), good, 401},
		"no channel":       {keys(t, key), `{"to": "+12025550162", "code": "914207"}`, 400},
		"no address":       {keys(t, key), `{"channel": "sms", "code": "914207"}`, 400},
		"no code":          {keys(t, key), `{"channel": "sms", "to": "+12025550162"}`, 400},
		"code as a number": {keys(t, key), `{"channel": "sms", "to": "+12025550162", "code": 914207}`, 400},
		"negative time":    {keys(t, key), `{"channel": "sms", "to": "+12025550162", "code": "914207", "expires_in": -1}`, 400},
		"endless time":     {keys(t, key), `{"channel": "sms", "to": "+12025550162", "code": "914207", "expires_in": 9223372037}`, 400},
		"not JSON":         {keys(t, key), `channel=sms`, 400},
		"empty":            {keys(t, key), ``, 400},
		"null":             {keys(t, key), `null`, 400},
		"too large":        {keys(t, key), strings.Repeat(" ", maxRequest+1), 413},
	} {
		w := post(rc, tt.keys, tt.body)
		if w.Code != tt.status || inbox.Len() != 0 {
			t.Errorf("%s: %d, %d sent", name, w.Code, inbox.Len())
		}
		if tt.status == 413 {
			continue
		}
		var o outcome
		if json.Unmarshal(w.Body.Bytes(), &o) != nil || o.Kind != delivery.Configuration || o.Reason == "" {
			t.Errorf("%s: answered %s", name, w.Body)
		}
		noSecrets(t, name, w.Body.String())
	}
	inbox.FailNext(1, errors.New("cannot send "+code+" to "+to))
	if w := post(rc, keys(t, key), good); w.Code != 500 || !strings.Contains(w.Body.String(), "cannot send [redacted] to +[redacted]") {
		t.Errorf("a sender that repeats the message: %d %s", w.Code, w.Body)
	}
	if w := post(rc, keys(t, newKey), good); w.Code != 200 || inbox.Len() != 1 {
		t.Errorf("the newer key: %d", w.Code)
	}
	w := httptest.NewRecorder()
	if rc.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}
