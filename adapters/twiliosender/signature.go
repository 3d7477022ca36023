package twiliosender

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A signedURL is one form of a URL that Twilio may sign. Between its halves
// stands the query of the request.
type signedURL struct{ before, fragment string }

// signedURLs returns the forms of a URL that was checked, to the letter: with
// the port and without, because Twilio's backends do not agree on it, and with
// the fragment and without, because no request shows it.
func signedURLs(raw string) []signedURL {
	u, _ := url.Parse(raw)
	start := len(u.Scheme) + len("://")
	path := raw[start+len(u.Host):]
	path, fragment, found := strings.Cut(path, "#")
	path, _, _ = strings.Cut(path, "?")
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var all []signedURL
	for _, host := range []string{strings.TrimSuffix(u.Host, ":"+u.Port()), net.JoinHostPort(u.Hostname(), port)} {
		before := raw[:start] + host + path
		all = append(all, signedURL{before, ""})
		if found {
			all = append(all, signedURL{before, "#" + fragment})
		}
	}
	return all
}

// signature returns what can be a signature of Twilio's: HMAC-SHA1, in base64.
func signature(h http.Header) (mac []byte, ok bool) {
	values := h.Values("X-Twilio-Signature")
	if len(values) != 1 {
		return nil, false
	}
	mac, err := base64.StdEncoding.Strict().DecodeString(values[0])
	return mac, err == nil && len(mac) == sha1.Size
}

// signed reports whether given is Twilio's signature for a request with this query
// and form: HMAC-SHA1 with an auth token over the URL and all parameters in
// order, each name followed by its values. Between them stands nothing, so
// that their borders are not signed; what the handler makes of them it checks
// by itself. See https://www.twilio.com/docs/usage/webhooks/webhooks-security.
func (c *Callback) signed(query string, form url.Values, given []byte) bool {
	if query != "" {
		query = "?" + query
	}
	names := slices.Sorted(maps.Keys(form))
	found := false
	for _, u := range c.urls {
		for _, token := range c.tokens {
			mac := hmac.New(sha1.New, []byte(token.Reveal()))
			io.WriteString(mac, u.before+query+u.fragment)
			for _, name := range names {
				values := slices.Sorted(slices.Values(form[name]))
				for _, value := range slices.Compact(values) {
					io.WriteString(mac, name)
					io.WriteString(mac, value)
				}
			}
			found = hmac.Equal(mac.Sum(nil), given) || found
		}
	}
	return found
}
