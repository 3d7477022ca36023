package loginpage_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const (
	host  = "https://app.example"
	phone = "+12025550162"
	email = "ada@example.com"
)

// A program is one with sign-in: /home wants a session, /pay a phone and an
// e-mail address, /soon an e-mail address of the last five minutes.
type program struct {
	t        testing.TB
	kit      *enginetest.Kit
	accounts *accounts.Accounts
	sessions *sessions.Sessions
	users    store.Directory
	pages    *loginpage.Pages
	handler  http.Handler
}

// A setting changes what a program is made of.
type setting struct {
	options func(*loginpage.Options)
	engine  func(*engine.Config)
	store   func(store.Store) store.Store // for sessions and apps
	users   func(store.Directory) store.Directory
	noApps  bool
}

func newProgram(t testing.TB, settings ...setting) *program {
	t.Helper()
	var set setting
	if len(settings) > 0 {
		set = settings[0]
	}
	p := &program{t: t, users: memstore.NewDirectory()}
	if set.users != nil {
		p.users = set.users(p.users)
	}
	var records store.Store
	p.kit = enginetest.New(t, func(cfg *engine.Config) {
		if set.engine != nil {
			set.engine(cfg)
		}
		records = cfg.Store
	})
	if set.store != nil {
		records = set.store(records)
	}
	now := p.kit.Clock.Now
	var err error
	if p.sessions, err = sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys(), Now: now}); err != nil {
		t.Fatal(err)
	}
	cfg := accounts.Config{Engine: p.kit.Engine, Directory: p.users, Sessions: p.sessions, Now: now}
	if !set.noApps {
		if cfg.Apps, err = totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example", Now: now}); err != nil {
			t.Fatal(err)
		}
	}
	if p.accounts, err = accounts.New(cfg); err != nil {
		t.Fatal(err)
	}
	options := loginpage.Options{App: "Example", Now: now}
	if set.options != nil {
		set.options(&options)
	}
	if p.pages, err = loginpage.New(p.accounts, p.sessions, options); err != nil {
		t.Fatal(err)
	}
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := loginpage.SessionOf(r.Context()); !ok {
				t.Error("no session in the context")
			}
			w.Write([]byte(text))
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", p.pages)
	mux.Handle("/home", p.pages.RequireSession(says("home")))
	mux.Handle("/pay", p.pages.RequireFactors(sessions.SMS, sessions.Email)(says("pay")))
	mux.Handle("/app", p.pages.RequireFactors(sessions.Authenticator)(says("app")))
	mux.Handle("/soon", p.pages.Require(sessions.Require(sessions.Email).Within(5*time.Minute))(says("soon")))
	p.handler = mux
	return p
}

// A browser keeps cookies and sends forms as browsers do.
type browser struct {
	p       *program
	cookies map[string]*http.Cookie
	header  http.Header
	host    string
	at      string // the page that it is on
}

func (p *program) browser() *browser {
	return &browser{p: p, cookies: make(map[string]*http.Cookie), header: make(http.Header), host: host}
}

// An answer is a page, after all redirects.
type answer struct {
	*httptest.ResponseRecorder
	body string
	at   string // its path
}

// send sends one request and keeps the cookies of the answer.
func (b *browser) send(method, path, contentType, body string) *httptest.ResponseRecorder {
	b.p.t.Helper()
	r := httptest.NewRequest(method, b.host+path, strings.NewReader(body))
	r.Header.Set("Accept", "text/html,*/*;q=0.1")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", b.host)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.p.handler.ServeHTTP(w, r)
	if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
		b.p.t.Errorf("%s %s: %d", method, path, w.Code)
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return w
}

// follow follows redirects, and fails the test at one that leads elsewhere.
func (b *browser) follow(w *httptest.ResponseRecorder, path string) *answer {
	b.p.t.Helper()
	for range 10 {
		onward := onwardLink.FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusSeeOther && onward == nil {
			b.at = path
			return &answer{w, w.Body.String(), path}
		}
		if path = w.Header().Get("Location"); onward != nil {
			path = html.UnescapeString(onward[1])
		}
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			b.p.t.Fatalf("redirect to %q", path)
		}
		w = b.send(http.MethodGet, path, "", "")
	}
	b.p.t.Fatal("redirects without end")
	return nil
}

var onwardLink = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)

func (b *browser) get(path string) *answer {
	b.p.t.Helper()
	return b.follow(b.send(http.MethodGet, path, "", ""), path)
}

const formType = "application/x-www-form-urlencoded"

// post sends a form of the given fields, in pairs.
func (b *browser) post(path string, fields ...string) *answer {
	b.p.t.Helper()
	values := make(url.Values)
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.follow(b.send(http.MethodPost, path, formType, values.Encode()), path)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="flow" value="([^"]+)">`)

// flow returns what the forms of a page say of the sign-in they are of.
func (a *answer) flow() string {
	if m := hiddenField.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

// says reports whether a page has a sentence.
func (a *answer) says(text string) bool {
	return strings.Contains(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, "")), text)
}

// want fails the test unless the answer is what was expected.
func (a *answer) want(t testing.TB, status int, path, text string) *answer {
	t.Helper()
	at, _, _ := strings.Cut(a.at, "?")
	if a.Code != status || at != path || !a.says(text) {
		t.Fatalf("%d at %s, want %d at %s saying %q:\n%s", a.Code, a.at, status, path, text, a.body)
	}
	return a
}

// enter types a code into the page of an answer.
func (b *browser) enter(a *answer, code string) *answer {
	b.p.t.Helper()
	return b.post("/login/code", "flow", a.flow(), "code", code)
}

// signIn signs in by an address, and ends where path leads.
func (b *browser) signIn(address, path string) *answer {
	b.p.t.Helper()
	a := b.start(address, path)
	if a.at != "/login/code" {
		b.p.t.Fatalf("%d at %s: %s", a.Code, a.at, a.body)
	}
	return b.enter(a, b.p.kit.Code(address))
}

// start asks for a code on the first page.
func (b *browser) start(address, path string) *answer {
	b.p.t.Helper()
	if strings.Contains(address, "@") {
		return b.post("/login/", "via", "email", "email", address, "return_to", path)
	}
	return b.post("/login/", "via", "sms", "country", "US", "phone", address, "return_to", path)
}

// signedIn reports whether the browser has a session.
func (b *browser) signedIn() bool {
	b.p.t.Helper()
	return b.get("/home").body == "home"
}

// wrong returns a code that is not this one.
func wrong(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }

// withoutWhatsApp takes a channel from the engine.
func withoutWhatsApp(cfg *engine.Config) { delete(cfg.Channels, delivery.WhatsApp) }

// user returns the user who has an address.
func (p *program) user(address string) store.User {
	p.t.Helper()
	by := store.ByPhone
	if strings.Contains(address, "@") {
		by = store.ByEmail
	}
	user, err := p.users.Lookup(p.t.Context(), by, address)
	if err != nil {
		p.t.Fatal(err)
	}
	return user
}
