package loginpage_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
)

// seen is all that somebody at the other end sees of an answer, without what is
// random in any case: of a cookie's value the length is left, and so is that of
// the name of a form.
func seen(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	var names []string
	for name := range w.Header() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "Set-Cookie" {
			fmt.Fprintln(&b, name, w.Header()[name])
		}
	}
	for _, c := range w.Result().Cookies() {
		c.Value = fmt.Sprint(len(c.Value))
		fmt.Fprintln(&b, c)
	}
	fmt.Fprintln(&b, hiddenField.ReplaceAllString(w.Body.String(), "flow"))
	return b.String()
}

// Nobody finds out by the pages who has a user: byte for byte.
func TestSameForKnownAndUnknown(t *testing.T) {
	t.Parallel()
	known := newProgram(t)
	if _, err := known.accounts.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email}); err != nil {
		t.Fatal(err)
	}
	verified := newProgram(t)
	verified.browser().signIn(phone, "")
	verified.kit.Clock.Set(known.kit.Clock.Now())
	unknown := newProgram(t)
	var stories []string
	for _, p := range []*program{unknown, known, verified} {
		b := p.browser()
		var story []string
		post := func(path string, fields url.Values) *httptest.ResponseRecorder {
			w := b.send(http.MethodPost, path, formType, fields.Encode())
			story = append(story, seen(w))
			return w
		}
		post("/login/", url.Values{"via": {"sms"}, "country": {"US"}, "phone": {"202 555 0162"}})
		a := b.get("/login/code")
		story = append(story, seen(a.ResponseRecorder))
		code := p.kit.Code(phone)
		for _, guess := range []string{"nonsense", wrong(code), wrong(code), wrong(code), wrong(code), wrong(code), code} {
			post("/login/code", url.Values{"flow": {a.flow()}, "code": {guess}})
		}
		post("/login/resend", url.Values{"flow": {a.flow()}, "via": {"sms"}})
		for range 5 {
			post("/login/", url.Values{"via": {"sms"}, "country": {"US"}, "phone": {"202 555 0162"}})
		}
		stories = append(stories, strings.Join(story, "\n"))
	}
	// Who signed in before has used up one send more.
	cut := func(s string) string { return s[:strings.LastIndex(s, "\n303\n")] }
	if stories[1] != stories[0] {
		t.Errorf("known:\n%s\nunknown:\n%s", stories[1], stories[0])
	}
	if !strings.HasPrefix(stories[2], cut(stories[0])) {
		t.Errorf("verified:\n%s\nunknown:\n%s", stories[2], stories[0])
	}
	if !strings.Contains(stories[0], "Tries left: 1.") || !strings.Contains(stories[0], "no tries left") {
		t.Error("the story is not told")
	}
}

// Nor by adding an address: whether somebody has it is told to who gets the code.
func TestAddressOfAnother(t *testing.T) {
	t.Parallel()
	const free, left, taken = "zoe@example.com", "eve@example.com", "bob@example.com"
	p := newProgram(t)
	p.browser().signIn(taken, "")
	p.browser().start(left, "")
	p.kit.Clock.Advance(24 * time.Hour)
	owner := p.user(taken)
	var stories []string
	for i, address := range []string{free, left, taken} {
		b := p.browser()
		b.signIn([]string{phone, "+12025550164", "+12025550163"}[i], "")
		var story []string
		note := func(w *httptest.ResponseRecorder) {
			story = append(story, strings.ReplaceAll(seen(w), address[:3], "somebody"))
		}
		note(b.send(http.MethodPost, "/login/add", formType, url.Values{"via": {"email"}, "email": {address}}.Encode()))
		a := b.get("/login/code")
		note(a.ResponseRecorder)
		code := p.kit.Code(address)
		for _, guess := range []string{"nonsense", wrong(code), wrong(code)} {
			note(b.send(http.MethodPost, "/login/code", formType, url.Values{"flow": {a.flow()}, "code": {guess}}.Encode()))
		}
		note(b.send(http.MethodPost, "/login/resend", formType, url.Values{"flow": {a.flow()}, "via": {"email"}}.Encode()))
		stories = append(stories, strings.Join(story, "\n"))

		before := b.cookies["__Host-session"].Value
		got := b.enter(a, code)
		if address != taken {
			got.want(t, http.StatusOK, "/login/account", address[:1]+"•••@example.com")
			continue
		}
		got.want(t, http.StatusConflict, "/login/code", "This address belongs to another account.")
		if b.cookies["__Host-session"].Value != before {
			t.Error("the session has something new")
		}
		b.get("/login/account").want(t, http.StatusOK, "/login/account", "You are signed in")
		if n := len(p.user("+12025550163").Emails); n != 0 {
			t.Errorf("%d addresses were added", n)
		}
	}
	if stories[0] != stories[1] || stories[0] != stories[2] {
		t.Errorf("free:\n%s\nleft by a form:\n%s\ntaken:\n%s", stories[0], stories[1], stories[2])
	}
	if now := p.user(taken); now.ID != owner.ID || len(now.Emails) != 1 {
		t.Errorf("the owner is %+v", now)
	}
}

// A resend of an address that is being added goes on adding it.
func TestResendOfAnAddition(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(email, "")
	a := b.post("/login/add", "via", "sms", "country", "US", "phone", phone).want(t, http.StatusOK, "/login/code", phone)
	p.kit.Clock.Advance(resendAfter)
	a = b.post("/login/resend", "flow", a.flow(), "via", "whatsapp").want(t, http.StatusOK, "/login/code", phone)
	if m, ok := p.kit.Inbox.Last(phone); !ok || m.Channel != delivery.WhatsApp {
		t.Errorf("%+v", m)
	}
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/login/account", "+•••62")
}

// Who mistyped an address adds another one at once.
func TestAddAgain(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(email, "")
	b.post("/login/add", "via", "sms", "country", "US", "phone", "2025550163").want(t, http.StatusOK, "/login/code", "+12025550163")
	a := b.post("/login/add", "via", "sms", "country", "US", "phone", phone).want(t, http.StatusOK, "/login/code", phone)
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/login/account", "+•••62")
	if phones := p.user(email).Phones; len(phones) != 1 || phones[0].Address != phone {
		t.Errorf("%+v", phones)
	}
	// One's own address, once more, is no error.
	a = b.post("/login/add", "via", "sms", "country", "US", "phone", phone).want(t, http.StatusOK, "/login/code", phone)
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/login/account", "+•••62")
}

// An address that somebody is adding at this moment is nobody's yet.
func TestAddressBeingAdded(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	ada, bob := p.browser(), p.browser()
	ada.signIn(phone, "")
	bob.signIn("+12025550163", "")
	ada.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	bob.post("/login/add", "via", "email", "email", email).want(t, http.StatusConflict, "/login/add", "This address cannot be added now.")
	p.kit.Clock.Advance(5 * time.Minute)
	a := bob.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	bob.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "a•••@example.com")
}
