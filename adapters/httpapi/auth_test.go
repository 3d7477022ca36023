package httpapi

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

func TestAuthorization(t *testing.T) {
	t.Parallel()
	basic := func(credentials string) []string {
		return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))}
	}
	right := testProject + ":" + testSecret
	for _, c := range []struct {
		what    string
		headers []string
		status  int
		kind    string
	}{
		{"right", basic(right), 404, "user_not_found"},
		{"scheme in small letters", []string{strings.Replace(basic(right)[0], "Basic", "basic", 1)}, 404, "user_not_found"},

		{"none", nil, 401, "unauthorized_credentials"},
		{"wrong secret", basic(testProject + ":" + testSecret + "="), 401, "unauthorized_credentials"},
		{"no secret", basic(testProject + ":"), 401, "unauthorized_credentials"},
		{"secret in capitals", basic(testProject + ":" + strings.ToUpper(testSecret)), 401, "unauthorized_credentials"},
		{"another project", basic(accounts.ProjectID.New(false) + ":" + testSecret), 401, "unauthorized_credentials"},
		{"live project", basic(liveProject + ":" + liveSecret), 401, "unauthorized_credentials"},
		{"live secret", basic(testProject + ":" + liveSecret), 401, "unauthorized_credentials"},
		{"megabyte", basic(testProject + ":" + strings.Repeat("x", 1<<20)), 401, "unauthorized_credentials"},

		{"placeholders", basic("PROJECT_ID:SECRET"), 400, "invalid_project_id_authentication"},
		{"nothing", basic(":"), 400, "invalid_project_id_authentication"},
		{"turned around", basic(testSecret + ":" + testProject), 400, "invalid_project_id_authentication"},
		{"project in capitals", basic(strings.ToUpper(testProject) + ":" + testSecret), 400, "invalid_project_id_authentication"},
		{"project with a space", basic(testProject + " :" + testSecret), 400, "invalid_project_id_authentication"},

		{"empty", []string{""}, 400, "invalid_authorization_header"},
		{"scheme alone", []string{"Basic"}, 400, "invalid_authorization_header"},
		{"scheme and space", []string{"Basic "}, 400, "invalid_authorization_header"},
		{"no scheme", []string{strings.TrimPrefix(basic(right)[0], "Basic ")}, 400, "invalid_authorization_header"},
		{"other scheme", []string{"Bearer " + testSecret}, 400, "invalid_authorization_header"},
		{"no base64", []string{"Basic " + right}, 400, "invalid_authorization_header"},
		{"no padding", []string{strings.TrimRight(basic(right + "x")[0], "=")}, 400, "invalid_authorization_header"},
		{"no colon", basic(testProject), 400, "invalid_authorization_header"},
		{"twice", append(basic(right), basic(right)...), 400, "invalid_authorization_header"},
	} {
		b := newBench(t, setup{})
		// The body is broken: credentials come first.
		r := b.request("POST", smsLogin, "{")
		if c.status == 404 {
			r = b.request("GET", "/v1/users/x", "")
		}
		r.Header["Authorization"] = c.headers
		if c.headers == nil {
			r.Header.Del("Authorization")
		}
		got := b.send(r)
		if got.status != c.status || got.kind() != c.kind {
			t.Errorf("%s: %d %s, want %d %s", c.what, got.status, got.kind(), c.status, c.kind)
		}
		if asks := got.header.Get("WWW-Authenticate") != ""; asks != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", c.what, got.header.Get("WWW-Authenticate"))
		}
	}
}

// A 401 for a code does not ask for credentials: a client would send the code
// once more.
func TestNoChallengeForCodes(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	id := b.signUp()
	b.want(b.authenticate(id, b.code(johnPhone)), 200, "")
	r := b.want(b.authenticate(id, b.code(johnPhone)), 401, "unable_to_auth_otp_code")
	if h := r.header.Get("WWW-Authenticate"); h != "" {
		t.Errorf("WWW-Authenticate is %q", h)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	unsigned, err := sessions.New(sessions.Config{Store: memory(t), Keys: engine.RandomKeys()})
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Accounts: b.api.accounts, Sessions: b.sessions, ProjectID: testProject, Secret: testSecret}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	short := good
	short.Secret = "12345678"
	if _, err := New(short); err != nil {
		t.Errorf("a short secret of a test project: %v", err)
	}
	for what, change := range map[string]func(*Config){
		"Config.Accounts":       func(c *Config) { c.Accounts = nil },
		"Config.Sessions is":    func(c *Config) { c.Sessions = nil },
		"no signing keys":       func(c *Config) { c.Sessions = unsigned },
		"Config.MaxConcurrent":  func(c *Config) { c.MaxConcurrent = -1 },
		"the project id is not": func(c *Config) { c.ProjectID = "project-test-1" },
		"fewer than 8":          func(c *Config) { c.Secret = "1234567" },
		"fewer than 28":         func(c *Config) { c.ProjectID, c.Secret = liveProject, "secret-live-123456789012345" },
		`"secret-live-" is not`: func(c *Config) { c.Secret = liveSecret },
		`"secret-test-" is not`: func(c *Config) { c.ProjectID = liveProject },
		"other than visible":    func(c *Config) { c.Secret = testSecret + " " },
		"other than visible ":   func(c *Config) { c.Secret = testSecret + "ä" },
		"project id is not ":    func(c *Config) { c.ProjectID = strings.Replace(testProject, "test", "prod", 1) },
		"project id is not \"":  func(c *Config) { c.ProjectID = testProject + "0" },
	} {
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && cfg.Secret != "" && strings.Contains(err.Error(), cfg.Secret) {
			t.Errorf("%s: the error has the secret", what)
		}
	}
}
