package loginpage

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// The cookies, without what stands before their names.
const (
	sessionCookie = "session"
	flowCookie    = "signin"

	hostPrefix  = "__Host-"   // browsers take it from this host over TLS only
	plainPrefix = "passcode-" // where there is no TLS
)

// plain reports whether a request is one that Secure cookies do not come back
// with: plain HTTP to a loopback host, or to any where the program says so.
// A browser that came by https says it in the Origin of a form, and its proxy in
// every request, if it is told to; the proxy may have changed the host. Whoever
// lies here gets a cookie of their own that does not come back.
func (p *Pages) plain(r *http.Request) bool {
	if r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") || overTLS(r.Header) {
		return false
	}
	return p.options.UnsafePlainHTTP || loopback(r.Host)
}

// overTLS reports whether a proxy says that the request came to it by https.
func overTLS(h http.Header) bool {
	said := func(name, text string) bool {
		return strings.Contains(strings.ToLower(strings.Join(h.Values(name), ",")), text)
	}
	return said("X-Forwarded-Proto", "https") || said("Forwarded", "proto=https") || said("Forwarded", `proto="https"`)
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// readCookie returns the values that a cookie may have, at most two. Two cookies
// of one name are none: one of them was put there by somebody else. The name
// without the prefix counts only on plain HTTP, and after the other, which may be
// left there by another program: hosts share their cookies between ports.
func readCookie(plain bool, r *http.Request, name string) (values []string) {
	names := []string{hostPrefix + name}
	if plain {
		names = append(names, plainPrefix+name)
	}
	for _, name := range names {
		if cookies := r.CookiesNamed(name); len(cookies) == 1 && cookies[0].Value != "" {
			values = append(values, cookies[0].Value)
		}
	}
	return values
}

// setCookie sets a cookie, or removes it if value is empty.
func (v *visit) setCookie(name, value string, expires time.Time) {
	c := &http.Cookie{
		Name:     hostPrefix + name,
		Value:    value,
		Path:     "/",
		Expires:  expires,
		Secure:   true,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	if v.plain {
		c.Name, c.Secure = plainPrefix+name, false
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}
