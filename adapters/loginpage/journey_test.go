package loginpage_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/sessions"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, address := range []string{phone, email} {
		p := newProgram(t)
		b := p.browser()
		b.get("/home?x=1").want(t, http.StatusOK, "/login/", "Sign in")
		a := b.start(address, "/home?x=1").want(t, http.StatusOK, "/login/code", "Enter the code")
		if !a.says(address) {
			t.Error("the page does not say where the code went")
		}
		if _, ok := b.cookies["__Host-session"]; ok {
			t.Error("a session before the code")
		}
		b.enter(a, wrong(p.kit.Code(address))).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left: 4.")
		b.enter(a, p.kit.Code(address)).want(t, http.StatusOK, "/home", "home")
		if _, ok := b.cookies["__Host-signin"]; ok {
			t.Error("the sign-in is not over")
		}
		// Who is signed in is not asked again.
		b.get("/login/?return_to=/home").want(t, http.StatusOK, "/home", "home")
		b.get("/login/").want(t, http.StatusOK, "/login/account", "You are signed in")
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b, other := p.browser(), p.browser()
	b.signIn(email, "/home")
	other.signIn(email, "/home")
	stolen := *b.cookies["__Host-session"]
	b.post("/login/out").want(t, http.StatusOK, "/login/bye", "You are signed out")
	b.cookies[stolen.Name] = &stolen
	if b.signedIn() || !other.signedIn() {
		t.Error("signing out ends this session, and no other")
	}
	b.signIn(email, "/home")
	b.post("/login/out-all").want(t, http.StatusOK, "/login/bye", "You are signed out")
	if b.signedIn() || other.signedIn() {
		t.Error("a session is alive")
	}
	// Once more, without a session.
	b.post("/login/out").want(t, http.StatusOK, "/login/bye", "You are signed out")
}

// MFA: a page wants a phone and an e-mail address.
func TestStepUp(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "/home").want(t, http.StatusOK, "/home", "home")
	before := b.cookies["__Host-session"].Value
	// There is no e-mail address yet.
	b.get("/pay").want(t, http.StatusOK, "/login/factor", "You have not set this up yet.")
	b.get("/login/add?via=email&return_to=/pay").want(t, http.StatusOK, "/login/add", "Add an e-mail address")
	a := b.post("/login/add", "via", "email", "email", email, "return_to", "/pay").want(t, http.StatusOK, "/login/code", "We sent an e-mail to "+email)
	b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/pay", "pay")
	if b.cookies["__Host-session"].Value == before {
		t.Error("the token is the old one")
	}

	// Next time it is there, and one more code does.
	b = p.browser()
	b.signIn(phone, "/pay").want(t, http.StatusOK, "/login/factor", "E-mail to a•••@example.com")
	user := p.user(phone)
	a = b.post("/login/factor?need=email&return_to=/pay", "via", "email", "method", user.Emails[0].ID).want(t, http.StatusOK, "/login/code", "a•••@example.com")
	if a.says(email) {
		t.Error("the address of a session's user is shown whole")
	}
	b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/pay", "pay")
	if n := len(p.user(phone).Emails); n != 1 {
		t.Errorf("%d addresses", n)
	}
}

// A page may want a factor of the last few minutes.
func TestStepUpAgain(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(email, "/soon").want(t, http.StatusOK, "/soon", "soon")
	p.kit.Clock.Advance(6 * time.Minute)
	b.get("/soon").want(t, http.StatusOK, "/login/factor", "E-mail to")
	a := b.post("/login/factor?need=email&return_to=/soon", "via", "email", "method", p.user(email).Emails[0].ID)
	b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/soon", "soon")
}

// SMS and WhatsApp reach one number, and a sign-in goes from one to the other.
func TestOtherChannel(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "/home")
	b.post("/login/resend", "flow", a.flow(), "via", "whatsapp").want(t, http.StatusTooManyRequests, "/login/resend", "You can ask for a new code in 0:30.")
	p.kit.Clock.Advance(30 * time.Second)
	a = b.post("/login/resend", "flow", a.flow(), "via", "whatsapp").want(t, http.StatusOK, "/login/code", "We sent a WhatsApp message to "+phone)
	if !a.says("A new code is on its way.") {
		t.Error("nothing says that there is a new code")
	}
	if m, ok := p.kit.Inbox.Last(phone); !ok || m.Channel != delivery.WhatsApp {
		t.Errorf("sent %+v", m)
	}
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/home", "home")
	session, err := p.sessions.Lookup(t.Context(), sessions.Credential{Token: b.cookies["__Host-session"].Value})
	if err != nil || session.Factors[0].Method != sessions.WhatsApp {
		t.Errorf("%+v, %v", session, err)
	}
}
