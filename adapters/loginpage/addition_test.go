package loginpage_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// Whoever types somebody's address into the first page, and never confirms it,
// does not keep that somebody from adding it to their account.
func TestAddressThatAFormLeft(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.browser().start(email, "")
	left := p.user(email)
	p.kit.Clock.Advance(30 * 24 * time.Hour)
	b := p.browser()
	b.signIn(phone, "")
	a := b.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	b.enter(a, wrong(p.kit.Code(email))).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left: 4.")
	if user := p.user(email); user.ID != left.ID || user.Emails[0].Verified {
		t.Errorf("by a wrong code it came to %+v", user)
	}
	b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "a•••@example.com")
	if user := p.user(email); user.ID != p.user(phone).ID || !user.Emails[0].Verified {
		t.Errorf("it belongs to %+v", user)
	}
	b.get("/pay").want(t, http.StatusOK, "/pay", "pay")
}

// Hooked users call a function before an update, once.
type hookedUsers struct {
	store.Directory
	before func()
}

func (h *hookedUsers) Update(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
	return h.Directory.Update(ctx, id, change)
}

func withHook() (*hookedUsers, setting) {
	h := new(hookedUsers)
	return h, setting{users: func(d store.Directory) store.Directory { h.Directory = d; return h }}
}

// Two windows remove one address each: the second is told.
func TestRemoveBothAtOnce(t *testing.T) {
	t.Parallel()
	users, set := withHook()
	p := newProgram(t, set)
	b := p.browser()
	b.signIn(phone, "")
	b.enter(b.post("/login/add", "via", "email", "email", email), p.kit.Code(email))
	user := p.user(phone)
	users.before = func() {
		if _, err := p.accounts.RemoveMethod(t.Context(), user.Phones[0].ID); err != nil {
			t.Error(err)
		}
	}
	b.post("/login/remove", "id", user.Emails[0].ID).want(t, http.StatusConflict, "/login/remove", "This is your only way to sign in.")
	if now := p.user(email); len(now.Emails) != 1 || len(now.Phones) != 0 {
		t.Errorf("%+v", now)
	}
}

// An address that was being added is let go for another one, unless it was
// verified in another window at this moment.
func TestAddWhileVerified(t *testing.T) {
	t.Parallel()
	users, set := withHook()
	p := newProgram(t, set)
	b := p.browser()
	b.signIn(phone, "")
	b.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	user, code := p.user(phone), p.kit.Code(email)
	users.before = func() {
		if _, err := p.accounts.Authenticate(t.Context(), accounts.AuthRequest{MethodID: user.Emails[0].ID, Code: code}); err != nil {
			t.Error(err)
		}
	}
	b.post("/login/add", "via", "email", "email", "zoe@example.com").want(t, http.StatusOK, "/login/code", "zoe@example.com")
	if now := p.user(phone); len(now.Emails) != 2 || !now.Emails[0].Verified {
		t.Errorf("%+v", now)
	}
}

// However often another code is asked for, the factors were shown not long ago
// when an address is added.
func TestAdditionEnds(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	p.kit.Clock.Advance(14 * time.Minute)
	a := b.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	p.kit.Clock.Advance(14 * time.Minute)
	a = b.post("/login/resend", "flow", a.flow(), "via", "email").want(t, http.StatusOK, "/login/code", email)
	p.kit.Clock.Advance(time.Minute)
	sent := p.kit.Inbox.Len()
	b.post("/login/resend", "flow", a.flow(), "via", "email").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "You are signed in")
	if user := p.user(phone); len(user.Emails) > 0 && user.Emails[0].Verified || p.kit.Inbox.Len() != sent {
		t.Errorf("%+v", user)
	}
}

// refuser refuses all messages.
type refuser struct{ delivery.Sender }

func (refuser) Send(context.Context, delivery.Message) (delivery.Receipt, error) {
	return delivery.Receipt{}, &delivery.Error{Kind: delivery.Rejected, Reason: "not on WhatsApp"}
}

// The page names the channel that carried the code, and says why it is another.
func TestFellBack(t *testing.T) {
	t.Parallel()
	p := newProgram(t, setting{engine: func(cfg *engine.Config) {
		whatsapp := cfg.Channels[delivery.WhatsApp]
		whatsapp.Sender, whatsapp.Fallback = refuser{whatsapp.Sender}, delivery.SMS
		cfg.Channels[delivery.WhatsApp] = whatsapp
	}})
	const why = "This way does not reach your number: WhatsApp. We used another one."
	b := p.browser()
	carried := func(a *answer) {
		t.Helper()
		a.want(t, http.StatusOK, "/login/code", "We sent a text message to "+phone+".").want(t, http.StatusOK, "/login/code", why)
		if !strings.Contains(a.body, " data-otp") || !strings.Contains(a.body, `<button name="via" value="sms"`) || !a.says("Send it by WhatsApp instead") || a.says("Send a text message instead") {
			t.Errorf("%s", a.body)
		}
	}
	a := b.post("/login/", "via", "whatsapp", "country", "US", "phone", phone)
	carried(a)
	carried(b.get("/login/code"))
	p.kit.Clock.Advance(resendAfter)
	a = b.post("/login/resend", "flow", a.flow(), "via", "whatsapp")
	carried(a)
	p.kit.Clock.Advance(resendAfter)
	a = b.post("/login/resend", "flow", a.flow(), "via", "sms").want(t, http.StatusOK, "/login/code", "A new code is on its way.")
	if a.says(why) {
		t.Error("a text message is said to have fallen back")
	}
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/login/account", "+•••62")
}

// An app that waited too long for its first code: there is no code to ask for.
func TestAppTooLate(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	a := b.post("/login/app/new").want(t, http.StatusOK, "/login/app/new", "Scan this picture")
	key := strings.ReplaceAll(keyOnPage.FindStringSubmatch(a.body)[1], " ", "")
	p.kit.Clock.Advance(16 * time.Minute)
	a = b.post("/login/app/done", "code", p.appCode(key)).want(t, http.StatusUnprocessableEntity, "/login/app/done", "You have not set this up yet.")
	if strings.Contains(a.body, `name="code"`) || !a.says("Show a new picture") {
		t.Errorf("%s", a.body)
	}
}

// Addresses may be there from when more channels were offered. Who has others
// too goes on with those, and who has none is told.
func TestChannelsNotOffered(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	b.enter(b.post("/login/add", "via", "email", "email", email), p.kit.Code(email))
	less, err := loginpage.New(p.accounts, p.sessions, loginpage.Options{Now: p.kit.Clock.Now, Channels: []delivery.Channel{delivery.SMS}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", less)
	mux.Handle("/pay", less.RequireFactors(sessions.Email)(http.NotFoundHandler()))
	p.handler = mux
	b = p.browser()
	b.signIn(phone, "")
	b.get("/login/add").want(t, http.StatusOK, "/login/add", "Add a phone number")
	const text = "This needs a way to sign in that is not offered here."
	b.get("/pay").want(t, http.StatusOK, "/login/factor", text)
	user := p.user(phone)
	b.get("/login/remove?id="+user.Phones[0].ID).want(t, http.StatusConflict, "/login/remove", "This is your only way to sign in.")
	if _, err := p.accounts.DeleteMethod(t.Context(), user.Phones[0].ID); err != nil {
		t.Fatal(err)
	}
	granted, err := p.sessions.Grant(t.Context(), sessions.Grant{UserID: user.ID, Duration: time.Hour, Factor: sessions.Factor{Method: sessions.Email, ID: user.Emails[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	b.cookies["__Host-session"].Value = granted.Token.Reveal()
	b.get("/login/add").want(t, http.StatusForbidden, "/login/add", text)
	b.post("/login/add", "via", "sms", "country", "US", "phone", "2025550163").want(t, http.StatusForbidden, "/login/add", text)
	b.get("/login/account").want(t, http.StatusOK, "/login/account", "You are signed in")
}

// After a form that ends a sign-in the browser goes on by a page, which may lead
// anywhere; after a link, by a redirect.
func TestOnward(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	const back = "/home?a=b&c='d'%27;url=//evil.example"
	b := p.browser()
	a := b.start(phone, back)
	w := b.send(http.MethodPost, "/login/code", formType, url.Values{"flow": {a.flow()}, "code": {p.kit.Code(phone)}}.Encode())
	m := onwardLink.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil || w.Header().Get("Location") != "" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self'") {
		t.Fatalf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	link := regexp.MustCompile(`<a href="([^"]*)">Continue</a>`).FindStringSubmatch(w.Body.String())
	if link == nil {
		t.Fatalf("no link in\n%s", w.Body)
	}
	for _, got := range []string{m[1], link[1]} {
		if got = html.UnescapeString(got); strings.ReplaceAll(got, "'", "%27") != strings.ReplaceAll(back, "'", "%27") {
			t.Errorf("it goes on to %s", got)
		}
	}
	if w := b.send(http.MethodGet, "/login/?return_to=%2Fhome", "", ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/home" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
