package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A browser is one without scripts, at the pages of a program.
type browser struct {
	t      *testing.T
	p      *program
	client *http.Client
}

func newBrowser(t *testing.T, p *program) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, p, &http.Client{Jar: jar}}
}

var refresh = regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]*)"`)

// read returns a page, the one that it goes on to included.
func (b *browser) read(resp *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 && resp.StatusCode != 422 {
		b.t.Fatalf("status %d, %v:\n%s", resp.StatusCode, err, page)
	}
	if m := refresh.FindSubmatch(page); m != nil {
		return b.open(html.UnescapeString(string(m[1])))
	}
	return string(page)
}

func (b *browser) open(path string) string {
	b.t.Helper()
	return b.read(b.client.Get(b.p.url + path))
}

// submit fills in a form of a page and sends it: the one with a field, or, where
// that begins with a slash, the one that goes there.
func (b *browser) submit(page, field, value string) string {
	b.t.Helper()
	for _, form := range regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`).FindAllStringSubmatch(page, -1) {
		if form[1] != field && !strings.Contains(form[2], `name="`+field+`"`) {
			continue
		}
		values := url.Values{}
		for _, input := range regexp.MustCompile(`<(?:input|button)[^>]*name="([^"]*)"[^>]*value="([^"]*)"`).FindAllStringSubmatch(form[2], -1) {
			if values.Get(input[1]) == "" {
				values.Set(input[1], input[2])
			}
		}
		if form[1] != field {
			values.Set(field, value)
		}
		if strings.Contains(form[2], `name="country"`) {
			values.Set("country", "US")
		}
		to, err := url.Parse(b.p.url + "/login/")
		if err == nil {
			to, err = to.Parse(html.UnescapeString(form[1]))
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return b.read(b.client.PostForm(to.String(), values))
	}
	b.t.Fatalf("no form with %q in\n%s", field, page)
	return ""
}

// TestLoginPages signs somebody in by the pages of the program, who adds a second
// factor, signs out, and in again by both, on each store.
func TestLoginPages(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		p := launch(t, t.TempDir(), nil, append(where(), "-app", "Acme")...)
		if !strings.Contains(p.stdout.String(), "Sign in:  "+p.url+"/login/\n") {
			t.Errorf("the banner does not say where:\n%s", p.stdout)
		}
		b := newBrowser(t, p)
		signIn := func() string {
			t.Helper()
			b.submit(b.open("/login/"), "phone", "2025550162")
			return b.submit(b.open("/login/code"), "code", p.code(t))
		}
		page := b.open("/login/")
		if !strings.Contains(page, "Acme") {
			t.Error("the page does not name the application")
		}
		page = b.submit(page, "phone", "2025550162")
		if letters := p.outbox(t); len(letters) != 1 || letters[0].To != "+12025550162" {
			t.Fatalf("letters %+v; page\n%s", letters, page)
		}
		page = b.submit(page, "code", another(p.code(t)))
		if !strings.Contains(page, `role="alert"`) {
			t.Errorf("no word about the wrong code:\n%s", page)
		}
		page = b.submit(page, "code", p.code(t))
		if again := b.open("/login/account"); page != again || !strings.Contains(page, `action="/login/out"`) || strings.Contains(page, `name="code"`) {
			t.Errorf("not signed in:\n%s\nand then\n%s", page, again)
		}

		// A second factor of each kind.
		page = b.submit(b.open("/login/add?via=email"), "email", "ada@example.com")
		page = b.submit(page, "code", p.code(t))
		if !strings.Contains(page, "a•••@example.com") {
			t.Errorf("the address was not added:\n%s", page)
		}
		page = b.submit(page, "/login/app/new", "")
		key := strings.ReplaceAll(regexp.MustCompile(`<bdi class="key" dir="ltr">([A-Z2-7 ]+)</bdi>`).FindStringSubmatch(page)[1], " ", "")
		page = b.submit(page, "code", appCode(t, key, time.Now()))
		recovery := regexp.MustCompile(`<li>([a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4})</li>`).FindAllStringSubmatch(page, -1)
		if len(recovery) != 10 {
			t.Errorf("%d recovery codes in\n%s", len(recovery), page)
		}

		// Out: the cookie is worth nothing any more.
		at, err := url.Parse(p.url)
		if err != nil {
			t.Fatal(err)
		}
		before := b.client.Jar.Cookies(at)
		page = b.submit(b.open("/login/account"), "/login/out", "")
		if !strings.Contains(page, "You are signed out") || len(b.client.Jar.Cookies(at)) != 0 {
			t.Errorf("not signed out:\n%s", page)
		}
		b.client.Jar.SetCookies(at, before)
		if page := b.open("/login/account"); !strings.Contains(page, `name="phone"`) {
			t.Errorf("signed in by a cookie of before:\n%s", page)
		}

		// And in by both factors.
		page = signIn()
		if strings.Contains(page, `action="/login/out-all"`) || !strings.Contains(page, "authenticator app") {
			t.Errorf("the app was not asked for:\n%s", page)
		}
		page = b.submit(page, "code", appCode(t, key, time.Now().Add(30*time.Second))) // this one was used
		if !strings.Contains(page, `action="/login/out-all"`) {
			t.Errorf("not signed in by the app:\n%s", page)
		}
	})
}

// appCode is what an authenticator app shows at a time (RFC 6238).
func appCode(t *testing.T, key string, at time.Time) string {
	t.Helper()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:])&0x7fffffff%1e6)
}

// Who sends what costs money has to ask for pages by which anybody can send.
func TestLoginPagesByOption(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "passcoded.toml")
	if err := os.WriteFile(file, []byte("[providers.print.console]\n[channels.sms]\nproviders = [\"print\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const variable = "PASSCODED_LOGIN_PAGES"
	for _, c := range []struct {
		args   []string
		env    string
		served bool
	}{
		{nil, "", true},
		{nil, "0", false},
		{[]string{"-login-pages=false"}, "", false},
		{[]string{"-login-pages"}, "0", true},
		{[]string{"-config", file}, "", false},
		{[]string{"-config", file}, "1", true},
		{[]string{"-config", file, "-login-pages"}, "", true},
		{[]string{"-login-pages=0", "-config", file}, "1", false},
	} {
		t.Run(fmt.Sprint(c.args, c.env), func(t *testing.T) {
			t.Parallel()
			p := launch(t, t.TempDir(), map[string]string{variable: c.env}, c.args...)
			resp, err := http.Get(p.url + "/login/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if served := resp.StatusCode == http.StatusOK; served != c.served {
				t.Errorf("status %d", resp.StatusCode)
			}
			resp, err = http.PostForm(p.url+"/login/", url.Values{"via": {"sms"}, "country": {"US"}, "phone": {"2025550162"}})
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if sent := len(p.outbox(t)) > 0; sent != c.served {
				t.Errorf("sent %v, status %d", sent, resp.StatusCode)
			}
			if named := strings.Contains(p.stdout.String(), "/login/"); named != c.served {
				t.Errorf("the banner:\n%s", p.stdout)
			}
		})
	}
	stderr := newOutput()
	args := arguments(t.TempDir(), nil)
	if status := run(t.Context(), args, lookup(map[string]string{variable: "maybe"}), newOutput(), stderr); status != 1 || !strings.Contains(stderr.String(), "-login-pages") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestClientsOfProxies has two clients behind a proxy: each has a limit of its
// own, which goes on when the program is started anew.
func TestClientsOfProxies(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Minute // in which requests are counted together
	for {
		begun := time.Now().Truncate(window)
		dir := t.TempDir()
		sends := 0
		send := func(p *program, client string) int {
			t.Helper()
			sends++
			form := url.Values{"via": {"email"}, "email": {fmt.Sprintf("user%d@example.com", sends)}}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/login/", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-For", "198.51.100.9, "+client) // what the proxy was told, and what it saw
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		args := []string{"-trusted-proxies", "127.0.0.1"}
		p := launch(t, dir, nil, args...)
		var got []int
		for range 30 {
			if status := send(p, "192.0.2.1"); status != http.StatusOK && status != http.StatusBadRequest { // there are no cookies
				t.Fatalf("send %d: status %d", sends, status)
			}
		}
		got = append(got, send(p, "192.0.2.1"), send(p, "192.0.2.2"))
		p.cancel()
		p.end(t)
		p = launch(t, dir, nil, args...)
		got = append(got, send(p, "192.0.2.1"), send(p, "192.0.2.2"))
		if !time.Now().Truncate(window).Equal(begun) {
			continue // they began to be counted anew
		}
		limited := func(i int) bool { return got[i] == http.StatusTooManyRequests }
		if !limited(0) || limited(1) || !limited(2) || limited(3) {
			t.Errorf("statuses %d: one too many of a client, one of another, and both again after a restart", got)
		}
		return
	}
}
