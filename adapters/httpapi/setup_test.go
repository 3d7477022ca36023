package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

const (
	testProject = "project-test-6f1f0b5e-4a0e-4f9a-9c55-2f8f5b7f3a01"
	testSecret  = "secret-test-dGhpcyBpcyBhIHRlc3Qgc2VjcmV0Cg=="
	liveProject = "project-live-0c8a3c55-27f7-4c1c-8a0c-5f0f6f8b9a02"
	liveSecret  = "secret-live-dGhpcyBpcyBhIGxpdmUgc2VjcmV0Cg=="

	johnPhone = "+12025550162"
	johnEmail = "john@example.com"
)

// A setup says what differs from the usual bench.
type setup struct {
	live      bool
	engine    func(*engine.Config)
	directory func(store.Directory) store.Directory
	accounts  func(Accounts) Accounts
	sessions  func(*sessions.Config)
}

// signingKey is made once, since that takes a while.
var signingKey = sync.OnceValue(func() sessions.SigningKey {
	key, err := sessions.NewSigningKey(false)
	if err != nil {
		panic(err)
	}
	return key
})

// A bench is a handler with everything behind it.
type bench struct {
	t               testing.TB
	kit             *enginetest.Kit
	users           *memstore.Directory
	api             *Handler
	log             *logBuffer
	project, secret string
	sessions        *sessions.Sessions
	key             sessions.SigningKey
}

func newBench(t testing.TB, s setup) *bench {
	t.Helper()
	b := &bench{t: t, users: memstore.NewDirectory(), log: &logBuffer{}, project: testProject, secret: testSecret, key: signingKey()}
	if s.live {
		b.project, b.secret = liveProject, liveSecret
	}
	var records store.Store
	b.kit = enginetest.New(t, func(cfg *engine.Config) {
		if s.engine != nil {
			s.engine(cfg)
		}
		records = cfg.Store
	})
	cfg := sessions.Config{
		Store: records, Keys: engine.RandomKeys(), Signing: []sessions.SigningKey{b.key},
		ProjectID: b.project, Live: s.live, Now: b.kit.Clock.Now,
	}
	if s.sessions != nil {
		s.sessions(&cfg)
	}
	var err error
	if b.sessions, err = sessions.New(cfg); err != nil {
		t.Fatal(err)
	}
	apps, err := totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example", Live: s.live, Now: b.kit.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	var directory store.Directory = b.users
	if s.directory != nil {
		directory = s.directory(directory)
	}
	acc, err := accounts.New(accounts.Config{
		Engine: b.kit.Engine, Directory: directory, Sessions: b.sessions, Apps: apps, Live: s.live, Now: b.kit.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	var behind Accounts = acc
	if s.accounts != nil {
		behind = s.accounts(acc)
	}
	b.api, err = New(Config{
		Accounts: behind, Sessions: b.sessions, ProjectID: b.project, Secret: b.secret,
		Logger: slog.New(slog.NewJSONHandler(b.log, nil)), Now: b.kit.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A result is an answer of the handler that has been found well-formed.
type result struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (r result) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

func (r result) kind() string { return r.text("error_type") }

// request returns a request with the right credentials.
func (b *bench) request(method, path, body string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Method = method // any, also one that NewRequest refuses
	r.SetBasicAuth(b.project, b.secret)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// do sends a request, whose answer must be well-formed.
func (b *bench) do(method, path, body string) result {
	b.t.Helper()
	return b.send(b.request(method, path, body))
}

func (b *bench) post(path, format string, args ...any) result {
	b.t.Helper()
	return b.do("POST", path, fmt.Sprintf(format, args...))
}

func (b *bench) send(r *http.Request) result {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	got := result{status: w.Code, header: w.Result().Header, raw: w.Body.String()}
	if r.Method == http.MethodHead {
		if got.raw != "" {
			b.t.Errorf("HEAD has a body: %s", got.raw)
		}
		return got
	}
	if err := wellFormed(&got, b.api.live); err != nil {
		b.t.Errorf("%s %q: %v\n%s", r.Method, r.URL, err, got.raw)
	}
	return got
}

// wellFormed decodes the body of an answer and checks what holds for all.
func wellFormed(r *result, live bool) error {
	cache := "no-store"
	if strings.HasPrefix(r.raw, `{"request_id":"`) && strings.Contains(r.raw, `"keys":[`) {
		cache = publicCache
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": cache, "X-Content-Type-Options": "nosniff",
	} {
		if got := r.header.Get(name); got != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if err := json.Unmarshal([]byte(r.raw), &r.body); err != nil || r.body == nil {
		return fmt.Errorf("not a JSON object: %v", err)
	}
	if err := shape("", any(r.body)); err != nil {
		return err
	}
	if id := r.text("request_id"); !accounts.RequestID.Match(id, live) {
		return fmt.Errorf("request_id is %q", id)
	}
	if code := r.body["status_code"]; code != float64(r.status) {
		return fmt.Errorf("status_code is %v, the status %d", code, r.status)
	}
	if _, ok := r.body["error"]; ok {
		return fmt.Errorf("has a member error")
	}
	if r.status == 200 || r.status == 201 {
		if _, ok := r.body["error_type"]; ok {
			return fmt.Errorf("error_type with status %d", r.status)
		}
		return shape("", r.body)
	}
	if r.kind() == "" || r.text("error_message") == "" {
		return fmt.Errorf("error_type or error_message is missing")
	}
	if want := fmt.Sprintf("https://stytch.com/docs/api/errors/%d#%s", r.status, r.kind()); r.text("error_url") != want {
		return fmt.Errorf("error_url is %q", r.text("error_url"))
	}
	if (r.status == 429) != (r.header.Get("Retry-After") != "") {
		return fmt.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	return nil
}

// want fails the test unless the result is this. The kind is "" for a success.
func (b *bench) want(r result, status int, kind string) result {
	b.t.Helper()
	if r.status != status || r.kind() != kind {
		b.t.Fatalf("got %d %s, want %d %s\n%s", r.status, r.kind(), status, kind, r.raw)
	}
	return r
}

// code returns the code that was sent last to an address.
func (b *bench) code(address string) string {
	b.t.Helper()
	m, ok := b.kit.Inbox.Last(address)
	if !ok {
		b.t.Fatalf("nothing was sent to %s", address)
	}
	return m.Code.Reveal()
}

// authenticate enters a code.
func (b *bench) authenticate(methodID, code string) result {
	b.t.Helper()
	return b.post("/v1/otps/authenticate", `{"method_id": %q, "code": %q}`, methodID, code)
}

// signUp sends a code to John's phone and returns the phone's id.
func (b *bench) signUp() (phoneID string) {
	b.t.Helper()
	r := b.want(b.post("/v1/otps/sms/login_or_create", `{"phone_number": %q}`, johnPhone), 200, "")
	return r.text("phone_id")
}

// untouched fails the test if a user was made or a message sent.
func (b *bench) untouched() {
	b.t.Helper()
	page, err := b.users.Search(b.t.Context(), store.Query{})
	if err != nil || len(page.Users) != 0 {
		b.t.Errorf("%d users were made, %v", len(page.Users), err)
	}
	if n := b.kit.Inbox.Len(); n != 0 {
		b.t.Errorf("%d messages were sent", n)
	}
}

// wrong returns a code that differs from the right one.
func wrong(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }

// bodyOf returns the request body that names an address.
func bodyOf(channel, address string) string {
	if channel == "email" {
		return fmt.Sprintf(`{"email": %q}`, address)
	}
	return fmt.Sprintf(`{"phone_number": %q}`, address)
}
