package loginpage

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/policy"
)

// maxAgent is how much of a User-Agent is kept.
const maxAgent = 512

// A visit is one request.
type visit struct {
	p       *Pages
	w       http.ResponseWriter
	r       *http.Request
	t       *Texts
	lang    int
	country region.Code // that the browser's language names
	client  netip.Addr
	plain   bool
	form    form // of a POST
}

func (p *Pages) visit(w http.ResponseWriter, r *http.Request) *visit {
	guard(w.Header())
	v := &visit{p: p, w: w, r: r, client: clientAddr(r, p.options.TrustedProxies), plain: p.plain(r)}
	v.lang, v.country = negotiate(r.Header.Get("Accept-Language"))
	v.t = &p.texts[v.lang]
	return v
}

// post reads the form and calls next with it.
func (v *visit) post(next func(*visit)) {
	var err error
	switch v.form, err = readForm(v.w, v.r); {
	case errors.Is(err, errFormSize):
		v.message(http.StatusRequestEntityTooLarge, v.t.BadForm)
	case errors.Is(err, errFormMedia):
		v.message(http.StatusUnsupportedMediaType, v.t.BadForm)
	case err != nil:
		v.message(http.StatusBadRequest, v.t.BadForm)
	default:
		next(v)
	}
}

// query returns the fields of the address, none if it is malformed.
func (v *visit) query() form {
	f, err := parseForm(v.r.URL.RawQuery)
	if err != nil {
		return form{}
	}
	return f
}

// page returns a page with what all of them have.
func (v *visit) page(name, title string) *Page {
	o := &v.p.options
	return &Page{
		Name: name, T: v.t, Lang: languages[v.lang].tag, Dir: languages[v.lang].dir,
		AppName: o.App, Base: o.Path, StyleURL: v.p.sheet.url, ScriptURL: v.p.script.url,
		Title:  title,
		Length: o.Policy.Code.Length, Digits: o.Policy.Code.Alphabet == policy.Digits,
	}
}

// show writes a page.
func (v *visit) show(status int, page *Page) {
	html, err := execute(v.p.templates[page.Name], page)
	if err != nil {
		// A template that New tried does this for data that it did not try.
		v.p.options.Logger.ErrorContext(v.r.Context(), "loginpage: a template failed", "template", page.Name)
		http.Error(v.w, v.t.Unavailable, http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	v.w.WriteHeader(status)
	v.w.Write(html)
}

// message shows a page with one sentence, and the way to begin again.
func (v *visit) message(status int, text string, ways ...Way) {
	page := v.page("message", v.t.SignIn)
	if status >= http.StatusBadRequest {
		page.Title = v.t.Error
	}
	page.Intro = text
	page.Ways = append(ways, Way{Label: v.t.StartAgain, URL: v.p.options.Path})
	v.show(status, page)
}

// redirect sends the browser to a path that LocalPath takes.
func (v *visit) redirect(path string) {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
}

// leave sends the browser to a page of the program, which may send it anywhere.
// After a form it does so by a page of its own: browsers hold a redirect for part
// of the form, and some stop it at the first other host, as the form-action of
// contentPolicy says. The page is not left in the history.
func (v *visit) leave(path string) {
	if v.r.Method != http.MethodPost {
		v.redirect(path)
		return
	}
	page := v.page("onward", v.t.Continue)
	page.Return = path
	v.show(http.StatusOK, page)
}

// unavailable says that nobody knows, and tells the log why.
func (v *visit) unavailable(err error) {
	v.p.options.Logger.ErrorContext(v.r.Context(), "loginpage: unavailable", "error", err)
	v.w.Header().Set("Retry-After", "5")
	v.message(http.StatusServiceUnavailable, v.t.Unavailable)
}

// within counts the request for its client, and says so if it is one too many.
func (v *visit) within(what string, limit int) bool {
	wait, err := v.p.limited(v.r.Context(), what, limit, v.client)
	if err != nil {
		v.unavailable(err)
		return false
	}
	if wait <= 0 {
		return true
	}
	v.retryAfter(wait)
	v.message(http.StatusTooManyRequests, fill(v.t.Busy, "{n}", minutes(wait)))
	return false
}

func (v *visit) withinSends() bool { return v.within(limitSends, v.p.options.SendsPerClient) }

func (v *visit) withinGuesses() bool { return v.within(limitGuesses, v.p.options.GuessesPerClient) }

func (v *visit) retryAfter(wait time.Duration) {
	v.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
}

// minutes rounds up, so that nobody comes too early.
func minutes(d time.Duration) string { return strconv.Itoa(int((d + time.Minute - 1) / time.Minute)) }

// engineClient is what is known of the client, for the engine.
func (v *visit) engineClient() engine.Client {
	return engine.Client{IP: v.address(), UserAgent: v.agent()}
}

// attributes is the same for a session.
func (v *visit) attributes() sessions.Attributes {
	return sessions.Attributes{IPAddress: v.address(), UserAgent: v.agent()}
}

func (v *visit) address() string {
	if !v.client.IsValid() {
		return ""
	}
	return v.client.String()
}

// agent returns the browser's name for itself, as far as it can be kept.
func (v *visit) agent() string {
	agent := v.r.UserAgent()
	return strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
}
