package loginpage_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
)

func TestCookies(t *testing.T) {
	t.Parallel()
	secure := func(c *http.Cookie) bool {
		return c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == ""
	}
	unsafe := setting{options: func(o *loginpage.Options) { o.UnsafePlainHTTP = true }}
	for _, c := range []struct {
		host   string
		set    setting
		header http.Header
		plain  bool
	}{
		{"https://app.example", setting{}, nil, false},
		{"http://app.example", setting{}, nil, false},
		{"https://localhost:8443", setting{}, nil, false},
		{"http://localhost:8080", setting{}, nil, true},
		{"http://127.0.0.1:8080", setting{}, nil, true},
		{"http://127.9.9.9", setting{}, nil, true},
		{"http://[::1]:8080", setting{}, nil, true},
		{"http://localhost.evil.example", setting{}, nil, false},
		{"http://127.0.0.1.evil.example", setting{}, nil, false},
		{"http://10.0.0.5", setting{}, nil, false},
		{"http://10.0.0.5", unsafe, nil, true},
		{"https://10.0.0.5", unsafe, nil, false},
		// A proxy that changed the host: the browser says that it came by https.
		{"http://127.0.0.1:8080", setting{}, http.Header{"Origin": {"https://app.example"}}, false},
		{"http://127.0.0.1:8080", setting{}, http.Header{"X-Forwarded-Proto": {"https"}}, false},
		{"http://127.0.0.1:8080", setting{}, http.Header{"X-Forwarded-Proto": {"http", "HTTPS, http"}}, false},
		{"http://127.0.0.1:8080", setting{}, http.Header{"Forwarded": {"for=192.0.2.1;Proto=https"}}, false},
		{"http://127.0.0.1:8080", setting{}, http.Header{"Forwarded": {`for=192.0.2.1; proto="https";by=x`}}, false},
		{"http://127.0.0.1:8080", setting{}, http.Header{"X-Forwarded-Proto": {"http"}, "Forwarded": {"proto=http"}}, true},
		{"http://10.0.0.5", unsafe, http.Header{"X-Forwarded-Proto": {"https"}}, false},
	} {
		p := newProgram(t, c.set)
		b := p.browser()
		b.host, b.header = c.host, c.header
		prefix := "__Host-"
		if c.plain {
			prefix = "passcode-"
		}
		a := b.start(phone, "/home")
		signin := b.cookies[prefix+"signin"]
		if signin == nil || secure(signin) == c.plain || !signin.HttpOnly || !signin.Expires.Equal(p.kit.Clock.Now().Add(15*time.Minute)) {
			t.Errorf("%s: %v", c.host, b.cookies)
			continue
		}
		b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/home", "home")
		session := b.cookies[prefix+"session"]
		if session == nil || secure(session) == c.plain || !session.HttpOnly || session.SameSite != http.SameSiteLaxMode || !session.Expires.Equal(p.kit.Clock.Now().Add(24*time.Hour)) || len(b.cookies) != 1 {
			t.Errorf("%s: %v", c.host, b.cookies)
		}
		b.post("/login/out")
		if len(b.cookies) != 0 {
			t.Errorf("%s: %v", c.host, b.cookies)
		}
	}
}

// The plain name means nothing where the other can be had: anybody on a
// neighbouring host, or on the line, can put it there.
func TestPlainCookieOnTLS(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.signIn(phone, "")
	session := b.cookies["__Host-session"]
	b.cookies = map[string]*http.Cookie{"passcode-session": {Name: "passcode-session", Value: session.Value}}
	for _, host := range []string{"https://app.example", "http://app.example", "https://localhost"} {
		if b.host = host; b.signedIn() {
			t.Errorf("%s: signed in by the plain cookie", host)
		}
	}
	if b.host = "http://localhost"; !b.signedIn() {
		t.Error("not signed in on a loopback host")
	}
	// Two of one name: one is somebody else's.
	b.host = "https://app.example"
	b.cookies = map[string]*http.Cookie{"1": {Name: session.Name, Value: session.Value}, "2": {Name: session.Name, Value: session.Value + "x"}}
	if b.signedIn() {
		t.Error("signed in by one of two cookies")
	}
}

// What another program on this machine left under the better name, or this one
// before it was started anew, keeps nobody from signing in.
func TestStaleCookieOnLoopback(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	b.host = "http://localhost:8080"
	stale := newProgram(t).browser()
	stale.start(phone, "")
	session := newProgram(t).browser()
	session.signIn(phone, "")
	for _, c := range []*http.Cookie{stale.cookies["__Host-signin"], session.cookies["__Host-session"]} {
		b.cookies[c.Name] = c
	}
	a := b.start(phone, "/home").want(t, http.StatusOK, "/login/code", phone)
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/home", "home")
	if !b.signedIn() {
		t.Error("not signed in")
	}
	if b.host = "https://localhost:8080"; b.signedIn() {
		t.Error("signed in by the plain cookie")
	}
}
