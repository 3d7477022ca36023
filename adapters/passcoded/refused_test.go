package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/internal/servertest"
)

// TestRefusedRedis names what is wrong with a Redis, and how to take it all the
// same.
func TestRefusedRedis(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	start := func(more ...string) string {
		return fails(t, 1, nil, append(append(arguments(t.TempDir(), nil), "-store", server.URL()), more...)...)
	}
	start()
	start("-unsafe-redis", "eviction")
	start("-unsafe-redis", "volatile")
	p := launch(t, t.TempDir(), nil, "-store", server.URL(), "-unsafe-redis", "eviction,volatile")
	if !strings.Contains(p.stderr.String(), "level=WARN") {
		t.Errorf("no warning:\n%s", p.stderr)
	}
	sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	p.authenticate(t, 200, sent.PhoneID, p.code(t))
}

// TestRefusedPostgres does so with a Postgres.
func TestRefusedPostgres(t *testing.T) {
	t.Parallel()
	server := servertest.Postgres(t, "full_page_writes=off")
	told := fails(t, 1, nil, append(arguments(t.TempDir(), nil), "-store", server.URL())...)
	if !strings.Contains(told, "full_page_writes is off") {
		t.Errorf("it says %q", told)
	}
	p := launch(t, t.TempDir(), nil, "-store", server.URL(), "-unsafe-postgres")
	p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
}

// TestRedisGoesBad changes a Redis for the worse while the program runs: it
// refuses, says why once, and goes on when the server has been put right.
func TestRedisGoesBad(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	set := func(setting string) {
		t.Helper()
		if _, err := servertest.RedisCommand(server.Addr(), "CONFIG SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
	p := launch(t, t.TempDir(), nil, "-store", server.URL())
	const start = "/v1/otps/sms/login_or_create"
	sent := p.post(t, 200, start, `{"phone_number": "+12025550162"}`)
	code := p.code(t)
	set("appendonly no")
	const told = `level=ERROR msg="Redis may forget: requests are refused.*appendonly is off`
	p.stderr.await(t, told)
	p.post(t, 503, start, `{"phone_number": "+12025550163"}`)
	p.authenticate(t, 503, sent.PhoneID, code)
	set("appendonly yes")
	p.stderr.await(t, `level=INFO msg="Redis is as it should be again"`)
	p.post(t, 200, start, `{"phone_number": "+12025550163"}`)
	p.authenticate(t, 200, sent.PhoneID, code)
	if n := len(regexp.MustCompile(told).FindAllString(p.stderr.String(), -1)); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, p.stderr)
	}
}
