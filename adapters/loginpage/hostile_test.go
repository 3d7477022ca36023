package loginpage_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A code that somebody was talked into telling is worth nothing without the
// cookie of the browser that asked for it.
func TestRelayedCode(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	victim := p.browser()
	a := victim.start(phone, "/home")
	code := p.kit.Code(phone)

	thief := p.browser()
	thief.enter(a, code).want(t, http.StatusBadRequest, "/login/code", "Start again.")
	// Nor with a cookie of a sign-in of their own, to another address or the same.
	own := thief.start(email, "/home")
	thief.enter(own, code).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left")
	thief.enter(a, code).want(t, http.StatusConflict, "/login/code", "Another code was asked for in the meantime.")
	// Nor with one of their own to the same address, of before.
	early := p.browser()
	p.kit.Clock.Advance(time.Second)
	own = early.start(phone, "/home")
	a = victim.start(phone, "/home")
	code = p.kit.Code(phone)
	early.enter(own, code).want(t, http.StatusUnprocessableEntity, "/login/code", "This code no longer works.")
	if thief.signedIn() || early.signedIn() {
		t.Fatal("signed in by a relayed code")
	}
	victim.enter(a, code).want(t, http.StatusOK, "/home", "home")
}

// The code of the newest sign-in counts, whoever began it.
func TestTwoWindows(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	first := b.start(phone, "/home")
	code := p.kit.Code(phone)
	second := b.start(email, "/home")
	const newer = "Another code was asked for in the meantime. Enter the newest one."
	got := b.enter(first, code).want(t, http.StatusConflict, "/login/code", newer)
	if !got.says(email) || got.says(phone) {
		t.Error("the page is not the newest sign-in's")
	}
	b.post("/login/resend", "flow", first.flow(), "via", "sms").want(t, http.StatusConflict, "/login/resend", newer)
	b.post("/login/code", "code", code).want(t, http.StatusConflict, "/login/code", newer)
	b.enter(second, wrong(p.kit.Code(email))).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left: 4.")
	b.enter(second, p.kit.Code(email)).want(t, http.StatusOK, "/home", "home")
	if user := p.user(phone); user.Lock.Failures != 0 || user.Phones[0].Verified {
		t.Errorf("%+v", user)
	}
}

// Forms that are sent again, and the browser's button back.
func TestReplayedForms(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "/home")
	code, cookie := p.kit.Code(phone), *b.cookies["__Host-signin"]
	b.enter(a, code).want(t, http.StatusOK, "/home", "home")
	// Back, and once more: who is signed in goes on.
	b.get("/login/code").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.enter(a, code).want(t, http.StatusOK, "/login/account", "You are signed in")
	b.get("/login/resend").want(t, http.StatusOK, "/login/account", "You are signed in")
	b.post("/login/out")
	// The cookie of before, in this browser or another one.
	for _, b := range []*browser{b, p.browser()} {
		b.cookies[cookie.Name] = &cookie
		b.enter(a, code).want(t, http.StatusUnprocessableEntity, "/login/code", "This code no longer works.")
		if b.signedIn() {
			t.Error("signed in by a replay")
		}
	}
	b.get("/login/code").want(t, http.StatusOK, "/login/code", "Enter the code")
	p.kit.Clock.Advance(15 * time.Minute)
	b.get("/login/code").want(t, http.StatusBadRequest, "/login/code", "Start again.")
}

func TestForgedCookies(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "/home")
	code, good := p.kit.Code(phone), b.cookies["__Host-signin"].Value
	stranger := newProgram(t).browser()
	stranger.start(phone, "/home")
	values := []string{"", "x", "{}", good[:len(good)-1], good + "A", good + good, strings.ToUpper(good), strings.Repeat("A", 3000),
		strings.Repeat("A", 5000), stranger.cookies["__Host-signin"].Value, swapped(good, 0), swapped(good, 30), swapped(good, len(good)-10)}
	for _, value := range values {
		forged := p.browser()
		forged.cookies["__Host-signin"] = &http.Cookie{Name: "__Host-signin", Value: value}
		forged.get("/login/code").want(t, http.StatusBadRequest, "/login/code", "Start again.")
		forged.enter(a, code).want(t, http.StatusBadRequest, "/login/code", "Start again.")
		forged.post("/login/resend", "flow", a.flow(), "via", "sms").want(t, http.StatusBadRequest, "/login/resend", "Start again.")
	}
	for _, value := range append(values, good) {
		forged := p.browser()
		forged.cookies["__Host-session"] = &http.Cookie{Name: "__Host-session", Value: value}
		if forged.signedIn() {
			t.Errorf("signed in by %.40q", value)
		}
		forged.get("/login/account").want(t, http.StatusOK, "/login/", "Sign in")
		forged.post("/login/out-all").want(t, http.StatusOK, "/login/bye", "You are signed out")
	}
	b.enter(a, code).want(t, http.StatusOK, "/home", "home")
}

// swapped is s with another character at i.
func swapped(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// A flow of somebody who is signed in is of no use to anybody else.
func TestFlowOfAnother(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	ada, bob := p.browser(), p.browser()
	ada.signIn(phone, "/home")
	bob.signIn("+12025550163", "/home")
	a := ada.post("/login/add", "via", "email", "email", email).want(t, http.StatusOK, "/login/code", email)
	bob.cookies["__Host-signin"] = ada.cookies["__Host-signin"]
	bob.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "You are signed in")
	delete(bob.cookies, "__Host-session")
	bob.enter(a, p.kit.Code(email)).want(t, http.StatusBadRequest, "/login/code", "Start again.")
	if n := len(p.user("+12025550163").Emails); n != 0 {
		t.Errorf("%d addresses were added", n)
	}
	ada.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "a•••@example.com")
}

func TestForms(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	paths := []string{"/login/", "/login/code", "/login/resend", "/login/factor", "/login/app", "/login/recovery", "/login/add", "/login/app/new",
		"/login/app/done", "/login/remove", "/login/out", "/login/out-all"}
	const unread = "This form could not be read."
	for _, path := range paths {
		for _, c := range []struct {
			media, body string
			status      int
		}{
			{formType, "code=" + strings.Repeat("1", 16<<10), http.StatusRequestEntityTooLarge},
			{formType, "code=" + strings.Repeat("1", 4<<10), http.StatusBadRequest},
			{formType, "code=1&code=2", http.StatusBadRequest},
			{formType, "code=%00", http.StatusBadRequest},
			{formType, "code=%1b", http.StatusBadRequest},
			{formType, "code=%ff", http.StatusBadRequest},
			{formType, "code=%zz", http.StatusBadRequest},
			{formType, "a;b=c", http.StatusBadRequest},
			{formType, strings.Repeat("a=b&", 20), http.StatusBadRequest},
			{"", "code=1", http.StatusUnsupportedMediaType},
			{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n1\r\n--x--", http.StatusUnsupportedMediaType},
			{"text/plain", "code=1", http.StatusUnsupportedMediaType},
			{"application/json", `{"code":"1"}`, http.StatusUnsupportedMediaType},
			{";", "", http.StatusUnsupportedMediaType},
		} {
			w := b.send(http.MethodPost, path, c.media, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), unread) {
				t.Errorf("%s %.30q: %d", path, c.body, w.Code)
			}
		}
		// Forms with nothing in them, and with what no page sends.
		if path != "/login/out" && path != "/login/out-all" {
			b.send(http.MethodPost, path, formType, "")
			b.send(http.MethodPost, path, formType, "via=fax&method=x&id=y&flow=z&code=1")
		}
	}
	if !b.signedIn() {
		t.Error("signed out by a form that was refused")
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	b := newProgram(t).browser()
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PUT", "/login/", http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		{"DELETE", "/login/code", http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		{"GET", "/login/out", http.StatusMethodNotAllowed, "POST"},
		{"GET", "/login/app/new", http.StatusMethodNotAllowed, "POST"},
		{"POST", "/login/account", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"OPTIONS", "/login/", http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		{"GET", "/login/nothing", http.StatusNotFound, ""},
		{"GET", "/login/templates/start.html", http.StatusNotFound, ""},
		{"GET", "/login/style.css", http.StatusNotFound, ""},
		{"HEAD", "/login/", http.StatusOK, ""},
	} {
		w := b.send(c.method, c.path, formType, "")
		if w.Code != c.status || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q", c.method, c.path, w.Code, w.Header().Get("Allow"))
		}
	}
}

// Nobody is signed in, signed out, or sent a code by another site.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	sent := p.kit.Inbox.Len()
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://sub.app.example"}},
		{"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}}, // browsers of before 2023
		{"Sec-Fetch-Site": nil, "Origin": {"null"}},
	} {
		b.header = header
		for _, path := range []string{"/login/", "/login/code", "/login/resend", "/login/out", "/login/out-all", "/login/add", "/login/app/new", "/login/remove", "/login/factor"} {
			b.post(path, "via", "email", "email", email).want(t, http.StatusForbidden, path, "This request came from another site")
		}
	}
	b.header = nil
	if !b.signedIn() || p.kit.Inbox.Len() != sent {
		t.Error("another site did something")
	}
	// Links from other sites are fine.
	b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
	b.get("/login/account").want(t, http.StatusOK, "/login/account", "You are signed in")
}

// What is sent as return_to comes back as a Location only if it is a path.
func TestReturnTo(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for _, hostile := range []string{"//evil.example", `/\evil.example`, "https://evil.example/", "javascript:alert(1)", "/%2fevil.example", "/%5cevil.example",
		"/\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:%20a=b", "evil.example", "\t//evil.example", "/\t/evil.example", "///evil.example", " /home"} {
		b := p.browser()
		b.get("/login/?return_to="+url.QueryEscape(hostile)).want(t, http.StatusOK, "/login/", "Sign in")
		a := b.start(email, hostile)
		b.enter(a, p.kit.Code(email)).want(t, http.StatusOK, "/login/account", "You are signed in")
		// Somebody with a session, too, and at each page that takes it.
		for _, path := range []string{"/login/?return_to=", "/login/factor?need=&return_to=", "/login/factor?need=email&return_to="} {
			w := b.send(http.MethodGet, path+url.QueryEscape(hostile), "", "")
			if to := w.Header().Get("Location"); to != "" && to != "/login/account" {
				t.Errorf("%s%q leads to %q", path, hostile, to)
			}
			if strings.Contains(w.Body.String(), "evil.example") || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s%q: %v\n%s", path, hostile, w.Header(), w.Body)
			}
		}
		p.kit.Clock.Advance(11 * time.Minute)
	}
}

// A request may say anything of its client.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for i, header := range []http.Header{
		{"User-Agent": {strings.Repeat("x", 60<<10)}},
		{"User-Agent": {"caf\xe9 \xff\xfe"}},
		{"Accept-Language": {strings.Repeat("fa;q=0.1,", 5000)}},
		{"Accept-Language": {"\xff;q=NaN,,;;q=,-,de-;q=1e309"}},
		{"X-Forwarded-For": {"\xff, 1.2.3.4, ::1%x"}},
		{"Cookie": {"__Host-signin=a; __Host-signin=b; __Host-session=\x01; =;"}},
	} {
		b := p.browser()
		b.header = header
		address := string(rune('a'+i)) + email
		a := b.start(address, "/home")
		if a.at != "/login/code" {
			t.Fatalf("%d: %d at %s", i, a.Code, a.at)
		}
		if header["Cookie"] == nil {
			if got := b.enter(a, p.kit.Code(address)); got.body != "home" {
				t.Errorf("%v: %d %s", header, got.Code, got.body)
			}
		}
	}
	// A peer without an address, as at a Unix socket.
	r := httptest.NewRequest(http.MethodPost, host+"/login/", strings.NewReader("via=email&email="+email))
	r.RemoteAddr = "@"
	r.Header.Set("Content-Type", formType)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
