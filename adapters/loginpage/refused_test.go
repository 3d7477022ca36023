package loginpage_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/store"
)

func TestExpired(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "")
	p.kit.Clock.Advance(2 * time.Minute)
	const text = "This code has expired. Ask for a new one."
	b.get("/login/code").want(t, http.StatusOK, "/login/code", text)
	refused := b.enter(a, p.kit.Code(phone)).want(t, http.StatusUnprocessableEntity, "/login/code", text)
	if strings.Contains(refused.body, `name="code"`) {
		t.Error("the page takes a code that cannot be right")
	}
	a = b.post("/login/resend", "flow", refused.flow(), "via", "sms").want(t, http.StatusOK, "/login/code", "A new code is on its way.")
	b.enter(a, p.kit.Code(phone)).want(t, http.StatusOK, "/login/account", "You are signed in")
}

func TestWrongCodes(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "")
	code := p.kit.Code(phone)
	for _, input := range []string{"", "12345", "abcdef", "1234567", "my code is 12345"} {
		b.enter(a, input).want(t, http.StatusUnprocessableEntity, "/login/code", "Enter all 6 characters of the code.")
	}
	for _, left := range []string{"4", "3", "2", "1"} {
		b.enter(a, wrong(code)).want(t, http.StatusUnprocessableEntity, "/login/code", "Tries left: "+left+".")
	}
	b.enter(a, wrong(code)).want(t, http.StatusUnprocessableEntity, "/login/code", "there are no tries left")
	b.enter(a, code).want(t, http.StatusUnprocessableEntity, "/login/code", "This code no longer works.")
	if b.signedIn() {
		t.Error("signed in")
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	const text = "Too many wrong codes. Try again in 60 min, or use another way."
	for round := range 2 {
		a := b.start(phone, "")
		code := p.kit.Code(phone)
		for range 4 {
			b.enter(a, wrong(code))
		}
		last := b.enter(a, wrong(code))
		if round == 1 {
			last.want(t, http.StatusTooManyRequests, "/login/code", text)
			if last.Header().Get("Retry-After") != "3600" {
				t.Errorf("Retry-After %q", last.Header().Get("Retry-After"))
			}
			b.enter(a, code).want(t, http.StatusTooManyRequests, "/login/code", text)
			if !strings.Contains(last.body, "/login/?via=email") {
				t.Error("no other way is offered")
			}
		}
	}
	b.start(phone, "").want(t, http.StatusTooManyRequests, "/login/", text)
	p.kit.Clock.Advance(time.Hour)
	b.signIn(phone, "/home").want(t, http.StatusOK, "/home", "home")
}

// The wait that the engine asks for is what the page counts down.
func TestLimited(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	a := b.start(phone, "")
	for range 4 {
		p.kit.Clock.Advance(30 * time.Second)
		a = b.post("/login/resend", "flow", a.flow(), "via", "sms").want(t, http.StatusOK, "/login/code", "You can ask for a new code in 0:30.")
	}
	p.kit.Clock.Advance(30 * time.Second)
	code := p.kit.Code(phone)
	limited := b.post("/login/resend", "flow", a.flow(), "via", "sms").
		want(t, http.StatusTooManyRequests, "/login/resend", "Too many codes were asked for. Try again in 8 min")
	if !strings.Contains(limited.body, `data-wait="450"`) || !limited.says("You can ask for a new code in 7:30.") {
		t.Errorf("the wait is not the engine's:\n%s", limited.body)
	}
	b.get("/login/code").want(t, http.StatusOK, "/login/code", "You can ask for a new code in 7:30.")
	b.post("/login/resend", "flow", a.flow(), "via", "sms").want(t, http.StatusTooManyRequests, "/login/resend", "in 7:30.")
	// The code that was sent before is as good as it was.
	b.enter(a, code).want(t, http.StatusOK, "/login/account", "You are signed in")
	p.browser().start(phone, "").want(t, http.StatusTooManyRequests, "/login/", "Too many codes were asked for.")
}

func TestNumbersThatAreRefused(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for _, c := range []struct{ via, country, typed, text string }{
		{"sms", "AF", "70 123 4567", "We cannot send codes this way to this country: Afghanistan."},
		{"sms", "US", "+93701234567", "We cannot send codes this way to this country: Afghanistan."},
		{"sms", "GB", "020 7946 0000", "We cannot send codes to this kind of number."},
		{"sms", "US", "800 555 0199", "We cannot send codes to this kind of number."},
		{"sms", "US", "+870776001234", "We cannot send codes to this kind of number."},
		{"sms", "US", "", "This is not a number that can receive messages."},
		{"sms", "", "2025550162", "This is not a number that can receive messages."},
		{"sms", "ZZ", "2025550162", "This is not a number that can receive messages."},
		{"sms", "US", "call me", "This is not a number that can receive messages."},
		{"sms", "US", "1\r\nBcc: x@example.com", "This is not a number that can receive messages."},
		{"sms", "US", strings.Repeat("1", 2000), "This is not a number that can receive messages."},
		{"email", "", "ada", "This is not an e-mail address."},
		{"email", "", "Ada <ada@example.com>", "This is not an e-mail address."},
		{"email", "", "ada@example.com\nbcc:b@example.com", "This is not an e-mail address."},
		{"email", "", "", "This is not an e-mail address."},
		{"sms", "US", "202-555-0101", "The message could not be delivered."}, // enginetest.Rejected
	} {
		b := p.browser()
		a := b.post("/login/", "via", c.via, "country", c.country, "phone", c.typed, "email", c.typed)
		a.want(t, http.StatusUnprocessableEntity, "/login/", c.text)
		for name, values := range a.Header() {
			if strings.Contains(strings.Join(values, ""), "example.com") || name == "Bcc" {
				t.Errorf("%q stands in header %s", c.typed, name)
			}
		}
		if len(b.cookies) > 0 {
			t.Errorf("%q: cookies %v", c.typed, b.cookies)
		}
		if c.typed != "" && len(c.typed) < 20 && c.country == "GB" && (!strings.Contains(a.body, `value="020 7946 0000"`) || !strings.Contains(a.body, `value="GB" selected`)) {
			t.Errorf("what was typed is gone:\n%s", a.body)
		}
	}
	if p.kit.Inbox.Len() != 0 {
		t.Errorf("%d messages", p.kit.Inbox.Len())
	}
	// WhatsApp reaches countries that SMS does not.
	p.browser().post("/login/", "via", "whatsapp", "country", "AF", "phone", "070 123 4567").want(t, http.StatusOK, "/login/code", "+93701234567")
}

func TestProviders(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	a := p.browser().start(enginetest.Throttled, "").want(t, http.StatusServiceUnavailable, "/login/", "The message could not be delivered.")
	if a.Header().Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	// A provider that does not answer may have sent it.
	b := p.browser()
	a = b.start(enginetest.Ambiguous, "").want(t, http.StatusOK, "/login/code", "Enter the code")
	b.enter(a, p.kit.Code(enginetest.Ambiguous)).want(t, http.StatusOK, "/login/account", "You are signed in")
}

// faulty fails while it is told to.
type faulty struct {
	store.Store
	down *atomic.Bool
}

var errDown = errors.New("the store is down")

func (f faulty) Get(ctx context.Context, key string) ([]byte, error) {
	if f.down.Load() {
		return nil, errDown
	}
	return f.Store.Get(ctx, key)
}

func (f faulty) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	if f.down.Load() {
		return nil, false, errDown
	}
	return f.Store.CompareAndSwap(ctx, key, old, new, expires)
}

func (f faulty) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	if f.down.Load() {
		return 0, errDown
	}
	return f.Store.Add(ctx, key, delta, expires)
}

// With a store that fails nobody is let in, and nobody is told that they are
// signed out.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	down := new(atomic.Bool)
	p := newProgram(t, setting{
		engine:  func(cfg *engine.Config) { cfg.Store = faulty{cfg.Store, down} },
		options: func(o *loginpage.Options) { o.Counters = nil },
	})
	b, other := p.browser(), p.browser()
	b.signIn(phone, "/home").want(t, http.StatusOK, "/home", "home")
	a := other.start(email, "")
	code := p.kit.Code(email)
	down.Store(true)
	const text = "This does not work at the moment. Try again shortly."
	for _, path := range []string{"/home", "/pay", "/login/", "/login/code", "/login/account", "/login/factor?need=email", "/login/add", "/login/codes"} {
		got := b.get(path).want(t, http.StatusServiceUnavailable, path[:len(path)-len(query(path))], text)
		if got.Header().Get("Retry-After") == "" || got.says("store is down") {
			t.Errorf("%s: %v %s", path, got.Header(), got.body)
		}
	}
	b.post("/login/out").want(t, http.StatusServiceUnavailable, "/login/out", text)
	b.post("/login/out-all").want(t, http.StatusServiceUnavailable, "/login/out-all", text)
	b.start(phone, "").want(t, http.StatusServiceUnavailable, "/login/", text)
	other.enter(a, code).want(t, http.StatusServiceUnavailable, "/login/code", text)
	other.get("/login/").want(t, http.StatusOK, "/login/", "Sign in") // without a cookie there is nothing to ask
	down.Store(false)
	if !b.signedIn() {
		t.Error("the session is gone")
	}
	other.enter(a, code).want(t, http.StatusOK, "/login/account", "You are signed in")
}

func query(path string) string {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		return path[i:]
	}
	return ""
}
