package loginpage_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine/accounts"
	otp "github.com/pquerna/otp/totp"
)

const resendAfter = 30 * time.Second

var keyOnPage = regexp.MustCompile(`<bdi class="key" dir="ltr">([A-Z2-7 ]+)</bdi>`)

// appCode is what an authenticator app shows.
func (p *program) appCode(key string) string {
	p.t.Helper()
	code, err := otp.GenerateCode(key, p.kit.Clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// addApp sets up an authenticator app and returns its key and recovery codes.
func (b *browser) addApp() (key string, recovery []string) {
	b.p.t.Helper()
	a := b.post("/login/app/new").want(b.p.t, http.StatusOK, "/login/app/new", "Scan this picture")
	m := keyOnPage.FindStringSubmatch(a.body)
	if m == nil || !strings.Contains(a.body, `src="data:image/png;base64,`) {
		b.p.t.Fatalf("no key or picture:\n%s", a.body)
	}
	if policy := a.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "img-src data:") {
		b.p.t.Errorf("the picture is forbidden: %s", policy)
	}
	key = strings.ReplaceAll(m[1], " ", "")
	a = b.post("/login/app/done", "code", b.p.appCode(key)).want(b.p.t, http.StatusOK, "/login/codes", "Print these codes or write them down")
	return key, regexp.MustCompile(`\b[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}\b`).FindAllString(a.body, -1)
}

func TestApp(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	b.get("/app").want(t, http.StatusOK, "/login/factor", "You have not set this up yet.")
	key, recovery := b.addApp()
	if len(recovery) != 10 {
		t.Errorf("%d recovery codes", len(recovery))
	}
	b.get("/app").want(t, http.StatusOK, "/app", "app")
	b.get("/login/account").want(t, http.StatusOK, "/login/account", "Recovery codes left: 10")
	b.post("/login/app/new").want(t, http.StatusOK, "/login/account", "Authenticator app") // there is one

	// From now on it is asked for at every sign-in.
	p.kit.Clock.Advance(time.Minute)
	b = p.browser()
	b.signIn(phone, "/home").want(t, http.StatusOK, "/login/app", "enter the code it shows")
	for _, path := range []string{"/home", "/pay", "/app", "/login/", "/login/account", "/login/codes", "/login/add"} {
		if a := b.get(path); a.Code != http.StatusOK || !strings.HasPrefix(a.at, "/login/") || strings.HasPrefix(a.at, "/login/account") {
			t.Errorf("%s: %d at %s", path, a.Code, a.at)
		}
	}
	b.post("/login/app", "code", "12345", "return_to", "/home").want(t, http.StatusUnprocessableEntity, "/login/app", "Enter all 6 characters of the code.")
	b.post("/login/app", "code", recovery[0], "return_to", "/home").want(t, http.StatusUnprocessableEntity, "/login/app", "Enter all 6 characters of the code.")
	b.post("/login/app", "code", wrong(p.appCode(key)), "return_to", "/home").want(t, http.StatusUnprocessableEntity, "/login/app", "Tries left: ")
	code := p.appCode(key)
	b.post("/login/app", "code", code, "return_to", "/home").want(t, http.StatusOK, "/home", "home")
	b.post("/login/app", "code", code, "return_to", "/home").want(t, http.StatusUnprocessableEntity, "/login/app", "This code was used before.")
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	_, recovery := b.addApp()
	b = p.browser()
	b.signIn(phone, "/home").want(t, http.StatusOK, "/login/app", "Use a recovery code")
	b.get("/login/recovery?return_to=/home").want(t, http.StatusOK, "/login/recovery", "Each works once.")
	b.post("/login/recovery", "code", "123456").want(t, http.StatusUnprocessableEntity, "/login/recovery", "A recovery code has 12 letters and digits.")
	b.post("/login/recovery", "code", "a1b2-c3d4").want(t, http.StatusUnprocessableEntity, "/login/recovery", "A recovery code has 12 letters and digits.")
	b.post("/login/recovery", "code", "zzzz-zzzz-zzzz").want(t, http.StatusUnprocessableEntity, "/login/recovery", "Tries left: ")
	b.post("/login/recovery", "code", " "+strings.ToUpper(recovery[3])+" ", "return_to", "/home").want(t, http.StatusOK, "/home", "home")
	b.get("/login/account").want(t, http.StatusOK, "/login/account", "Recovery codes left: 9")
	if a := b.get("/login/codes").want(t, http.StatusOK, "/login/codes", recovery[0]); a.says(recovery[3]) {
		t.Error("a recovery code that was used is shown")
	}
	// Who lost the app removes it, and goes on without.
	id := p.user(phone).TOTPs[0].ID
	b.get("/login/remove?id="+id).want(t, http.StatusOK, "/login/remove", "Remove Authenticator app?")
	b.post("/login/remove", "id", id).want(t, http.StatusOK, "/login/account", "Set up an authenticator app")
	p.browser().signIn(phone, "/home").want(t, http.StatusOK, "/home", "home")
}

func TestAppOptional(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.AppOptional = true }})
	b := p.browser()
	b.signIn(phone, "")
	b.addApp()
	b = p.browser()
	b.signIn(phone, "/home").want(t, http.StatusOK, "/home", "home")
	b.get("/login/account").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.get("/app").want(t, http.StatusOK, "/login/app", "enter the code it shows")
	b.get("/login/codes").want(t, http.StatusOK, "/login/app", "enter the code it shows")
}

// Whoever has one factor of somebody gets no second one by adding their own.
func TestManagersShowAllFactors(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	b.enter(b.post("/login/add", "via", "email", "email", email), p.kit.Code(email))
	thief := p.browser()
	thief.signIn(email, "/home").want(t, http.StatusOK, "/home", "home")
	sent := p.kit.Inbox.Len()
	user := p.user(phone)
	for _, a := range []*answer{
		thief.get("/login/add"),
		thief.get("/login/codes"),
		thief.get("/login/remove?id=" + user.Phones[0].ID),
		thief.post("/login/add", "via", "sms", "country", "US", "phone", "2025550163"),
		thief.post("/login/app/new"),
		thief.post("/login/remove", "id", user.Phones[0].ID),
	} {
		a.want(t, http.StatusOK, "/login/factor", "Text message to +•••62")
	}
	if now := p.user(phone); len(now.Phones) != 1 || len(now.TOTPs) != 0 || p.kit.Inbox.Len() != sent {
		t.Errorf("the user is %+v, %d messages", now, p.kit.Inbox.Len()-sent)
	}
	// The owner may, as long as both factors are fresh.
	b.get("/login/add").want(t, http.StatusOK, "/login/add", "Add a phone number")
	p.kit.Clock.Advance(16 * time.Minute)
	b.get("/login/add").want(t, http.StatusOK, "/login/factor", "Text message to +•••62")
}

func TestRemove(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	id := p.user(phone).Phones[0].ID
	const last = "This is your only way to sign in."
	b.get("/login/remove?id="+id).want(t, http.StatusConflict, "/login/remove", last)
	b.post("/login/remove", "id", id).want(t, http.StatusConflict, "/login/remove", last)
	b.enter(b.post("/login/add", "via", "email", "email", email), p.kit.Code(email))
	b.get("/login/remove?id="+id).want(t, http.StatusOK, "/login/remove", "Remove +•••62?")
	b.post("/login/remove", "id", id).want(t, http.StatusOK, "/login/account", "a•••@example.com")
	if n := len(p.user(email).Phones); n != 0 {
		t.Errorf("%d phones", n)
	}
	// What is somebody else's, or nobody's, is not touched.
	p.browser().signIn(phone, "")
	for _, id := range []string{p.user(phone).Phones[0].ID, p.user(phone).ID, "", "x", "\n", strings.Repeat("x", 2000)} {
		b.post("/login/remove", "id", id).want(t, http.StatusOK, "/login/account", "You are signed in")
	}
	p.user(phone)
}

// Addresses that were imported are confirmed from the account page.
func TestConfirm(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	user, err := p.accounts.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email})
	if err != nil {
		t.Fatal(err)
	}
	b := p.browser()
	b.signIn(phone, "").want(t, http.StatusOK, "/login/account", "Not confirmed")
	a := b.post("/login/factor", "via", "email", "method", user.Emails[0].ID).want(t, http.StatusOK, "/login/code", "a•••@example.com")
	if got := b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "a•••@example.com"); got.says("Not confirmed") {
		t.Error("not confirmed")
	}
	// To confirm an address is to change a factor.
	if user, err = p.accounts.Update(t.Context(), user.ID, accounts.Change{Email: "more@example.com"}); err != nil {
		t.Fatal(err)
	}
	sent := p.kit.Inbox.Len()
	thief := p.browser()
	thief.signIn(email, "")
	thief.post("/login/factor", "via", "email", "method", user.Emails[1].ID).want(t, http.StatusOK, "/login/factor", "Text message to +•••62")
	if p.kit.Inbox.Len() != sent+1 {
		t.Error("a code was sent to an address that is not confirmed")
	}
	// Codes go to one's own addresses only.
	other := p.browser()
	other.signIn("+12025550163", "")
	for _, method := range []string{user.Emails[0].ID, user.ID, "", "x"} {
		other.post("/login/factor", "via", "email", "method", method).want(t, http.StatusBadRequest, "/login/factor", "This form could not be read.")
		other.post("/login/factor", "via", "sms", "method", method).want(t, http.StatusBadRequest, "/login/factor", "This form could not be read.")
	}
}

// An app that was not set up in time is not asked for.
func TestAppThatWaits(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	b.post("/login/app/new").want(t, http.StatusOK, "/login/app/new", "Scan this picture")
	b.post("/login/app/done", "code", "000000").want(t, http.StatusUnprocessableEntity, "/login/app/done", "Show a new picture")
	b.get("/home").want(t, http.StatusOK, "/home", "home")
	b.get("/login/codes").want(t, http.StatusOK, "/login/account", "Set up an authenticator app")
	// An address can be added all the same.
	b.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	p.browser().get("/login/app").want(t, http.StatusOK, "/login/", "Sign in")
}

// A program without apps offers none.
func TestNoApps(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{noApps: true, engine: withoutWhatsApp})
	b := p.browser()
	a := b.signIn(phone, "").want(t, http.StatusOK, "/login/account", "Add an e-mail address")
	if a.says("authenticator") {
		t.Error("an app is offered")
	}
	b.post("/login/app/new").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.get("/login/codes").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.post("/login/app", "code", "123456").want(t, http.StatusUnprocessableEntity, "/login/app", "You have not set this up yet.")
}
