package loginpage

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"/", "/home", "/a/b?c=d&e=//evil.example", "/a%20b", "/caf%C3%A9", "/a#b", "/?next=https://evil.example",
		"/.well-known/", "/a//b", "/100%25", "/" + strings.Repeat("a", maxReturn-1)} {
		if !LocalPath(s) {
			t.Errorf("%.60q is refused", s)
		}
	}
	for _, s := range []string{"", "home", "?a=b", "#a", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `/a\b`,
		"https://evil.example", "https:/evil.example", "HTTP:evil.example", "javascript:alert(1)", "data:text/html,x", "mailto:a@b",
		"/%2fevil.example", "/%2Fevil.example", "/%252fevil.example", "/%5cevil.example", "/%5Cevil.example", "/%255cevil.example",
		"/a%0d%0aSet-Cookie:%20a=b", "/%250d%250a", "/a\r\nb", "/a\nb", "/\t/evil.example", "/%09/evil.example", "/a b", " /a", "/a\x00", "/%00",
		"/é", "/\u2028", "/\u2215evil.example", "/%zz", "/a\x7f", "/%7f", "/" + strings.Repeat("a", maxReturn)} {
		if LocalPath(s) {
			t.Errorf("%.60q is accepted", s)
		}
	}
}

// Whatever is accepted stays on its host, by the rules of net/url and by those
// of browsers (WHATWG), which drop tabs and ends of lines and take a backslash
// for a slash.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/home?a=b", "//evil.example", `/\evil.example`, "/%2fevil.example", "https://evil.example", "/\t/evil.example", "/a\r\nb: c", "/%0a", "/..//evil.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !LocalPath(s) {
			return
		}
		base, err := url.Parse("https://app.example/login/")
		if err != nil {
			t.Fatal(err)
		}
		asBrowsers := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(strings.Trim(s, " \x00"))
		for _, reading := range []string{s, asBrowsers} {
			to, err := base.Parse(reading)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if to.Host != base.Host || to.Scheme != base.Scheme || to.User != nil || strings.HasPrefix(reading, "//") {
				t.Fatalf("%q leads to %s", s, to)
			}
		}
		if strings.ContainsAny(s, "\r\n\x00") || len(s) > maxReturn {
			t.Fatalf("%q", s)
		}
	})
}
