package loginpage

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/internal/seal"
)

// Pages are the pages by which people sign in: mount them at Options.Path. Make
// them with New. They are safe for concurrent use.
type Pages struct {
	accounts *accounts.Accounts
	sessions *sessions.Sessions
	options  Options
	ring     *seal.Ring
	now      func() time.Time

	templates map[string]*template.Template
	texts     [len(languages)]Texts
	countries map[delivery.Channel][]Country
	routes    map[string]route
	sheet     asset
	script    asset
	first     *firstPages
	ownFirst  bool // the first page is by a template of the program
	forgery   *http.CrossOriginProtection
}

var _ http.Handler = (*Pages)(nil)

// New returns the pages, or an error that names what cannot be used of the
// options. The sessions have to be those of the accounts. It keeps nothing of
// the options that the caller could change, save what is an interface.
func New(acc *accounts.Accounts, logins *sessions.Sessions, options Options) (*Pages, error) {
	if acc == nil || logins == nil {
		return nil, errors.New("loginpage: accounts or sessions are missing")
	}
	options, err := options.complete(acc.Channels())
	if err != nil {
		return nil, err
	}
	if err := logins.CheckGrant(context.Background(), sessions.Grant{UserID: "-", Duration: options.Session}); err != nil {
		return nil, fmt.Errorf("loginpage: Options.Session: %w", err)
	}
	p := &Pages{accounts: acc, sessions: logins, options: options, now: options.Now, forgery: http.NewCrossOriginProtection()}
	if p.ring, err = seal.NewRing(options.Keys, "loginpage"); err != nil {
		return nil, fmt.Errorf("loginpage: Options.Keys: %w", err)
	}
	if p.templates, err = loadTemplates(options.Templates); err != nil {
		return nil, err
	}
	if p.sheet, p.script, err = loadAssets(options.Path, options.Style); err != nil {
		return nil, err
	}
	for i := range languages {
		p.texts[i] = languages[i].texts()
	}
	p.countries = make(map[delivery.Channel][]Country)
	for _, c := range options.Channels {
		p.countries[c] = countryList(options.Policy, c)
		if c.Class() == delivery.ClassPhone && len(p.countries[c]) == 0 {
			return nil, fmt.Errorf("loginpage: Options.Policy reaches no country by %q", c)
		}
	}
	p.first, p.ownFirst = newFirstPages(p), replaces(options.Templates, "layout") || replaces(options.Templates, "start")
	p.routes = p.makeRoutes()
	if !p.leadsOn(options.Home) {
		return nil, fmt.Errorf("loginpage: Options.Home %q is a page to sign in by: who is signed in would go around in circles", options.Home)
	}
	return p, nil
}

// A route is what answers to a path.
type route struct{ get, post func(*visit) }

// makeRoutes is the table of the paths.
func (p *Pages) makeRoutes() map[string]route {
	base := p.options.Path
	return map[string]route{
		base:              {p.getStart, p.postStart},
		base + "code":     {p.getCode, p.postCode},
		base + "resend":   {p.getCode, p.postResend},
		base + "factor":   {p.getFactor, p.postFactor},
		base + "app":      {p.getApp, p.postApp},
		base + "recovery": {p.getRecovery, p.postRecovery},
		base + "account":  {p.getAccount, nil},
		base + "add":      {p.getAdd, p.postAdd},
		base + "app/new":  {nil, p.postEnrol},
		base + "app/done": {nil, p.postEnrolled},
		base + "codes":    {p.getCodes, nil},
		base + "remove":   {p.getRemove, p.postRemove},
		base + "out":      {nil, p.postOut},
		base + "out-all":  {nil, p.postOutAll},
		base + "bye":      {p.getBye, nil},
	}
}

// leadsOn reports whether a path is none of these pages but the account page.
func (p *Pages) leadsOn(home string) bool {
	u, err := url.Parse(home)
	if err != nil {
		return false
	}
	_, ours := p.routes[u.Path]
	return !ours && u.Path+"/" != p.options.Path || u.Path == p.options.Path+"account"
}

// What a page may do: load our stylesheet and script, and send forms to us. The
// second one may show a picture that is part of the page.
const (
	contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	picturePolicy = contentPolicy + "; img-src data:"
)

// ServeHTTP serves a page, its stylesheet or its script.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case p.sheet.url:
		p.sheet.serve(w, r)
		return
	case p.script.url:
		p.script.serve(w, r)
		return
	}
	v := p.visit(w, r)
	route, ok := p.routes[r.URL.Path]
	if !ok {
		v.message(http.StatusNotFound, v.t.NotFound)
		return
	}
	if err := p.forgery.Check(r); err != nil {
		v.message(http.StatusForbidden, v.t.OtherSite)
		return
	}
	switch {
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && route.get != nil:
		route.get(v)
	case r.Method == http.MethodPost && route.post != nil:
		v.post(route.post)
	default:
		allow := "GET, HEAD, POST"
		if route.get == nil {
			allow = "POST"
		} else if route.post == nil {
			allow = "GET, HEAD"
		}
		w.Header().Set("Allow", allow)
		v.message(http.StatusMethodNotAllowed, v.t.BadForm)
	}
}

// guard sets what every page has, before anything else is known of it.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin") // not no-referrer: forms would come with the Origin "null"
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.media)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(a.body)
}
