package twiliosender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, ch := range []delivery.Channel{delivery.SMS, delivery.WhatsApp} {
		t.Run(string(ch), func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, ch, func(t *testing.T) deliverytest.Fixture {
				f := newTwilio(t)
				return deliverytest.Fixture{Sender: f.sender(t), Sent: f.sent, Break: func() {
					f.refuse = func(w http.ResponseWriter, body string) {
						w.WriteHeader(400)
						form, _ := url.ParseQuery(body)
						io.WriteString(w, problem(400, 21211, "Invalid request "+body+" "+fmt.Sprint(form)))
					}
				}}
			})
		})
	}
}

// What goes out, field by field.
func TestForm(t *testing.T) {
	t.Parallel()
	body := message(delivery.SMS).Body.Reveal()
	callback := "https://example.com/twilio?message=Zm9vYmFyLWJheg_1"
	for name, tt := range map[string]struct {
		config func(*Config)
		m      func(*delivery.Message)
		want   map[string]string
	}{
		"sms": {nil, nil, map[string]string{
			"To": to, "From": from, "Body": body, "ValidityPeriod": "120", "StatusCallback": callback}},
		"sms by account token, service and template": {func(c *Config) {
			c.KeyID, c.CallbackURL = "", "https://example.com/twilio?tenant=1#rc=3&rp=all"
			c.SMS = Line{Service: service, From: from, Templates: map[string]string{"FR": template}}
		}, func(m *delivery.Message) { m.Locale, m.Expires = "fr", 24*time.Hour }, map[string]string{
			"To": to, "From": from, "MessagingServiceSid": service, "ContentSid": template, "ContentVariables": `{"1":"` + code + `"}`,
			"ValidityPeriod": "36000", "StatusCallback": "https://example.com/twilio?tenant=1&message=Zm9vYmFyLWJheg_1#rc=3&rp=all"}},
		"sms in a language without a template": {func(c *Config) {
			c.SMS.Templates, c.CallbackURL = map[string]string{"fr": template}, ""
		}, func(m *delivery.Message) { m.Expires = time.Millisecond }, map[string]string{
			"To": to, "From": from, "Body": body, "ValidityPeriod": "1"}},
		"an id that is none": {nil, func(m *delivery.Message) { m.ID, m.Expires = "a b&c=d", 0 }, map[string]string{
			"To": to, "From": from, "Body": body}},
		"whatsapp": {nil, func(m *delivery.Message) { m.Channel = delivery.WhatsApp }, map[string]string{
			"To": "whatsapp:" + to, "From": "whatsapp:" + from, "ContentSid": template, "ContentVariables": `{"1":"` + code + `"}`, "StatusCallback": callback}},
		"whatsapp in French": {nil, func(m *delivery.Message) { m.Channel, m.Locale = delivery.WhatsApp, "fr" }, map[string]string{
			"To": "whatsapp:" + to, "From": "whatsapp:" + from, "ContentSid": template2, "ContentVariables": `{"1":"` + code + `"}`, "StatusCallback": callback}},
	} {
		f := newTwilio(t)
		cfg, m := f.config(), message(delivery.SMS)
		if tt.config != nil {
			tt.config(&cfg)
		}
		if tt.m != nil {
			tt.m(&m)
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		receipt, err := s.Send(t.Context(), m)
		if want := (delivery.Receipt{Provider: "twilio", ID: "SM00000000000000000000000000000001"}); err != nil || receipt != want {
			t.Errorf("%s: Send = %+v, %v, want %+v", name, receipt, err, want)
			continue
		}
		got := map[string]string{}
		for field := range f.forms[0] {
			got[field] = f.forms[0].Get(field)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: the form is %v\nwant %v", name, got, tt.want)
		}
	}
}

// What is refused before anything goes out.
func TestNothingSent(t *testing.T) {
	t.Parallel()
	f := newTwilio(t)
	for name, tt := range map[string]struct {
		m    func(*delivery.Message)
		want error
	}{
		"e-mail":        {func(m *delivery.Message) { m.Channel = delivery.Email }, delivery.ErrConfiguration},
		"no channel":    {func(m *delivery.Message) { m.Channel = "" }, delivery.ErrConfiguration},
		"no number":     {func(m *delivery.Message) { m.To = delivery.Address{} }, delivery.ErrRejected},
		"not E.164":     {func(m *delivery.Message) { m.To = delivery.NewAddress("2025550162") }, delivery.ErrRejected},
		"another field": {func(m *delivery.Message) { m.To = delivery.NewAddress(to + "&From=" + from) }, delivery.ErrRejected},
	} {
		m := message(delivery.SMS)
		tt.m(&m)
		if _, err := f.sender(t).Send(t.Context(), m); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if f.count != 0 {
		t.Errorf("%d requests went out", f.count)
	}
}

// The account's own mistakes, as Twilio answers them.
func TestMisconfigured(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"wrong secret":     func(c *Config) { c.Secret = delivery.NewSecret("x") },
		"wrong key":        func(c *Config) { c.KeyID = "SK" + account[2:30] + "0000" },
		"wrong account":    func(c *Config) { c.AccountSID = "AC" + strings.Repeat("0", 32) },
		"wrong path":       func(c *Config) { c.BaseURL += "/elsewhere/" },
		"another's number": func(c *Config) { c.SMS.From = "+15005550007" },
		"no such service":  func(c *Config) { c.SMS.Service = "MG" + strings.Repeat("0", 32) },
		"no such template": func(c *Config) { c.SMS.Templates = map[string]string{"": "HX" + strings.Repeat("0", 32)} },
		"bad callback":     func(c *Config) { c.CallbackURL = "https://exa_mple.com/" },
	} {
		f := newTwilio(t)
		cfg := f.config()
		change(&cfg)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := s.Send(t.Context(), message(delivery.SMS)); !errors.Is(err, delivery.ErrConfiguration) || len(f.forms) != 0 {
			t.Errorf("%s: %v, %d sent", name, err, len(f.forms))
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const sid = "SM00112233445566778899aabbccddeeff"
	html := "<html><body>502 Bad Gateway</body></html>"
	for name, tt := range map[string]struct {
		status int
		body   string
		want   delivery.Kind // "" is success
		reason string
	}{
		"queued":                        {201, `{"sid": "` + sid + `", "status": "queued", "error_code": null, "error_message": null}`, "", ""},
		"accepted, as MMS":              {201, `{"sid": "MM` + sid[2:] + `", "status": "accepted"}`, "", ""},
		"failed at once":                {201, `{"sid": "` + sid + `", "status": "failed", "error_code": 63003, "error_message": "no To"}`, delivery.Rejected, "63003: the message failed at once: no To"},
		"undelivered at once":           {201, `{"sid": "` + sid + `", "status": "undelivered", "error_code": null}`, delivery.Temporary, "0: the message undelivered at once: "},
		"no SID":                        {201, `{"status": "queued"}`, delivery.Ambiguous, "HTTP status 201 without a message or an error"},
		"another SID":                   {201, `{"sid": "CA` + sid[2:] + `"}`, delivery.Ambiguous, "HTTP status 201 without a message or an error"},
		"SID of another kind":           {201, `{"sid": 5}`, delivery.Ambiguous, "HTTP status 201 with a body that is not Twilio's"},
		"SID in an error":               {400, `{"sid": "` + sid + `"}`, delivery.Temporary, "HTTP status 400 without a message or an error"},
		"empty":                         {201, ``, delivery.Ambiguous, "HTTP status 201 with a body that is not Twilio's"},
		"HTML":                          {200, html, delivery.Ambiguous, "HTTP status 200 with a body that is not Twilio's"},
		"null":                          {200, `null`, delivery.Ambiguous, "HTTP status 200 without a message or an error"},
		"array":                         {200, `[1]`, delivery.Ambiguous, "HTTP status 200 with a body that is not Twilio's"},
		"200 with a known error":        {200, problem(429, 20429, "Too Many Requests"), delivery.Throttled, "20429: Too Many Requests"},
		"200 with an unknown error":     {200, problem(400, 99999, "?"), delivery.Ambiguous, "99999: ?"},
		"bad number":                    {400, problem(400, 21211, "Invalid 'To' Phone Number: "+to), delivery.Rejected, "21211: Invalid 'To' Phone Number: +[redacted]"},
		"opted out":                     {400, problem(400, 21610, "Attempt to send to unsubscribed recipient"), delivery.Rejected, "21610: Attempt to send to unsubscribed recipient"},
		"region not enabled":            {400, problem(400, 21408, "no"), delivery.Rejected, "21408: no"},
		"queue full":                    {400, problem(400, 21611, "no"), delivery.Throttled, "21611: no"},
		"unknown code":                  {400, problem(400, 29999, "new"), delivery.Temporary, "29999: new"},
		"400 of somebody else":          {400, html, delivery.Temporary, "HTTP status 400 with a body that is not Twilio's"},
		"credentials":                   {401, problem(401, 20003, "Authenticate"), delivery.Configuration, "20003: Authenticate"},
		"credentials, nothing said":     {401, ``, delivery.Configuration, "HTTP status 401 with a body that is not Twilio's"},
		"forbidden":                     {403, problem(403, 20403, "no"), delivery.Configuration, "20403: no"},
		"unknown code forbidden":        {403, problem(403, 29999, "no"), delivery.Configuration, "29999: no"},
		"throttled":                     {429, problem(429, 20429, "Too Many Requests"), delivery.Throttled, "20429: Too Many Requests"},
		"throttled by a gateway":        {429, html, delivery.Throttled, "HTTP status 429 with a body that is not Twilio's"},
		"internal error":                {500, problem(500, 20500, "Internal Server Error"), delivery.Temporary, "20500: Internal Server Error"},
		"unavailable":                   {503, problem(503, 20503, "Service Unavailable"), delivery.Temporary, "20503: Service Unavailable"},
		"time-out inside":               {504, problem(504, 20504, "Gateway Timeout"), delivery.Ambiguous, "20504: Gateway Timeout"},
		"unknown code, bad gateway":     {502, problem(502, 29999, "?"), delivery.Ambiguous, "29999: ?"},
		"500 of somebody else":          {500, html, delivery.Ambiguous, "HTTP status 500 with a body that is not Twilio's"},
		"503 of somebody else":          {503, html, delivery.Temporary, "HTTP status 503 with a body that is not Twilio's"},
		"bad gateway":                   {502, html, delivery.Ambiguous, "HTTP status 502 with a body that is not Twilio's"},
		"redirect":                      {302, html, delivery.Configuration, "HTTP status 302 with a body that is not Twilio's"},
		"1 MB":                          {201, `{"sid": "` + sid + `", "x": "` + strings.Repeat("x", 1<<20) + `"}`, delivery.Ambiguous, "HTTP status 201 with a body that is not Twilio's"},
		"error that echoes everything":  {400, problem(400, 21617, message(delivery.SMS).Body.Reveal()+" to "+to+" with "+secret), delivery.Configuration, "21617: [redacted] to +[redacted] with [redacted]"},
		"error that echoes in pieces":   {400, problem(400, 21617, "914 207 to (202) 555-0162"), delivery.Configuration, "21617: [redacted] to ([redacted]"},
		"success that is a code's echo": {201, `{"sid": "` + code + `"}`, delivery.Ambiguous, "HTTP status 201 without a message or an error"},
	} {
		f := newTwilio(t)
		f.answer(tt.status, "application/json", tt.body, "Retry-After", "7", "Location", "https://example.com/")
		receipt, err := f.sender(t).Send(t.Context(), message(delivery.SMS))
		if f.count != 1 {
			t.Errorf("%s: %d requests", name, f.count)
		}
		if tt.want == "" {
			if err != nil || !strings.HasSuffix(receipt.ID, sid[2:]) {
				t.Errorf("%s: %+v, %v", name, receipt, err)
			}
			continue
		}
		want := delivery.Error{Kind: tt.want, Provider: "twilio", Reason: tt.reason, RetryAfter: 7 * time.Second}
		if e := (*delivery.Error)(nil); !errors.As(err, &e) || fmt.Sprint(*e) != fmt.Sprint(want) || receipt != (delivery.Receipt{}) {
			t.Errorf("%s: %v %+v\nwant %v", name, err, receipt, &want)
		}
		noSecrets(t, name, fmt.Sprintf("%v %+v %#v", err, err, receipt))
	}
}

// What goes wrong below HTTP.
func TestTransport(t *testing.T) {
	t.Parallel()
	f := newTwilio(t)
	s := f.sender(t)
	f.Close()
	_, err := s.Send(t.Context(), message(delivery.SMS))
	if !errors.Is(err, delivery.ErrTemporary) {
		t.Errorf("nobody there: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer silent.Close()
	cfg := f.config()
	cfg.BaseURL = silent.URL
	s, err = New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Send(ctx, message(delivery.SMS)); !errors.Is(err, delivery.ErrAmbiguous) {
		t.Errorf("no answer: %v", err)
	}
	noSecrets(t, "the error", err.Error())

	tls := httptest.NewTLSServer(f)
	defer tls.Close()
	cfg.BaseURL, cfg.HTTP = tls.URL, tls.Client()
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Send(t.Context(), message(delivery.SMS)); err != nil {
		t.Errorf("over TLS: %v", err)
	}
}
