package loginpage

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/sessions"
)

// getStart shows the first page, or sends those who are signed in to where they
// wanted to go.
func (p *Pages) getStart(v *visit) {
	query := v.query()
	switch session, _, err := p.session(v.r); {
	case err == nil:
		p.goOn(v, session, query.back())
	case !errors.Is(err, sessions.ErrNotFound):
		v.unavailable(err)
	default:
		p.first.show(v, p.channel(query["via"]), query.back())
	}
}

// goOn sends somebody who has just shown a factor, or comes with a session, to
// where they wanted to go: by way of the app, if it has to be shown.
func (p *Pages) goOn(v *visit, session sessions.Session, back string) {
	if back == "" {
		back = p.options.Home
	}
	missing, err := p.missing(v.r.Context(), session, sessions.Requirement{})
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		p.bereft(v, session, back)
	case err != nil:
		v.unavailable(err)
	case len(missing) > 0:
		v.redirect(p.factorLink(missing, back))
	default:
		v.leave(back)
	}
}

// bereft ends the sessions of a user who is gone, as after a restored backup, and
// shows the first page.
func (p *Pages) bereft(v *visit, session sessions.Session, back string) {
	if err := p.sessions.RevokeAll(v.r.Context(), session.UserID); err != nil {
		v.unavailable(err)
		return
	}
	v.setCookie(sessionCookie, "", time.Time{})
	v.redirect(p.link("", "return_to", back))
}

// channel returns the channel that is asked for, or the first one.
func (p *Pages) channel(via string) delivery.Channel {
	if c := delivery.Channel(via); slices.Contains(p.options.Channels, c) {
		return c
	}
	return p.options.Channels[0]
}

// startPage is the first page, without what somebody typed.
func (v *visit) startPage(c delivery.Channel, back string) *Page {
	page := v.page("start", v.t.SignIn)
	page.Intro, page.Action = v.t.SignInIntro, v.p.options.Path
	v.askAddress(page, "", c, v.p.options.Channels, back)
	return page
}

// askAddress fills in what a page needs that asks for an address. The page is
// where its tabs lead.
func (v *visit) askAddress(page *Page, path string, c delivery.Channel, offered []delivery.Channel, back string) {
	page.Channel, page.Return = c, back
	page.Countries = v.p.countries[c]
	page.Country = v.reached(c)
	for _, other := range offered {
		page.Channels = append(page.Channels, Way{
			Label:   v.channelName(other),
			URL:     v.p.link(path, "via", string(other), "return_to", back),
			Current: other == c,
		})
	}
}

// reached returns the country that is chosen at first, if the channel reaches
// it.
func (v *visit) reached(c delivery.Channel) region.Code {
	for _, wanted := range []region.Code{v.p.options.Country, v.country} {
		if slices.ContainsFunc(v.p.countries[c], func(country Country) bool { return country.Code == wanted }) {
			return wanted
		}
	}
	return ""
}

func (v *visit) channelName(c delivery.Channel) string {
	switch c {
	case delivery.SMS:
		return v.t.SMS
	case delivery.WhatsApp:
		return v.t.WhatsApp
	}
	return v.t.Email
}

// postStart sends a code to whoever is named. The answer is the same whether
// anybody has the address or not.
func (p *Pages) postStart(v *visit) {
	c := delivery.Channel(v.form["via"])
	if !slices.Contains(p.options.Channels, c) {
		v.message(http.StatusBadRequest, v.t.BadForm)
		return
	}
	if !v.withinSends() {
		return
	}
	f := flow{Kind: flowLogin, Via: c, To: v.typedAddress(c), Return: v.form.back()}
	f, err := v.send(f, sessions.Credential{})
	if err == nil {
		p.setFlow(v, f)
		v.redirect(p.options.Path + "code")
		return
	}
	page := v.startPage(c, v.form.back())
	v.keepTyped(page)
	v.refuseSend(page, err)
}

// typedAddress returns the address that a form asks to send to, as the engine's
// parsers read it.
func (v *visit) typedAddress(c delivery.Channel) string {
	if c.Class() == delivery.ClassEmail {
		return strings.TrimSpace(v.form["email"])
	}
	return phoneNumber(region.Code(v.form["country"]), v.form["phone"])
}

// keepTyped gives people back what they typed.
func (v *visit) keepTyped(page *Page) {
	page.Value = v.form["phone"]
	if page.Channel.Class() == delivery.ClassEmail {
		page.Value = v.form["email"]
	}
	if country := region.Code(v.form["country"]); country.Known() {
		page.Country = country
	}
}

// refuseSend shows why no code was sent, and what else there is.
func (v *visit) refuseSend(page *Page, err error) {
	f, ok := v.refusalOf(err, page.Channel)
	if !ok {
		v.unavailable(err)
		return
	}
	f.closed = false // it is about a code, and there is none
	v.refuse(page, f)
}
