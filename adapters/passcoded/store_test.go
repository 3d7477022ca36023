package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passcode-go/passcode/internal/servertest"
)

// The servers that the tests of this package share. Each test has a database of
// its own in them.
var (
	redisServer = sync.OnceValues(func() (*servertest.Server, error) {
		return servertest.StartRedis("--appendonly", "yes", "--appendfsync", "always", "--databases", "1000")
	})
	postgresServer = sync.OnceValues(func() (*servertest.Server, error) { return servertest.StartPostgres("max_connections=300") })
	started        atomic.Bool
	databases      atomic.Int64
)

func stopServers() {
	if !started.Load() {
		return
	}
	for _, server := range []func() (*servertest.Server, error){redisServer, postgresServer} {
		if s, err := server(); err == nil {
			s.Stop()
		}
	}
}

// serverOf returns a shared server, or skips the test where it is not
// installed.
func serverOf(t *testing.T, start func() (*servertest.Server, error)) *servertest.Server {
	t.Helper()
	started.Store(true)
	s, err := start()
	servertest.SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newRedis returns the URL of an empty Redis database.
func newRedis(t *testing.T) string {
	t.Helper()
	s := serverOf(t, redisServer)
	return strings.TrimSuffix(s.URL(), "/0") + fmt.Sprintf("/%d", databases.Add(1))
}

// newPostgres returns the URL of an empty Postgres database.
func newPostgres(t *testing.T) string {
	t.Helper()
	s := serverOf(t, postgresServer)
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("test%d", databases.Add(1))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// eachStore runs a test with everything in the file, and with each server that
// can take the file's place. where returns what to give a program for a place
// of its own.
func eachStore(t *testing.T, test func(t *testing.T, where func() []string)) {
	for _, c := range []struct {
		name  string
		where func(t *testing.T) []string
	}{
		{"file", func(*testing.T) []string { return nil }},
		{"postgres", func(t *testing.T) []string { return []string{"-store", newPostgres(t)} }},
		{"redis and file", func(t *testing.T) []string { return []string{"-store", newRedis(t)} }},
		{"redis and postgres", func(t *testing.T) []string { return []string{"-store", newRedis(t), "-users", newPostgres(t)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, func() []string { return c.where(t) })
		})
	}
}

// TestFleet runs three programs on one server, behind a proxy that sends each
// request to another of them: they behave as one.
func TestFleet(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func() []string{
		"postgres":           func() []string { return []string{"-store", newPostgres(t)} },
		"redis and postgres": func() []string { return []string{"-store", newRedis(t), "-users", newPostgres(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append(where(), "-keys", filepath.Join(dir, "shared.keys"))
			var members []*program
			for range 3 {
				members = append(members, spawn(t, dir, args...)) // one outbox for all
			}
			var next atomic.Int64
			proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				to, err := url.Parse(members[next.Add(1)%3].url)
				if err != nil {
					panic(err)
				}
				r.SetURL(to)
			}})
			t.Cleanup(proxy.Close)
			all := &program{dir: dir, url: proxy.URL, project: members[0].project}
			for _, m := range members {
				if m.project != all.project {
					t.Fatal("their credentials differ")
				}
			}
			for round := range 5 {
				sent := all.post(t, 200, "/v1/otps/sms/login_or_create", fmt.Sprintf(`{"phone_number": "+1202555010%d"}`, round))
				code := all.code(t)
				for range 4 {
					all.authenticate(t, 404, sent.PhoneID, another(code))
				}
				// All at once, on all of them: one is let in.
				var in, out atomic.Int64
				var callers sync.WaitGroup
				for range 30 {
					callers.Go(func() {
						switch status := all.status(t, sent.PhoneID, code); status {
						case 200:
							in.Add(1)
						case 401:
							out.Add(1)
						default:
							t.Errorf("status %d", status)
						}
					})
				}
				callers.Wait()
				if in.Load() != 1 || out.Load() != 29 {
					t.Errorf("round %d: %d were let in, %d were not", round, in.Load(), out.Load())
				}
			}
			// A session of one is a session of all, until it is revoked.
			sent := all.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550199"}`)
			auth := all.post(t, 200, "/v1/otps/authenticate", `{"method_id": "`+sent.PhoneID+`", "code": "`+all.code(t)+`", "session_duration_minutes": 60}`)
			shown := `{"session_token": "` + auth.SessionToken + `"}`
			for _, m := range members {
				m.post(t, 200, "/v1/sessions/authenticate", shown)
			}
			members[0].post(t, 200, "/v1/sessions/revoke", shown)
			for _, m := range members {
				m.post(t, 404, "/v1/sessions/authenticate", shown)
			}
			// Five wrong codes spend a code, wherever they are entered.
			sent = all.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550198"}`)
			code := all.code(t)
			for range 5 {
				all.authenticate(t, 404, sent.PhoneID, another(code))
			}
			for _, m := range members {
				m.authenticate(t, 401, sent.PhoneID, code)
			}
		})
	}
}

// status enters a code and returns the answer's status.
func (p *program) status(t *testing.T, methodID, code string) int {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/otps/authenticate",
		strings.NewReader(`{"method_id": "`+methodID+`", "code": "`+code+`"}`))
	if err != nil {
		t.Error(err)
		return 0
	}
	req.SetBasicAuth(p.project.projectID, p.project.secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestOutage takes the server away while the program runs: it refuses, and
// goes on by itself when the server is back.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *servertest.Server{
		"postgres": func(t *testing.T) *servertest.Server { return servertest.Postgres(t) },
		"redis": func(t *testing.T) *servertest.Server {
			return servertest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := launch(t, t.TempDir(), nil, "-store", server.URL())
			sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
			code := p.code(t)
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if status := p.status(t, sent.PhoneID, code); status != 500 && status != 503 {
				t.Errorf("status %d without a server", status)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			// A connection that broke may fail one more request, not ten.
			status := 0
			for range 10 {
				if status = p.status(t, sent.PhoneID, code); status == 200 || status == 401 {
					break
				}
			}
			if status != 200 {
				t.Errorf("status %d with the server back", status)
			}
			if status := p.status(t, sent.PhoneID, code); status != 401 {
				t.Errorf("status %d for a used code", status)
			}
			for _, printed := range []string{p.stdout.String(), p.stderr.String()} {
				if strings.Contains(printed, servertest.Password) {
					t.Errorf("the server's password is printed:\n%s", printed)
				}
			}
		})
	}
}

// TestOtherKeys gives a program the records of another's keys.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	for name, newStore := range map[string]func(*testing.T) string{"postgres": newPostgres, "redis": newRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where, dir := newStore(t), t.TempDir()
			p := launch(t, dir, nil, "-store", where)
			p.cancel()
			p.end(t)
			line := fails(t, 1, nil, append(arguments(t.TempDir(), nil), "-store", where)...)
			wantText(t, line, "keys", "copy the keys file")
			if strings.Contains(line, servertest.Password) {
				t.Errorf("%q has the password", line)
			}
			launch(t, dir, nil, "-store", where)
		})
	}
}

// TestStoreErrors names places that cannot be used.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	port := servertest.FreePort(t)
	nobody := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	for _, c := range []struct{ args, want string }{
		{"-store mysql://root:correct-horse@localhost/x", "-store is not a URL"},
		{"-store correct-horse", "-store is not a URL"},
		{"-users redis://:correct-horse@" + nobody, "-users is not a URL"},
		{"-unsafe-redis volatile", "go with -store redis"},
		{"-unsafe-postgres", "goes with -store postgres"},
		{"-store redis://" + nobody + " -unsafe-redis forgetful", `"forgetful"`},
		{"-store redis://:correct-horse@" + nobody, "redis"},
		{"-store postgres://u:correct-horse@" + nobody + "/db", "pgstore"},
		{"-users postgres://u:correct-horse@" + nobody + "/db", "pgstore"},
		{"-store postgres://u:correct-horse@127.0.0.1:port/db", "pgstore"},
		{"-store redis://:correct-horse@127.0.0.1:port", "redis"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			line := fails(t, 1, nil, append(arguments(t.TempDir(), nil)[:4], strings.Fields(c.args)...)...)
			wantText(t, line, c.want)
			if strings.Contains(line, "correct-horse") {
				t.Errorf("%q repeats the password", line)
			}
		})
	}
}

func TestPlaceIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	for in, want := range map[place]string{
		"postgres://u:correct-horse@db.example:5432/passcode?sslmode=disable&password=correct-horse": "postgres://db.example:5432/passcode",
		"redis://:correct-horse@127.0.0.1:6379/3":                                                    "redis://127.0.0.1:6379/3",
		"redis://:correct-horse@[broken":                                                             "redis://…",
	} {
		if got := in.String(); got != want {
			t.Errorf("%q", got)
		}
	}
	if err := fmt.Errorf("%v", place("redis://:correct-horse@h/")); strings.Contains(err.Error(), "correct-horse") {
		t.Error(err)
	}
}

// TestOldKeys gives a program that keeps nothing in a file the keys of an
// earlier release, which several programs at once would each complete.
func TestOldKeys(t *testing.T) {
	t.Parallel()
	where := newPostgres(t)
	keys, err := newKeys(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	keys.Version, keys.SealRing, keys.Signing = 1, nil, nil
	path := filepath.Join(t.TempDir(), "old.keys")
	old := marshal(t, keys)
	write(t, path, old, 0o600)
	line := fails(t, 1, nil, append(arguments(t.TempDir(), nil)[:4], "-store", where, "-keys", path)...)
	wantText(t, line, path, "earlier release")
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		t.Errorf("the keys file was changed, %v", err)
	}
}

// TestKeysElsewhere keeps the keys where -keys says.
func TestKeysElsewhere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "elsewhere.keys")
	p := launch(t, t.TempDir(), nil, "-keys", path)
	if _, err := readKeys(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "passcode.keys")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("keys beside the database too: %v", err)
	}
	p.cancel()
	p.end(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantText(t, fails(t, 1, nil, append(arguments(p.dir, nil)[:4], "-keys", path)...), path, "put them back")
}
