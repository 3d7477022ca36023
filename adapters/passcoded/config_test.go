package main

import (
	"context"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/policy"
)

const (
	testID     = "project-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"
	liveID     = "project-live-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53"
	testSecret = "secret-test-0123456789abcdef"
	liveSecret = "secret-live-0123456789abcdef"
)

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		args   string
		env    map[string]string
		want   string
	}{
		{2, "-port 80", nil, "-port"},
		{2, "serve", nil, `"serve"`},
		{2, "-version extra", nil, `"extra"`},
		{2, "-secret x", nil, "-secret"},
		{2, "-addr", nil, "-addr"},
		{1, "-addr 8080", nil, "127.0.0.1:8080"},
		{1, "", map[string]string{"PASSCODED_ADDR": "localhost"}, "-addr"},
		{1, "-addr=", nil, "-addr"},
		{1, "-addr 127.0.0.1:99999", nil, "99999"},
		{1, "-db=", nil, "-db is empty"},
		{1, "-db missing/passcode.db", nil, "the database's directory"},
		{1, "-db .", nil, "not a file"},
		{1, "-db passcode.keys", nil, "name of its keys"},
		{1, "-insecure-outbox missing/outbox", nil, "-insecure-outbox"},
		{1, "-insecure-outbox .", nil, "-insecure-outbox"},
		{1, "-project-id " + testID, nil, "without PASSCODED_SECRET"},
		{1, "", map[string]string{"PASSCODED_SECRET": testSecret}, "without a project id"},
		{1, "-project-id acme", map[string]string{"PASSCODED_SECRET": testSecret}, "the project id is not"},
		{1, "-project-id " + testID, map[string]string{"PASSCODED_SECRET": "short"}, "the secret"},
		{1, "-project-id " + testID, map[string]string{"PASSCODED_SECRET": liveSecret}, "secret-live-"},
		{1, "-project-id " + liveID, map[string]string{"PASSCODED_SECRET": testSecret}, "secret-test-"},
		{1, "-origin https://example.com", nil, "-origin"},
		{1, "-app " + strings.Repeat("x", 33), nil, "-app"},
		{1, "-sms-countries US,,CA", nil, "-sms-countries"},
		{1, "-sms-countries UK", nil, `"UK"`},
		{1, "", map[string]string{"PASSCODED_SMS_COUNTRIES": "46"}, `"46"`},
		{1, "-app A:B", nil, "a colon"},
		{1, "-app " + strings.Repeat("日", 22), nil, "-app has more than 64 bytes"},
		{1, "-session-idle 59s", nil, "-session-idle"},
		{1, "-session-idle 8784h1s", nil, "-session-idle"},
		{1, "-session-idle never", nil, `"never"`},
		{1, "", map[string]string{"PASSCODED_SESSION_IDLE": "0"}, "-session-idle"},
		{1, "-max-session 4m59s", nil, "-max-session"},
		{1, "-max-session 8784h1s", nil, "-max-session"},
		{1, "-max-session 60", nil, "-max-session"},
		{1, "", map[string]string{"PASSCODED_MAX_SESSION": "0"}, "-max-session"},
		{1, "-lock-after 0", nil, "-lock-after"},
		{1, "-lock-after 101", nil, "-lock-after"},
		{1, "-lock-after ten", nil, `"ten"`},
		{1, "", map[string]string{"PASSCODED_LOCK_AFTER": "-1"}, "-lock-after"},
		{1, "-lock-for 4m", nil, "-lock-for"},
		{1, "-trusted-proxies proxy.example.com", nil, "-trusted-proxies"},
		{1, "-trusted-proxies 10.0.0.0/33", nil, "-trusted-proxies"},
		{1, "", map[string]string{"PASSCODED_TRUSTED_PROXIES": "127.0.0.1,::/0"}, "everybody"},
		{1, "-config missing/passcoded.toml", nil, "-config"},
		{1, "-config missing/passcoded.toml -sms-countries US", nil, "channels.sms.countries"},
		{1, "-lock-for 169h", nil, "-lock-for"},
		{1, "", map[string]string{"PASSCODED_LOCK_FOR": "1"}, "-lock-for"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := strings.Fields(c.args)
			if !strings.Contains(c.args, "-db") {
				args = append([]string{"-db", filepath.Join(dir, "passcode.db")}, args...)
			}
			for i, arg := range args { // to be in a directory of the test's own
				if strings.HasPrefix(arg, "missing/") || arg == "." || arg == "passcode.keys" {
					args[i] = filepath.Join(dir, arg)
				}
			}
			line := fails(t, c.status, c.env, args...)
			wantText(t, line, c.want)
			for _, secret := range c.env {
				if strings.HasPrefix(secret, "secret-") && strings.Contains(line, secret) {
					t.Errorf("%q repeats the secret", line)
				}
			}
		})
	}
}

func TestConfigOrder(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"PASSCODED_ADDR": "127.0.0.1:1", "PASSCODED_DB": "env.db", "PASSCODED_PROJECT_ID": liveID, "PASSCODED_SECRET": liveSecret,
		"PASSCODED_APP": "Env", "PASSCODED_ORIGIN": "env.example", "PASSCODED_SMS_COUNTRIES": "se, US",
		"PASSCODED_SESSION_IDLE": "30m", "PASSCODED_MAX_SESSION": "24h", "PASSCODED_LOCK_AFTER": "5", "PASSCODED_LOCK_FOR": "15m",
		"PASSCODED_STORE": "redis://env", "PASSCODED_USERS": "postgres://env", "PASSCODED_KEYS": "env.keys",
		"PASSCODED_REDIS_FENCE": "1", "PASSCODED_UNSAFE_REDIS": "eviction", "PASSCODED_UNSAFE_POSTGRES": "1",
	}
	cfg, err := parseConfig(nil, lookup(nil))
	if err != nil || cfg.addr != "127.0.0.1:8080" || cfg.db != "passcode.db" || cfg.smsCountries != nil || cfg.fixed != (credentials{}) ||
		cfg.idle != 0 || cfg.maxSession != 366*24*time.Hour || cfg.lock != policy.Default().Lock || cfg.rotate || cfg.remove != "" ||
		cfg.store != "" || cfg.users != "" || cfg.keys != "passcode.keys" || cfg.redisFence || len(cfg.unsafeRedis) != 0 || cfg.unsafePG {
		t.Errorf("defaults: %+v, %v", cfg, err)
	}
	cfg, err = parseConfig(nil, lookup(env))
	if err != nil || cfg.addr != "127.0.0.1:1" || cfg.db != "env.db" || cfg.fixed != (credentials{liveID, liveSecret}) ||
		cfg.texts.App != "Env" || cfg.texts.Origin != "env.example" || !slices.Equal(cfg.smsCountries, []region.Code{"SE", "US"}) ||
		cfg.idle != 30*time.Minute || cfg.maxSession != 24*time.Hour || cfg.lock != (policy.Lock{After: 5, For: 15 * time.Minute}) ||
		cfg.store != "redis://env" || cfg.users != "postgres://env" || cfg.keys != "env.keys" || !cfg.redisFence || !maps.Equal(cfg.unsafeRedis, map[string]bool{"eviction": true}) || !cfg.unsafePG {
		t.Errorf("environment: %+v, %v", cfg, err)
	}
	env["PASSCODED_SECRET"] = testSecret
	cfg, err = parseConfig([]string{"-addr", "[::1]:2", "-db", "flag.db", "-project-id", testID, "-app", "Flag", "-origin", "flag.example",
		"-sms-countries", "CA", "-session-idle", "1m", "-max-session", "5m", "-lock-after", "100", "-lock-for", "168h",
		"-store", "rediss://flag", "-users", "postgresql://flag", "-keys", "flag.keys", "-redis-fence=false", "-unsafe-redis", "volatile,eviction", "-unsafe-postgres=false"}, lookup(env))
	if err != nil || cfg.addr != "[::1]:2" || cfg.db != "flag.db" || cfg.fixed != (credentials{testID, testSecret}) ||
		cfg.texts.App != "Flag" || cfg.texts.Origin != "flag.example" || !slices.Equal(cfg.smsCountries, []region.Code{"CA"}) ||
		cfg.idle != time.Minute || cfg.maxSession != 5*time.Minute || cfg.lock != (policy.Lock{After: 100, For: 168 * time.Hour}) ||
		cfg.store != "rediss://flag" || cfg.users != "postgresql://flag" || cfg.keys != "flag.keys" || cfg.redisFence || len(cfg.unsafeRedis) != 2 || cfg.unsafePG {
		t.Errorf("options: %+v, %v", cfg, err)
	}
}

// TestHelp wants every option, with its variable, in the help and in the
// manual.
func TestHelp(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]string)
	if _, err := parseConfig(nil, func(name string) string { asked[name] = ""; return "" }); err != nil || len(asked) == 0 {
		t.Fatalf("no variable read: %v", err)
	}
	options := []string{"-addr", "-db", "-store", "-users", "-keys", "-redis-fence", "-unsafe-redis", "-unsafe-postgres", "-config", "-trusted-proxies", "check-config", "send-test", "-project-id", "-app", "-origin", "-sms-countries", "-session-idle", "-max-session", "-lock-after",
		"-lock-for", "-insecure-outbox", "-rotate-signing-key", "-remove-signing-key ID", "-version", "-h"}
	for _, help := range []string{"-h", "-help", "--help"} {
		stdout, stderr := newOutput(), newOutput()
		if status := run(t.Context(), []string{help}, lookup(nil), stdout, stderr); status != 0 || stderr.String() != "" {
			t.Errorf("%s: exit status %d, stderr %q", help, status, stderr)
		}
		for _, want := range slices.Concat(options, slices.Collect(maps.Keys(asked)), []string{"passcode.db", "passcode.keys", "Example:"}) {
			wantText(t, stdout.String(), want)
			wantText(t, file.Doc.Text(), strings.TrimSuffix(want, "Example:"))
		}
	}
	stdout := newOutput()
	if status := run(t.Context(), []string{"-version"}, lookup(nil), stdout, newOutput()); status != 0 || !strings.HasPrefix(stdout.String(), "passcoded ") {
		t.Errorf("-version: exit status %d, %q", status, stdout)
	}
}

func TestFixedCredentials(t *testing.T) {
	t.Parallel()
	for id, secret := range map[string]string{testID: testSecret, liveID: liveSecret} {
		env := map[string]string{"PASSCODED_PROJECT_ID": id, "PASSCODED_SECRET": secret}
		p := launch(t, t.TempDir(), env)
		if p.project != (credentials{id, secret}) {
			t.Errorf("credentials %+v", p.project)
		}
		if n := strings.Count(p.stdout.String(), `-u "`+id+`:$PASSCODED_SECRET"`); n != len(steps) {
			t.Errorf("%d commands with the credentials:\n%s", n, p.stdout)
		}
		sent := p.post(t, 200, "/v1/otps/email/login_or_create", `{"email": "somebody@example.com"}`)
		if kind := strings.Split(id, "-")[1]; !strings.HasPrefix(sent.EmailID, "email-"+kind+"-") {
			t.Errorf("id %q in a %s project", sent.EmailID, kind)
		}
		p.authenticate(t, 200, sent.EmailID, p.code(t))
		keys, err := os.ReadFile(filepath.Join(p.dir, "passcode.keys"))
		for _, text := range []string{string(keys), p.stdout.String(), p.stderr.String()} {
			if err != nil || strings.Contains(text, secret) {
				t.Errorf("the secret is in the keys file or printed: %v", err)
			}
		}

		// Without them the keys file's are back.
		p.cancel()
		p.end(t)
		p = launch(t, p.dir, nil)
		if p.project.projectID == id {
			t.Error("the fixed project id was kept")
		}
	}
}

func TestCountries(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil, "-sms-countries", "US")
	const body = `{"phone_number": "+14165550123"}` // Toronto
	if r := p.post(t, 400, "/v1/otps/sms/login_or_create", body); r.ErrorType != "invalid_phone_number_country_code" {
		t.Errorf("error %q", r.ErrorType)
	}
	p.post(t, 200, "/v1/otps/whatsapp/login_or_create", body)
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
}

func TestMaxSession(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		p := launch(t, t.TempDir(), nil, append(where(), "-max-session", "10m", "-session-idle", "1m")...)
		sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
		body := `{"method_id": "` + sent.PhoneID + `", "code": "` + p.code(t) + `", "session_duration_minutes": `
		if r := p.post(t, 400, "/v1/otps/authenticate", body+`11}`); r.ErrorType != "invalid_session_duration" {
			t.Errorf("error %q", r.ErrorType)
		}
		p.post(t, 200, "/v1/otps/authenticate", body+`10}`)
	})
}

// TestLockAfter wants the lock to be what was asked for, below the default and
// above it, for passcodes and for authenticator apps.
func TestLockAfter(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		for _, after := range []int{3, 12} {
			p := launch(t, t.TempDir(), nil, append(where(), "-lock-after", strconv.Itoa(after), "-lock-for", "5m")...)
			var sent reply
			for i := range after {
				if i%5 == 0 { // a code bears five guesses
					sent = p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
				}
				p.authenticate(t, 404, sent.PhoneID, another(p.code(t)))
			}
			if r := p.authenticate(t, 429, sent.PhoneID, p.code(t)); r.ErrorType != "user_lock_limit_reached" {
				t.Errorf("error %q", r.ErrorType)
			}

			user := p.post(t, 201, "/v1/users", `{"phone_number": "+12025550163"}`)
			p.post(t, 200, "/v1/totps", `{"user_id": "`+user.UserID+`"}`)
			entered := `{"user_id": "` + user.UserID + `", "totp_code": "000000"}`
			for range after {
				p.post(t, 401, "/v1/totps/authenticate", entered)
			}
			p.post(t, 429, "/v1/totps/authenticate", entered)
		}
		launch(t, t.TempDir(), nil, "-lock-after", "100")
	})
}

// TestNoStart tells the program to end before it has begun.
func TestNoStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stdout, stderr := newOutput(), newOutput()
	if status := run(ctx, arguments(t.TempDir(), nil), lookup(nil), stdout, stderr); status != 0 || stdout.String()+stderr.String() != "" {
		t.Errorf("exit status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}
