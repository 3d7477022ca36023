package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/passcode-go/passcode/engine/sessions"
)

// A Guard stands before the pages of a program that has sessions of its own,
// in the same process: it lets through what shows a session. It serves none of
// the API. Set it up once for each requirement; the copies are independent and
// safe for concurrent use.
//
// The session's token is that of an Authorization header with the scheme
// "Bearer" (RFC 6750), and else the cookie's. Two cookies of the name are none:
// one of them was put there by somebody else.
//
// A session that was accessed within the last half minute is not accessed
// again, so that not every request writes. With sessions.Config.Idle a session
// may end that much earlier.
type Guard struct {
	// Sessions are the sessions. Required.
	Sessions *sessions.Sessions

	// Require is what the session has to have proved. Default: nothing more
	// than that it is there.
	Require sessions.Requirement

	// Cookie is the name of the cookie. Default: "__Host-session", which
	// browsers take from nobody but this host, and over TLS only.
	Cookie string

	// Refuse answers in the place of the page: missing are the methods by
	// which the user has yet to authenticate, or nil if there is no session.
	// SessionOf has the session, if there is one. Default: 403 and 401.
	Refuse func(w http.ResponseWriter, r *http.Request, missing []sessions.Method)

	// Now is the clock, the one of Sessions. Default: time.Now.
	Now func() time.Time
}

// DefaultCookie is the default of Guard.Cookie.
const DefaultCookie = "__Host-session"

// accessEvery is how long a session counts as accessed.
const accessEvery = 30 * time.Second

// Wrap returns a handler that passes requests on to next, with the session in
// their context. Where it cannot find out about the session it answers 503,
// and passes nothing on. It panics without Sessions.
func (g Guard) Wrap(next http.Handler) http.Handler {
	if g.Sessions == nil || next == nil {
		panic("httpapi: Guard.Sessions or the handler is missing")
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	if g.Refuse == nil {
		g.Refuse = refusePage
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := g.session(r)
		switch {
		case errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrToken):
			g.Refuse(w, r, nil)
			return
		case err != nil:
			http.Error(w, "Try again later.", http.StatusServiceUnavailable)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, session))
		if missing := g.Require.Missing(session, g.Now()); len(missing) > 0 {
			g.Refuse(w, r, missing)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// session returns the session that a request shows. Errors:
// sessions.ErrNotFound, sessions.ErrToken; any other means unknown.
func (g *Guard) session(r *http.Request) (sessions.Session, error) {
	token := g.token(r)
	if token == "" {
		return sessions.Session{}, sessions.ErrNotFound
	}
	shown := sessions.Credential{Token: token}
	session, err := g.Sessions.Lookup(r.Context(), shown)
	if err != nil || g.Now().Sub(session.LastAccessedAt) < accessEvery {
		return session, err
	}
	granted, err := g.Sessions.Authenticate(r.Context(), sessions.Request{Credential: shown})
	return granted.Session, err
}

func (g *Guard) token(r *http.Request) string {
	for _, header := range r.Header["Authorization"] {
		if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
			return token
		}
	}
	if cookies := r.CookiesNamed(cmp.Or(g.Cookie, DefaultCookie)); len(cookies) == 1 {
		return cookies[0].Value
	}
	return ""
}

// NewCookie returns the cookie to set when somebody authenticated, and again
// whenever the session has another token or another end. It goes with the
// session, no script sees it, and of requests from other sites only links carry
// it.
func (g Guard) NewCookie(granted sessions.Granted) *http.Cookie {
	return &http.Cookie{
		Name:     cmp.Or(g.Cookie, DefaultCookie),
		Value:    granted.Token.Reveal(),
		Path:     "/",
		Expires:  granted.Session.ExpiresAt,
		Secure:   true,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

func refusePage(w http.ResponseWriter, _ *http.Request, missing []sessions.Method) {
	w.Header().Set("Cache-Control", "no-store")
	if missing != nil {
		http.Error(w, "Please authenticate another factor.", http.StatusForbidden)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "Please log in.", http.StatusUnauthorized)
}

type sessionKey struct{}

// SessionOf returns the session that a [Guard] found.
func SessionOf(ctx context.Context) (sessions.Session, bool) {
	session, ok := ctx.Value(sessionKey{}).(sessions.Session)
	return session, ok
}
