package loginpage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// accessEvery is how long a session counts as accessed: not every request
// writes. With sessions.Config.Idle a session may end that much earlier.
const accessEvery = 30 * time.Second

// RequireSession protects a handler: it lets through who is signed in, with the
// session in the request's context, where SessionOf finds it, and leads
// everybody else to the pages. They come back to the address that they asked for.
//
// Who has set up an authenticator app has to have shown it, unless
// Options.AppOptional; for that the user is read, as long as the session is
// without it.
//
// Only a browser that asks for a page is led away, by 303. Anything else, such as
// a script's request or a form, is answered 401, or 403 where a factor is
// missing; and 503 where the session cannot be found out about.
func (p *Pages) RequireSession(next http.Handler) http.Handler {
	return p.Require(sessions.Requirement{})(next)
}

// RequireFactors is RequireSession for pages that want more: a factor by each of
// these methods, as with [sessions.Require]. Who has not shown one is asked for
// it, and who has none is led to set it up. It panics at a method that is none of
// package sessions': nobody could ever show it.
func (p *Pages) RequireFactors(methods ...sessions.Method) func(http.Handler) http.Handler {
	return p.Require(sessions.Require(methods...))
}

// Require is RequireFactors with a requirement, which may say how recent:
//
//	login.Require(sessions.Require(sessions.Email).Within(5*time.Minute))(next)
func (p *Pages) Require(requirement sessions.Requirement) func(http.Handler) http.Handler {
	for _, m := range requirement.Missing(sessions.Session{}, p.now()) { // all of them
		switch m {
		case sessions.SMS, sessions.WhatsApp, sessions.Email, sessions.Authenticator, sessions.RecoveryCode:
		default:
			panic(fmt.Sprintf("loginpage: no page takes a factor by the method %q", m))
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _, err := p.session(r)
			var missing []sessions.Method
			if err == nil {
				missing, err = p.missing(r.Context(), session, requirement)
			}
			switch {
			case errors.Is(err, sessions.ErrNotFound):
				p.leadAway(w, r, nil)
			case err != nil:
				p.visit(w, r).unavailable(err)
			case len(missing) > 0:
				p.leadAway(w, r, missing)
			default:
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, session)))
			}
		})
	}
}

type sessionKey struct{}

// SessionOf returns the session of a request that [Pages.RequireSession] let
// through.
func SessionOf(ctx context.Context) (sessions.Session, bool) {
	session, ok := ctx.Value(sessionKey{}).(sessions.Session)
	return session, ok
}

// session returns the session that a request shows, and by what. Errors:
// sessions.ErrNotFound; any other means unknown.
func (p *Pages) session(r *http.Request) (sessions.Session, sessions.Credential, error) {
	for _, token := range readCookie(p.plain(r), r, sessionCookie) {
		shown := sessions.Credential{Token: token}
		if session, err := p.sessionOf(r, shown); !errors.Is(err, sessions.ErrNotFound) {
			return session, shown, err
		}
	}
	return sessions.Session{}, sessions.Credential{}, sessions.ErrNotFound
}

func (p *Pages) sessionOf(r *http.Request, shown sessions.Credential) (sessions.Session, error) {
	session, err := p.sessions.Lookup(r.Context(), shown)
	if err == nil && p.now().Sub(session.LastAccessedAt) >= accessEvery {
		var granted sessions.Granted
		granted, err = p.sessions.Authenticate(r.Context(), sessions.Request{Credential: shown})
		session = granted.Session
	}
	if errors.Is(err, sessions.ErrToken) {
		err = sessions.ErrNotFound
	}
	return session, err
}

// missing returns what a session has yet to show: the app first, if its user has
// one. Errors: sessions.ErrNotFound for a user who is gone; any other means
// unknown.
func (p *Pages) missing(ctx context.Context, session sessions.Session, requirement sessions.Requirement) ([]sessions.Method, error) {
	missing := requirement.Missing(session, p.now())
	app := sessions.Require(sessions.Authenticator)
	if p.options.AppOptional || len(app.Missing(session, p.now())) == 0 || slices.Contains(missing, sessions.Authenticator) {
		return missing, nil
	}
	user, err := p.accounts.User(ctx, session.UserID)
	if errors.Is(err, accounts.ErrUserNotFound) {
		return nil, sessions.ErrNotFound
	}
	if err != nil || !hasApp(user) {
		return missing, err
	}
	return append([]sessions.Method{sessions.Authenticator}, missing...), nil
}

func hasApp(user store.User) bool {
	return slices.ContainsFunc(user.TOTPs, func(t store.TOTP) bool { return t.Verified })
}

// leadAway answers in the place of a page; missing is nil without a session.
func (p *Pages) leadAway(w http.ResponseWriter, r *http.Request, missing []sessions.Method) {
	w.Header().Set("Cache-Control", "no-store")
	asksForPage := r.Method == http.MethodGet || r.Method == http.MethodHead
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		asksForPage = asksForPage && mode == "navigate"
	} else {
		asksForPage = asksForPage && strings.Contains(r.Header.Get("Accept"), "text/html")
	}
	switch {
	case !asksForPage && missing == nil:
		w.Header().Set("WWW-Authenticate", `Cookie realm="session"`)
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
	case !asksForPage:
		http.Error(w, "Show another factor first.", http.StatusForbidden)
	case missing == nil:
		w.Header().Set("Location", p.link("", "return_to", local(r.URL.RequestURI())))
		w.WriteHeader(http.StatusSeeOther)
	default:
		w.Header().Set("Location", p.factorLink(missing, local(r.URL.RequestURI())))
		w.WriteHeader(http.StatusSeeOther)
	}
}

// local returns a path, or "" if it is not fit to return to.
func local(path string) string {
	if LocalPath(path) {
		return path
	}
	return ""
}

// factorLink is where the methods can be shown.
func (p *Pages) factorLink(missing []sessions.Method, back string) string {
	var names []string
	for _, m := range missing {
		names = append(names, string(m))
	}
	return p.link("factor", "need", strings.Join(names, ","), "return_to", back)
}

// link is a page of ours with the fields that are not empty.
func (p *Pages) link(page string, fields ...string) string {
	query := make(url.Values)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] != "" {
			query.Set(fields[i], fields[i+1])
		}
	}
	if len(query) == 0 {
		return p.options.Path + page
	}
	return p.options.Path + page + "?" + query.Encode()
}
