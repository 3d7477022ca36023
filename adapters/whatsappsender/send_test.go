package whatsappsender

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
)

func TestConformance(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, delivery.WhatsApp, func(t *testing.T) deliverytest.Fixture {
		f := newMeta(t)
		return deliverytest.Fixture{Sender: f.sender(t), Sent: f.sent, Break: func() {
			f.refuse = func(w http.ResponseWriter, body string) {
				w.WriteHeader(400)
				io.WriteString(w, problem(131026, "Message undeliverable", body))
			}
		}}
	})
}

// What goes out, to the letter.
func TestRequest(t *testing.T) {
	t.Parallel()
	want := func(name, language, opaque string) string {
		return `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+12025550162","type":"template","template":{"name":"` + name +
			`","language":{"code":"` + language + `"},"components":[{"type":"body","parameters":[{"type":"text","text":"914207"}]},` +
			`{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"914207"}]}]}` + opaque + `}`
	}
	const opaque = `,"biz_opaque_callback_data":"Zm9vYmFyLWJheg_1"`
	for name, tt := range map[string]struct {
		change func(*delivery.Message)
		want   string
	}{
		"default":         {func(*delivery.Message) {}, want("login", "en_US", opaque)},
		"of its locale":   {func(m *delivery.Message) { m.Locale = "fr" }, want("login", "fr", opaque)},
		"of another name": {func(m *delivery.Message) { m.Locale = "pt-br" }, want("other", "pt_BR", opaque)},
		"not approved":    {func(m *delivery.Message) { m.Locale = "ja" }, want("login", "en_US", opaque)},
		"unknown locale":  {func(m *delivery.Message) { m.Locale = "xx" }, want("login", "en_US", opaque)},
		"no locale":       {func(m *delivery.Message) { m.Locale = "" }, want("login", "en_US", opaque)},
		"an id that none": {func(m *delivery.Message) { m.ID = "a b" }, want("login", "en_US", "")},
	} {
		f := newMeta(t)
		m := message()
		tt.change(&m)
		receipt, err := f.sender(t).Send(t.Context(), m)
		if want := (delivery.Receipt{Provider: "whatsapp", ID: ID(wamid(to, 1))}); err != nil || receipt != want {
			t.Errorf("%s: Send = %+v, %v, want %+v", name, receipt, err, want)
			continue
		}
		if f.bodies[0] != tt.want {
			t.Errorf("%s: the body is %s\nwant %s", name, f.bodies[0], tt.want)
		}
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	// The example of Meta's reference; printf %s wamid... | sha256sum
	if got := ID("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA="); got != "cd3f8a33a571b9a79443e5ecf0305c85" {
		t.Errorf("ID = %s", got)
	}
}

// What is refused before anything goes out.
func TestNothingSent(t *testing.T) {
	t.Parallel()
	f := newMeta(t)
	for name, tt := range map[string]struct {
		change func(*delivery.Message)
		want   error
	}{
		"sms":       {func(m *delivery.Message) { m.Channel = delivery.SMS }, delivery.ErrConfiguration},
		"no number": {func(m *delivery.Message) { m.To = delivery.Address{} }, delivery.ErrRejected},
		"not E.164": {func(m *delivery.Message) { m.To = delivery.NewAddress("2025550162") }, delivery.ErrRejected},
		"no code":   {func(m *delivery.Message) { m.Code = delivery.Secret{} }, delivery.ErrConfiguration},
		"long code": {func(m *delivery.Message) { m.Code = delivery.NewSecret("1234567890123456") }, delivery.ErrConfiguration},
	} {
		m := message()
		tt.change(&m)
		if _, err := f.sender(t).Send(t.Context(), m); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if f.count != 0 {
		t.Errorf("%d requests went out", f.count)
	}
}

// The account's own mistakes, as Meta answers them.
func TestMisconfigured(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"wrong token":      func(c *Config) { c.Token, c.AppSecret = delivery.NewSecret("EAAwrong"), delivery.Secret{} },
		"wrong number":     func(c *Config) { c.PhoneNumberID = "1" },
		"wrong version":    func(c *Config) { c.Version = "v1.0" },
		"wrong path":       func(c *Config) { c.BaseURL += "/elsewhere" },
		"no such template": func(c *Config) { c.Templates[""] = Template{Name: "logon"} },
		"no such language": func(c *Config) { c.Templates[""] = Template{Name: "login", Language: "en"} },
	} {
		f := newMeta(t)
		cfg := f.config()
		change(&cfg)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		_, err = s.Send(t.Context(), message())
		if !errors.Is(err, delivery.ErrConfiguration) || len(f.bodies) != 0 {
			t.Errorf("%s: %v, %d sent", name, err, len(f.bodies))
		}
		if strings.Contains(err.Error(), "EAAwrong") {
			t.Errorf("%s: the token is shown: %v", name, err)
		}
	}
	f := newMeta(t)
	cfg := f.config()
	cfg.AppSecret = delivery.Secret{}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Errorf("without a proof: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	html := "<html><body>502 Bad Gateway</body></html>"
	taken := `{"messaging_product": "whatsapp", "contacts": [], "messages": [{"id": "wamid.x", "message_status": "accepted"}]}`
	for name, tt := range map[string]struct {
		status int
		body   string
		want   delivery.Kind // "" is success
		reason string
	}{
		"taken":                      {200, taken, "", ""},
		"held":                       {200, strings.Replace(taken, "accepted", "held_for_quality_assessment", 1), "", ""},
		"no messages":                {200, `{"messaging_product": "whatsapp", "messages": []}`, delivery.Ambiguous, "HTTP status 200 without a message or an error"},
		"two messages":               {200, `{"messages": [{"id": "a"}, {"id": "b"}]}`, delivery.Ambiguous, "HTTP status 200 without a message or an error"},
		"no id":                      {200, `{"messages": [{}]}`, delivery.Ambiguous, "HTTP status 200 without a message or an error"},
		"message in an error":        {400, taken, delivery.Temporary, "HTTP status 400 without a message or an error"},
		"id of another kind":         {200, `{"messages": [{"id": 5}]}`, delivery.Ambiguous, "HTTP status 200 with a body that is not Meta's"},
		"empty":                      {200, ``, delivery.Ambiguous, "HTTP status 200 with a body that is not Meta's"},
		"null":                       {200, `null`, delivery.Ambiguous, "HTTP status 200 without a message or an error"},
		"HTML":                       {200, html, delivery.Ambiguous, "HTTP status 200 with a body that is not Meta's"},
		"1 MB":                       {200, taken + strings.Repeat(" ", 1<<20), delivery.Ambiguous, "HTTP status 200 with a body that is not Meta's"},
		"200 with a known error":     {200, problem(130429, "Rate limit hit", ""), delivery.Throttled, "130429: (#130429) Rate limit hit"},
		"200 with an unknown error":  {200, problem(199999, "New", ""), delivery.Ambiguous, "199999: (#199999) New"},
		"200 with both":              {200, strings.Replace(taken, "{", `{"error": {"code": 131026, "message": "no"}, `, 1), delivery.Rejected, "131026: no"},
		"error without a code":       {400, `{"error": {"message": "?"}}`, delivery.Temporary, "no code: ?"},
		"error that is text":         {400, `{"error": "no"}`, delivery.Temporary, "HTTP status 400 with a body that is not Meta's"},
		"error data that is text":    {400, `{"error": {"message": "?", "code": 131026, "error_data": "x"}}`, delivery.Rejected, "131026: ?"},
		"not on WhatsApp":            {400, problem(131026, "Message undeliverable", "no "+to), delivery.Rejected, "131026: (#131026) Message undeliverable: no +[redacted]"},
		"too many to this user":      {400, problem(131056, "(Business Account, Consumer Account) pair rate limit hit", ""), delivery.Rejected, "131056: (#131056) (Business Account, Consumer Account) pair rate limit hit"},
		"not in the test list":       {400, problem(131030, "Recipient phone number not in allowed list", ""), delivery.Rejected, "131030: (#131030) Recipient phone number not in allowed list"},
		"country":                    {403, problem(130497, "Restricted", ""), delivery.Rejected, "130497: (#130497) Restricted"},
		"app's calls":                {400, oauthProblem(4, 0, "(#4) Application request limit reached"), delivery.Throttled, "4: (#4) Application request limit reached"},
		"account's calls":            {400, oauthProblem(80007, 0, "(#80007) Rate limit issues"), delivery.Throttled, "80007: (#80007) Rate limit issues"},
		"spam":                       {400, problem(131048, "Spam rate limit hit", ""), delivery.Throttled, "131048: (#131048) Spam rate limit hit"},
		"token expired":              {401, oauthProblem(190, 463, "Error validating access token: Session has expired"), delivery.Configuration, "190: Error validating access token: Session has expired"},
		"token repeated":             {401, oauthProblem(190, 0, "Malformed access token "+token), delivery.Configuration, "190: Malformed access token [redacted]"},
		"permission":                 {403, oauthProblem(200, 0, "(#200) Permissions error"), delivery.Configuration, "200: (#200) Permissions error"},
		"another permission":         {400, oauthProblem(299, 0, "(#299)"), delivery.Configuration, "299: (#299)"},
		"account locked":             {403, problem(131031, "Business Account locked", ""), delivery.Configuration, "131031: (#131031) Business Account locked"},
		"template paused":            {400, problem(132015, "Template is Paused", ""), delivery.Configuration, "132015: (#132015) Template is Paused"},
		"no template":                {404, problem(132001, "Template name does not exist in the translation", "template name (x) does not exist in fr"), delivery.Configuration, "132001: (#132001) Template name does not exist in the translation: template name (x) does not exist in fr"},
		"no such phone number id":    {400, oauthProblem(100, 33, "Unsupported post request."), delivery.Configuration, "100: Unsupported post request."},
		"parameter":                  {400, oauthProblem(100, 2494010, "(#100) Invalid parameter"), delivery.Temporary, "100: (#100) Invalid parameter"},
		"unknown":                    {400, problem(1, "API Unknown", ""), delivery.Temporary, "1: (#1) API Unknown"},
		"downtime":                   {503, oauthProblem(2, 0, "Service temporarily unavailable"), delivery.Temporary, "2: Service temporarily unavailable"},
		"something went wrong":       {500, problem(131000, "Something went wrong", ""), delivery.Temporary, "131000: (#131000) Something went wrong"},
		"unavailable":                {500, problem(131016, "Service unavailable", ""), delivery.Temporary, "131016: (#131016) Service unavailable"},
		"error of a gateway's":       {504, problem(131000, "Something went wrong", ""), delivery.Ambiguous, "131000: (#131000) Something went wrong"},
		"throttled":                  {429, html, delivery.Throttled, "HTTP status 429 with a body that is not Meta's"},
		"unauthorized":               {401, ``, delivery.Configuration, "HTTP status 401 with a body that is not Meta's"},
		"500 of somebody else":       {500, html, delivery.Ambiguous, "HTTP status 500 with a body that is not Meta's"},
		"503 of somebody else":       {503, html, delivery.Temporary, "HTTP status 503 with a body that is not Meta's"},
		"bad gateway":                {502, html, delivery.Ambiguous, "HTTP status 502 with a body that is not Meta's"},
		"redirect":                   {307, html, delivery.Configuration, "HTTP status 307 with a body that is not Meta's"},
		"error that echoes the code": {400, problem(131009, "Parameter value is not valid", code+" 914-207"), delivery.Temporary, "131009: (#131009) Parameter value is not valid: [redacted] [redacted]"},
	} {
		f := newMeta(t)
		f.answer(tt.status, tt.body, "Retry-After", "7", "Location", "https://example.com/")
		receipt, err := f.sender(t).Send(t.Context(), message())
		if f.count != 1 {
			t.Errorf("%s: %d requests", name, f.count)
		}
		if tt.want == "" {
			if err != nil || receipt != (delivery.Receipt{Provider: "whatsapp", ID: ID("wamid.x")}) {
				t.Errorf("%s: %+v, %v", name, receipt, err)
			}
			continue
		}
		want := delivery.Error{Kind: tt.want, Provider: "whatsapp", Reason: tt.reason, RetryAfter: 7 * time.Second}
		if e := (*delivery.Error)(nil); !errors.As(err, &e) || fmt.Sprint(*e) != fmt.Sprint(want) || receipt != (delivery.Receipt{}) {
			t.Errorf("%s: %v %+v\nwant %v", name, err, receipt, &want)
		}
		noSecrets(t, name, fmt.Sprintf("%v %+v %#v", err, err, receipt))
	}
}

// What goes wrong below HTTP.
func TestTransport(t *testing.T) {
	t.Parallel()
	f := newMeta(t)
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
	cfg := f.config()
	cfg.BaseURL = silent.URL
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Send(ctx, message()); !errors.Is(err, delivery.ErrAmbiguous) {
		t.Errorf("no answer: %v", err)
	}
	noSecrets(t, "the error", err.Error())
}
