package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestLoginPages signs somebody in by the pages of the program, as a browser
// without scripts does, on each store.
func TestLoginPages(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		p := launch(t, t.TempDir(), nil, append(where(), "-app", "Acme")...)
		if !strings.Contains(p.stdout.String(), "Sign in:  "+p.url+"/login/\n") {
			t.Errorf("the banner does not say where:\n%s", p.stdout)
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar}
		read := func(resp *http.Response, err error) string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			page, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 && resp.StatusCode != 422 {
				t.Fatalf("status %d, %v:\n%s", resp.StatusCode, err, page)
			}
			return string(page)
		}
		// submit fills in a form of a page and sends it.
		submit := func(page, field, value string) string {
			t.Helper()
			for _, form := range regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`).FindAllStringSubmatch(page, -1) {
				if !strings.Contains(form[2], `name="`+field+`"`) {
					continue
				}
				values := url.Values{}
				for _, input := range regexp.MustCompile(`<(?:input|button)[^>]*name="([^"]*)"[^>]*value="([^"]*)"`).FindAllStringSubmatch(form[2], -1) {
					if values.Get(input[1]) == "" {
						values.Set(input[1], input[2])
					}
				}
				values.Set(field, value)
				if strings.Contains(form[2], `name="country"`) {
					values.Set("country", "US")
				}
				to, err := url.Parse(p.url + "/login/")
				if err != nil {
					t.Fatal(err)
				}
				if to, err = to.Parse(strings.ReplaceAll(form[1], "&amp;", "&")); err != nil {
					t.Fatal(err)
				}
				return read(browser.PostForm(to.String(), values))
			}
			t.Fatalf("no form with %q in\n%s", field, page)
			return ""
		}
		page := read(browser.Get(p.url + "/login/"))
		if !strings.Contains(page, "Acme") {
			t.Error("the page does not name the application")
		}
		page = submit(page, "phone", "2025550162")
		if letters := p.outbox(t); len(letters) != 1 || letters[0].To != "+12025550162" {
			t.Fatalf("letters %+v; page\n%s", letters, page)
		}
		page = submit(page, "code", another(p.code(t)))
		if !strings.Contains(page, `role="alert"`) {
			t.Errorf("no word about the wrong code:\n%s", page)
		}
		page = submit(page, "code", p.code(t))
		if again := read(browser.Get(p.url + "/login/account")); !strings.Contains(again, `action="/login/out"`) || strings.Contains(again, `name="code"`) {
			t.Errorf("not signed in:\n%s\nand then\n%s", page, again)
		}
	})
}
