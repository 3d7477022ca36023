package loginpage_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
)

func TestBadOptions(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{engine: withoutWhatsApp})
	page := func(name, text string) loginpage.Options {
		return loginpage.Options{Templates: fstest.MapFS{name: {Data: []byte(text)}}}
	}
	refuseAll := policy.Default()
	refuseAll.Countries["sms"] = policy.Rule{Allow: []policy.Region{"AQ"}} // nobody has a number there
	for what, c := range map[string]struct {
		options loginpage.Options
		says    string
	}{
		"a long name":            {loginpage.Options{App: strings.Repeat("a", 65)}, "App"},
		"an unprintable name":    {loginpage.Options{App: "a\nb"}, "App"},
		"a path without a slash": {loginpage.Options{Path: "/login"}, "Path"},
		"another host":           {loginpage.Options{Path: "//evil.example/"}, "Path"},
		"a path with a query":    {loginpage.Options{Path: "/login/?a=/"}, "Path"},
		"home elsewhere":         {loginpage.Options{Home: "https://evil.example/"}, "Home"},
		"home in a circle":       {loginpage.Options{Home: "/login/"}, "Home"},
		"home in another":        {loginpage.Options{Path: "/in/", Home: "/in/%63ode?a=b#c"}, "Home"},
		"home without a slash":   {loginpage.Options{Home: "/login"}, "Home"},
		"a policy":               {loginpage.Options{Policy: policy.Policy{Tries: 99}}, "Policy"},
		"a channel not there":    {loginpage.Options{Channels: []delivery.Channel{delivery.WhatsApp}}, "Channels"},
		"a channel twice":        {loginpage.Options{Channels: []delivery.Channel{delivery.SMS, delivery.SMS}}, "Channels"},
		"no channel":             {loginpage.Options{Channels: []delivery.Channel{}}, "channel"},
		"no country":             {loginpage.Options{Policy: refuseAll}, "country"},
		"an unknown country":     {loginpage.Options{Country: "UK"}, "Country"},
		"a short session":        {loginpage.Options{Session: time.Second}, "Session"},
		"a long session":         {loginpage.Options{Session: 10000 * time.Hour}, "Session"},
		"hardly fresh":           {loginpage.Options{Fresh: time.Second}, "Fresh"},
		"a long style":           {loginpage.Options{Style: strings.Repeat("a", 17<<10)}, "Style"},
		"short keys":             {loginpage.Options{Keys: engine.Keys{Index: engine.Key{ID: 1, Secret: []byte("short")}}}, "Keys"},
		"everybody is a proxy":   {loginpage.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "TrustedProxies"},
		"nobody is a proxy":      {loginpage.Options{TrustedProxies: []netip.Prefix{{}}}, "TrustedProxies"},
		"an unreadable template": {page("start.html", "{{define"), "template start"},
		"a layout":               {page("layout.html", "{{.Nothing}}"), "template"},
		"an unknown field":       {page("code.html", `{{define "content"}}{{.Nothing}}{{end}}`), "template code"},
		"an unknown text":        {page("account.html", `{{define "content"}}{{.T.Nothing}}{{end}}`), "template account"},
		"no form":                {page("code.html", `{{define "content"}}<form method="post">{{.Flow}}{{end}}`), `name="code"`},
		"no error":               {page("remove.html", `{{define "content"}}<form method="post"><input name="id" value="{{.ID}}"></form>{{end}}`), "Error"},
	} {
		if pages, err := loginpage.New(p.accounts, p.sessions, c.options); err == nil || pages != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, options := range []loginpage.Options{{Home: "/login/account"}, {Home: "/loginother"}, {Path: "/", Home: "/home"}} {
		if _, err := loginpage.New(p.accounts, p.sessions, options); err != nil {
			t.Error(err)
		}
	}
	if _, err := loginpage.New(nil, p.sessions, loginpage.Options{}); err == nil {
		t.Error("no accounts")
	}
	if _, err := loginpage.New(p.accounts, nil, loginpage.Options{}); err == nil {
		t.Error("no sessions")
	}
}

// What the program gives takes the place of ours, in every language.
func TestTemplatesAndStyle(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{options: func(o *loginpage.Options) {
		o.Path = "/in/"
		o.Style = ":root{--passcode-accent:#7a1fa2}"
		o.Templates = fstest.MapFS{"message.html": {Data: []byte(`{{define "content"}}<p>Ours: {{.Intro}} {{.Dir}} {{range .Ways}}<a href="{{.URL}}">{{.Label}}</a>{{end}}</p>{{end}}`)}}
	}})
	p.handler = p.pages
	b := p.browser()
	b.header = map[string][]string{"Accept-Language": {"fa"}}
	b.get("/in/nothing").want(t, 404, "/in/nothing", "Ours: چنین صفحه\u200cای وجود ندارد. rtl")
	a := b.get("/in/")
	for _, want := range []string{`action="/in/"`, `lang="fa" dir="rtl"`, `href="/in/style-`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in\n%s", want, a.body)
		}
	}
	_, rest, _ := strings.Cut(a.body, `href="/in/style-`)
	hash, _, _ := strings.Cut(rest, `"`)
	sheet := b.get("/in/style-" + hash)
	if !strings.HasSuffix(sheet.body, "--passcode-accent:#7a1fa2}") || sheet.Header().Get("Content-Type") != "text/css; charset=utf-8" ||
		!strings.Contains(sheet.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%v", sheet.Header())
	}
	if w := b.send("POST", "/in/style-"+hash, "", ""); w.Code != 405 {
		t.Errorf("%d", w.Code)
	}
}

// The list of countries is the policy's, by channel; the browser's language
// chooses one of them.
func TestCountries(t *testing.T) {
	t.Parallel()
	rules := policy.Default()
	rules.Countries["whatsapp"] = policy.AllowOnly("US", "AF", "GB")
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.Policy = rules }})
	b := p.browser()
	b.header = map[string][]string{"Accept-Language": {"en-GB"}}
	sms, whatsapp := b.get("/login/").body, b.get("/login/?via=whatsapp").body
	if n := strings.Count(whatsapp, "<option"); n != 3 || !strings.Contains(whatsapp, "Afghanistan (+93)") || !strings.Contains(whatsapp, `value="GB" selected`) {
		t.Errorf("%d countries by WhatsApp:\n%s", n, whatsapp)
	}
	if n := strings.Count(sms, "<option"); n < 100 || n > 150 || strings.Contains(sms, "Afghanistan") || !strings.Contains(sms, `value="GB" selected>United Kingdom (+44)`) {
		t.Errorf("%d countries by SMS:\n%s", n, sms)
	}
	b.header = map[string][]string{"Accept-Language": {"fa-AF"}}
	if body := b.get("/login/").body; strings.Contains(body, " selected") || !strings.Contains(body, `<option value="">`) {
		t.Error("a country is chosen that cannot be")
	}
	p = newProgram(t, setting{options: func(o *loginpage.Options) {
		o.Country, o.Channels = "CA", []delivery.Channel{delivery.Email, delivery.SMS}
	}})
	b = p.browser()
	if body := b.get("/login/?via=sms").body; !strings.Contains(body, `value="CA" selected`) {
		t.Errorf("Options.Country is not chosen:\n%s", body)
	}
	if body := b.get("/login/?via=whatsapp").body; !strings.Contains(body, `type="email"`) || strings.Contains(body, "WhatsApp") {
		t.Errorf("e-mail is not the first:\n%s", body)
	}
	p = newProgram(t, setting{options: func(o *loginpage.Options) { o.Channels = []delivery.Channel{delivery.Email} }})
	if a := p.browser().get("/login/"); strings.Contains(a.body, "<nav") {
		t.Error("there is a choice of one")
	}
	p.browser().start(phone, "").want(t, 400, "/login/", "This form could not be read.")
}

// Codes of other shapes, with letters or longer.
func TestOtherCodes(t *testing.T) {
	t.Parallel()
	rules := policy.Default()
	rules.Code = policy.Code{Length: 8, Alphabet: policy.Unambiguous}
	p := newProgram(t, setting{
		engine:  func(cfg *engine.Config) { cfg.Policy = rules },
		options: func(o *loginpage.Options) { o.Policy = rules },
	})
	b := p.browser()
	a := b.start(email, "")
	if !strings.Contains(a.body, `inputmode="text" data-length="8"`) {
		t.Errorf("the field is not one for letters:\n%s", a.body)
	}
	b.enter(a, "123456").want(t, 422, "/login/code", "Enter all 8 characters of the code.")
	message, _ := p.kit.Inbox.Last(email)
	b.enter(a, strings.ToLower(message.Body.Reveal())).want(t, 200, "/login/account", "You are signed in")
}
