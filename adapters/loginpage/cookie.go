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
// A browser that came by https says it in the Origin of a form, though a proxy
// may have changed the host.
func (p *Pages) plain(r *http.Request) bool {
	if r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") {
		return false
	}
	return p.options.UnsafePlainHTTP || loopback(r.Host)
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

// readCookie returns the value of a cookie. Two of one name are none: one of
// them was put there by somebody else. The name without the prefix counts only
// on plain HTTP.
func readCookie(plain bool, r *http.Request, name string) string {
	cookies := r.CookiesNamed(hostPrefix + name)
	if len(cookies) == 0 && plain {
		cookies = r.CookiesNamed(plainPrefix + name)
	}
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
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
