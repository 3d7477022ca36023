package webhooksender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/internal/callout"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, ch := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email, "pager"} {
		t.Run(string(ch), func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, ch, func(t *testing.T) deliverytest.Fixture {
				f := newService(t)
				return deliverytest.Fixture{Sender: f.sender(t), Sent: f.sent, Break: func() {
					f.refuse = func(w http.ResponseWriter, _ *http.Request, body string) { http.Error(w, body, 500) }
				}}
			})
		})
	}
}

// What goes out, to the letter.
func TestRequest(t *testing.T) {
	t.Parallel()
	f := newService(t)
	s := f.sender(t)
	receipt, err := s.Send(t.Context(), message())
	if want := (delivery.Receipt{Provider: "acme", ID: "42"}); err != nil || receipt != want {
		t.Fatalf("Send = %+v, %v, want %+v", receipt, err, want)
	}
	const want = `{"channel":"sms","to":"+12025550162","region":"US","code":"914207","subject":"",` +
		`"body":"Your Acme code is 914207.\n\u003c@example.com\u003e #914207","locale":"en","purpose":"login","expires_in":120}`
	if f.bodies[0] != want || f.ids[0] != message().ID {
		t.Errorf("%s: %s\nwant %s", f.ids[0], f.bodies[0], want)
	}
	// With one of these net/http would repeat the request by itself.
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if _, ok := f.headers[0][name]; ok {
			t.Errorf("there is a header %s", name)
		}
	}

	mail := message()
	mail.ID, mail.Channel, mail.To, mail.Subject, mail.Region = "", delivery.Email, delivery.NewAddress("jane@example.com"), "Your code", ""
	for expires, want := range map[time.Duration]string{0: "0", -1: "0", time.Millisecond: "1", 90*time.Second + 999*time.Millisecond: "90"} {
		mail.Expires = expires
		if _, err := s.Send(t.Context(), mail); err != nil {
			t.Fatal(err)
		}
		if last := f.bodies[len(f.bodies)-1]; !strings.HasSuffix(last, `"expires_in":`+want+`}`) || !strings.Contains(last, `"subject":"Your code"`) {
			t.Errorf("%v: %s", expires, last)
		}
	}
	if f.ids[1] == "" || f.ids[1] == f.ids[2] {
		t.Errorf("the ids of messages without one are %q", f.ids[1:])
	}
	mail.ID = "a.b"
	if _, err := s.Send(t.Context(), mail); !errors.Is(err, delivery.ErrConfiguration) || len(f.headers) != 5 {
		t.Errorf("an ID with a full stop: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	html := "<html>no</html>"
	receipt := func(provider, id string) string { return "taken " + provider + " " + id }
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // kind and reason, or "taken", provider and id
		rest   time.Duration
	}{
		"nothing said":                {204, "", receipt("webhook", ""), 0},
		"spaces":                      {200, " \n", receipt("webhook", ""), 0},
		"empty object":                {202, "{}", receipt("webhook", ""), 0},
		"id alone":                    {200, `{"id": "42"}`, receipt("webhook", "42"), 0},
		"more":                        {201, `{"id": "42", "provider": "acme", "cost": {"usd": 0.01}}`, receipt("acme", "42"), 0},
		"id that is the code":         {200, `{"id": "` + code + `"}`, receipt("webhook", ""), 0},
		"id with the number":          {200, `{"id": "sms-12025550162-1"}`, receipt("webhook", ""), 0},
		"id with a line in it":        {200, `{"id": "a\nb"}`, receipt("webhook", ""), 0},
		"long id":                     {200, `{"id": "` + strings.Repeat("x", 129) + `"}`, receipt("webhook", ""), 0},
		"provider with the number":    {200, `{"provider": "12025550162"}`, receipt("webhook", ""), 0},
		"odd provider":                {200, `{"provider": "a b"}`, receipt("webhook", ""), 0},
		"HTML":                        {200, html, "ambiguous HTTP status 200: <html>no</html>", 7 * time.Second},
		"text":                        {200, "ok", "ambiguous HTTP status 200: ok", 7 * time.Second},
		"array":                       {200, "[]", "ambiguous HTTP status 200: []", 7 * time.Second},
		"null":                        {200, "null", "ambiguous HTTP status 200: null", 7 * time.Second},
		"two objects":                 {200, "{}{}", "ambiguous HTTP status 200: {}{}", 7 * time.Second},
		"id of another kind":          {200, `{"id": 42}`, `ambiguous HTTP status 200: {"id": 42}`, 7 * time.Second},
		"1 MB":                        {200, "{}" + strings.Repeat(" ", 1<<20), "ambiguous HTTP status 200: {}", 7 * time.Second},
		"an error with 200":           {200, `{"kind": "rejected", "reason": "opted out"}`, "rejected opted out", 7 * time.Second},
		"unknown kind with 200":       {200, `{"kind": "sorry"}`, `ambiguous HTTP status 200: {"kind": "sorry"}`, 7 * time.Second},
		"rejected":                    {422, `{"kind": "rejected", "reason": "not a mobile"}`, "rejected not a mobile", 7 * time.Second},
		"throttled":                   {500, `{"kind": "throttled", "reason": "", "retry_after": 30.5}`, "throttled ", 30500 * time.Millisecond},
		"throttled for ever":          {429, `{"kind": "throttled", "retry_after": 1e300}`, "throttled ", callout.MaxRest},
		"throttled for no time":       {429, `{"kind": "throttled", "retry_after": -1}`, "throttled ", 7 * time.Second},
		"temporary":                   {500, `{"kind": "temporary", "reason": "down"}`, "temporary down", 7 * time.Second},
		"configuration":               {500, `{"kind": "configuration", "reason": "no credit"}`, "configuration no credit", 7 * time.Second},
		"ambiguous":                   {503, `{"kind": "ambiguous", "reason": "cut"}`, "ambiguous cut", 7 * time.Second},
		"reason that repeats":         {422, `{"kind": "rejected", "reason": "no ` + to + ` for ` + code + `"}`, "rejected no +[redacted] for [redacted]", 7 * time.Second},
		"400":                         {400, "no such number", "rejected HTTP status 400: no such number", 7 * time.Second},
		"422":                         {422, "", "rejected HTTP status 422: ", 7 * time.Second},
		"401":                         {401, "", "configuration HTTP status 401: ", 7 * time.Second},
		"403":                         {403, html, "configuration HTTP status 403: <html>no</html>", 7 * time.Second},
		"404":                         {404, "", "configuration HTTP status 404: ", 7 * time.Second},
		"409":                         {409, "", "temporary HTTP status 409: ", 7 * time.Second},
		"410":                         {410, "", "configuration HTTP status 410: ", 7 * time.Second},
		"429":                         {429, "slow down", "throttled HTTP status 429: slow down", 7 * time.Second},
		"302":                         {302, "", "configuration HTTP status 302: ", 7 * time.Second},
		"500":                         {500, "", "ambiguous HTTP status 500: ", 7 * time.Second},
		"502":                         {502, html, "ambiguous HTTP status 502: <html>no</html>", 7 * time.Second},
		"503":                         {503, "", "temporary HTTP status 503: ", 7 * time.Second},
		"504":                         {504, "", "ambiguous HTTP status 504: ", 7 * time.Second},
		"a body that repeats the URL": {400, "the URL " + path + " and " + code, "rejected HTTP status 400: the URL [redacted] and [redacted]", 7 * time.Second},
	} {
		f := newService(t)
		f.answer(tt.status, tt.body, "Retry-After", "7", "Location", "https://example.com/")
		if tt.status == 204 {
			f.answer(204, "")
		}
		r, err := f.sender(t).Send(t.Context(), message())
		if len(f.headers) != 1 {
			t.Errorf("%s: %d requests", name, len(f.headers))
		}
		if err == nil {
			if got := receipt(r.Provider, r.ID); got != tt.want {
				t.Errorf("%s: %s, want %s", name, got, tt.want)
			}
			continue
		}
		e := (*delivery.Error)(nil)
		if !errors.As(err, &e) || string(e.Kind)+" "+e.Reason != tt.want || e.RetryAfter != tt.rest || e.Provider != "webhook" || r != (delivery.Receipt{}) {
			t.Errorf("%s: %v, rest %v, %+v\nwant %s, %v", name, err, e.RetryAfter, r, tt.want, tt.rest)
		}
	}
}

// A body that was cut off before its first byte is not an empty one.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	if _, failure := parse(callout.Answer{Status: 200}); failure == nil || failure.Kind != delivery.Ambiguous {
		t.Errorf("%v", failure)
	}
}

// Both keys sign while one replaces the other.
func TestRotation(t *testing.T) {
	t.Parallel()
	f := newService(t)
	for want, k := range map[string]Keys{"": keys(t, newKey, key), "401": keys(t, newKey)} {
		s, err := New(Config{URL: f.URL + path, Keys: k, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Send(t.Context(), message())
		if want == "" && err != nil || want != "" && (!errors.Is(err, delivery.ErrConfiguration) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// What goes wrong below HTTP, and what is sent a second time.
func TestTransport(t *testing.T) {
	t.Parallel()
	f := newService(t)
	s := f.sender(t)
	f.Close()
	_, err := s.Send(t.Context(), message())
	if !errors.Is(err, delivery.ErrTemporary) {
		t.Errorf("nobody there: %v", err)
	}
	noSecrets(t, "the error", err.Error())

	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer silent.Close()
	if s, err = New(Config{URL: silent.URL + path, Keys: keys(t, key)}); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Send(ctx, message()); !errors.Is(err, delivery.ErrAmbiguous) {
		t.Errorf("no answer: %v", err)
	}
	noSecrets(t, "the error", err.Error())
}

// A Breaker that is told that the service knows its ids again asks once more,
// with the same id.
func TestIdempotent(t *testing.T) {
	t.Parallel()
	f := newService(t)
	f.refuse = func(_ http.ResponseWriter, r *http.Request, _ string) {
		f.refuse = nil
		panic(http.ErrAbortHandler) // read, and no answer
	}
	b, err := delivery.NewBreaker(delivery.BreakerConfig{Name: "own", Sender: f.sender(t), Idempotent: true})
	if err != nil {
		t.Fatal(err)
	}
	if receipt, err := b.Send(t.Context(), message()); err != nil || receipt.ID != "42" {
		t.Errorf("Send = %+v, %v", receipt, err)
	}
	ids := ""
	for _, h := range f.headers {
		ids += h.Get("webhook-id") + " "
	}
	if want := strings.Repeat(message().ID+" ", 2); ids != want {
		t.Errorf("the ids are %q, want %q", ids, want)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Config{URL: "https://example.com/" + code, Keys: keys(t, key)}
	for want, change := range map[string]func(*Config){
		"":                                  func(*Config) {},
		"URL is not an absolute https URL":  func(c *Config) { c.URL = "" },
		"URL is not a URL":                  func(c *Config) { c.URL = "https://" + code + "\n" },
		"URL is not https":                  func(c *Config) { c.URL = "http://10.0.0.1/" },
		"URL has a user or a password":      func(c *Config) { c.URL = "https://a:b@example.com/" },
		"Keys are missing":                  func(c *Config) { c.Keys = Keys{} },
		"Timeout is negative":               func(c *Config) { c.Timeout = -1 },
		"URL is not an|Keys are|Timeout is": func(c *Config) { *c = Config{Timeout: -1} },
	} {
		cfg := good
		change(&cfg)
		s, err := New(cfg)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if s != nil || !errors.Is(err, ErrConfig) {
			t.Errorf("%s: New = %v, %v", want, s, err)
			continue
		}
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(err.Error(), "webhooksender: not usable: "+part) {
				t.Errorf("the error is %q, want %q in it", err, part)
			}
		}
		noSecrets(t, want, err.Error())
	}
	good.URL, good.UnsafePlaintext = "http://10.0.0.1/", true
	if _, err := New(good); err != nil {
		t.Errorf("with UnsafePlaintext: %v", err)
	}
	if _, err := NewReceiver(ReceiverConfig{}); !errors.Is(err, ErrConfig) || !strings.Contains(fmt.Sprint(err), "Keys") || !strings.Contains(fmt.Sprint(err), "Sender") {
		t.Errorf("NewReceiver: %v", err)
	}
	if _, err := NewCallback(CallbackConfig{}); !errors.Is(err, ErrConfig) || !strings.Contains(fmt.Sprint(err), "Keys") || !strings.Contains(fmt.Sprint(err), "Observe") {
		t.Errorf("NewCallback: %v", err)
	}
}
