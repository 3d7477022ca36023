package loginpage

import (
	"net/http"
	"slices"
	"strings"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// getFactor shows by what the first of the factors that a page wants can be
// shown. It decides nothing: the page asks again.
func (p *Pages) getFactor(v *visit) {
	who, ok := p.someone(v)
	if !ok {
		return
	}
	query := v.query()
	need, _, _ := strings.Cut(query["need"], ",")
	switch method := sessions.Method(need); method {
	case sessions.Authenticator, sessions.RecoveryCode:
		if hasApp(who.user) {
			where := "app"
			if method == sessions.RecoveryCode {
				where = "recovery"
			}
			v.redirect(p.link(where, "return_to", query.back()))
			return
		}
		page := v.factorPage()
		page.Intro = v.t.NotSetUp
		page.Ways = append(page.Ways, Way{Label: v.t.AddApp, URL: p.options.Path + "account"})
		v.show(http.StatusOK, page)
	case sessions.SMS, sessions.WhatsApp:
		p.showFactor(v, who.user.Phones, delivery.ClassPhone, query)
	case sessions.Email:
		p.showFactor(v, who.user.Emails, delivery.ClassEmail, query)
	default:
		p.goOn(v, who.session, query.back())
	}
}

func (v *visit) factorPage() *Page {
	page := v.page("factor", v.t.OneMore)
	page.Intro = v.t.OneMoreIntro
	return page
}

// showFactor offers to send a code to each address of a class, by each channel,
// or to add one where the user has none.
func (p *Pages) showFactor(v *visit, methods []store.Method, class delivery.Class, query form) {
	page := v.factorPage()
	var channels []delivery.Channel
	for _, c := range p.options.Channels {
		if c.Class() == class {
			channels = append(channels, c)
		}
	}
	for _, m := range methods {
		for _, c := range channels {
			if m.Verified {
				page.Ways = append(page.Ways, Way{
					Label: v.sendLabel(c), To: delivery.Mask(m.Address), Channel: c, Method: m.ID,
					Action: p.link("factor", "need", query["need"], "return_to", query.back()),
				})
			}
		}
	}
	switch {
	case len(channels) == 0:
		page.Intro = v.t.NotOffered
	case len(page.Ways) == 0:
		page.Intro = v.t.NotSetUp
		label := v.t.AddPhone
		if class == delivery.ClassEmail {
			label = v.t.AddEmail
		}
		page.Ways = append(page.Ways, Way{Label: label, URL: p.link("add", "via", string(channels[0]), "return_to", query.back())})
	}
	page.Ways = append(page.Ways, Way{Label: v.t.Back, URL: p.options.Path + "account"})
	v.show(http.StatusOK, page)
}

func (v *visit) sendLabel(c delivery.Channel) string {
	switch c {
	case delivery.SMS:
		return v.t.SendSMS
	case delivery.WhatsApp:
		return v.t.SendWhatsApp
	}
	return v.t.SendEmail
}

// postFactor sends a code to one of the user's own addresses. One that is not
// verified yet is verified by it.
func (p *Pages) postFactor(v *visit) {
	who, ok := p.someone(v)
	if !ok {
		return
	}
	c := delivery.Channel(v.form["via"])
	methods := who.user.Phones
	if c.Class() == delivery.ClassEmail {
		methods = who.user.Emails
	}
	i := slices.IndexFunc(methods, func(m store.Method) bool { return m.ID == v.form["method"] })
	if i < 0 || !slices.Contains(p.options.Channels, c) {
		v.message(http.StatusBadRequest, v.t.BadForm)
		return
	}
	// To verify an address is to change a factor.
	if !methods[i].Verified && !p.manages(v, who) {
		return
	}
	if !v.withinSends() {
		return
	}
	query := v.query()
	f := flow{Kind: flowStep, Via: c, To: methods[i].Address, User: who.user.ID, Need: cutNeed(query["need"]), Return: query.back()}
	f, err := v.send(f, who.shown)
	if err == nil {
		p.setFlow(v, f)
		v.redirect(p.options.Path + "code")
		return
	}
	page := v.factorPage()
	page.Channel = c
	page.Ways = []Way{{Label: v.t.Back, URL: p.link("factor", "need", f.Need, "return_to", f.Return)}}
	v.refuseSend(page, err)
}

// cutNeed returns what of a list of methods is kept in a flow.
func cutNeed(need string) string {
	if len(need) > 64 {
		return ""
	}
	return need
}
