package loginpage

import (
	"net/url"
	"strings"
)

// maxReturn is the longest path to return to: it travels in a cookie.
const maxReturn = 1024

// LocalPath reports whether a browser that is sent to s stays on the host it is
// on: s is a path, with or without a query, of up to 1024 bytes of visible ASCII.
// Refused is everything that some browser or proxy reads as another host or as a
// second header: "//host", "/\host", a scheme, control characters, spaces and
// backslashes, and the same again in a path that was decoded once or twice.
func LocalPath(s string) bool {
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(s) > maxReturn || strings.ContainsFunc(s, invisible) {
		return false
	}
	if u, err := url.Parse(s); err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return false
	}
	path, _, _ := strings.Cut(s, "#")
	path, _, _ = strings.Cut(path, "?")
	for range 3 {
		if !rooted(path) {
			return false
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			break
		}
		path = decoded
	}
	return true
}

// rooted reports whether a path begins with one slash and holds nothing that
// could be taken for another, or for the end of a line.
func rooted(path string) bool {
	hostile := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsFunc(path, hostile)
}
