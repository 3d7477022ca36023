package loginpage

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// under returns the flow that is under way and the session that it belongs to,
// if it is of one. Without a flow it has answered: people who are signed in,
// such as those who came back by the browser's button, go on, and others are
// told to begin again.
func (p *Pages) under(v *visit) (f flow, shown sessions.Credential, ok bool) {
	session, shown, err := p.session(v.r)
	if err != nil && !errors.Is(err, sessions.ErrNotFound) {
		v.unavailable(err)
		return flow{}, shown, false
	}
	f, ok = p.openFlow(v.r)
	switch {
	case ok && f.Kind == flowLogin:
		return f, sessions.Credential{}, true
	case ok && err == nil && f.User == session.UserID:
		return f, shown, true
	case err == nil:
		p.goOn(v, session, "")
	default:
		v.message(http.StatusBadRequest, v.t.Lost)
	}
	return flow{}, shown, false
}

func (p *Pages) getCode(v *visit) {
	f, _, ok := p.under(v)
	if !ok {
		return
	}
	page := v.codePage(f)
	if p.now().Unix() >= f.Expires {
		page.Error, page.Closed = v.t.Expired, true
	} else if f.Asked != "" {
		page.Notice = fill(v.t.FellBack, "{way}", v.channelName(f.Asked))
	} else if f.Sends > 1 {
		page.Notice = v.t.SentAgain
	}
	v.show(http.StatusOK, page)
}

// codePage is the page that takes the code of a flow.
func (v *visit) codePage(f flow) *Page {
	page := v.page("code", v.t.EnterCode)
	page.Action = v.p.options.Path + "code"
	page.Channel, page.To, page.Flow = f.Via, f.To, v.p.formID(f)
	page.Wait = v.p.wait(f)
	page.WaitText = clock(page.Wait)
	switch f.Via {
	case delivery.SMS:
		page.SentTo = v.t.SentSMS
	case delivery.WhatsApp:
		page.SentTo = v.t.SentWhatsApp
	default:
		page.SentTo = v.t.SentEmail
	}
	if f.Kind == flowStep {
		page.To = delivery.Mask(f.To)
	}
	page.Ways = v.otherWays(f)
	return page
}

// otherWays are what somebody can do who does not get the code.
func (v *visit) otherWays(f flow) (ways []Way) {
	p := v.p
	for _, c := range p.options.Channels {
		if c == f.Via || c.Class() != f.Via.Class() {
			continue
		}
		label := v.t.BySMS
		if c == delivery.WhatsApp {
			label = v.t.ByWhatsApp
		}
		ways = append(ways, Way{Label: label, Action: p.options.Path + "resend", Channel: c, Flow: p.formID(f)})
	}
	switch f.Kind {
	case flowStep:
		return append(ways, Way{Label: v.t.Back, URL: p.link("factor", "need", f.Need, "return_to", f.Return)})
	case flowAdd:
		return append(ways,
			Way{Label: v.t.ChangeAddress, URL: p.link("add", "via", string(f.Via), "return_to", f.Return)},
			Way{Label: v.t.Back, URL: p.options.Path + "account"})
	}
	ways = append(ways, Way{Label: v.t.ChangeAddress, URL: p.link("", "via", string(f.Via), "return_to", f.Return)})
	for _, class := range []delivery.Class{delivery.ClassPhone, delivery.ClassEmail} {
		i := slices.IndexFunc(p.options.Channels, func(c delivery.Channel) bool { return c.Class() == class })
		if i < 0 || class == f.Via.Class() {
			continue
		}
		label := v.t.ByPhone
		if class == delivery.ClassEmail {
			label = v.t.ByEmail
		}
		ways = append(ways, Way{Label: label, URL: p.link("", "via", string(p.options.Channels[i]), "return_to", f.Return)})
	}
	return ways
}

// postCode checks the code. A form of an older code than the latest of this
// browser, from another window or by the back button, is not compared.
func (p *Pages) postCode(v *visit) {
	f, shown, ok := p.under(v)
	if !ok {
		return
	}
	if v.form["flow"] != p.formID(f) {
		v.refuse(v.codePage(f), refusal{status: http.StatusConflict, text: v.t.Newer})
		return
	}
	if !v.withinGuesses() {
		return
	}
	r := accounts.AuthRequest{
		MethodID:    f.Method,
		ChallengeID: f.Challenge,
		Code:        codeIn(p.options.Policy.Code, v.form["code"]),
	}
	authenticate := p.accounts.Authenticate
	switch f.Kind {
	case flowLogin:
		r.Session = accounts.SessionRequest{Duration: p.options.Session, Attributes: v.attributes()}
	case flowStep:
		r.Session = accounts.SessionRequest{Credential: shown}
	case flowAdd:
		r.Session = accounts.SessionRequest{Credential: shown}
		authenticate = p.accounts.Claim
	}
	auth, err := authenticate(v.r.Context(), r)
	if errors.Is(err, store.ErrTaken) {
		v.setCookie(flowCookie, "", time.Time{})
		v.message(http.StatusConflict, v.t.Taken, Way{Label: v.t.Back, URL: p.options.Path + "account"})
		return
	}
	if err != nil {
		refusal, ok := v.refusalOf(err, f.Via)
		if !ok {
			v.unavailable(err)
			return
		}
		v.refuseFlow(f, refusal)
		return
	}
	v.setCookie(flowCookie, "", time.Time{})
	if f.Kind == flowLogin {
		p.replace(v)
	}
	p.signIn(v, *auth.Session, f.Return)
}

// replace ends the session that the browser had: it is not the one that begins.
// Should that fail, it ends by itself.
func (p *Pages) replace(v *visit) {
	if _, shown, err := p.session(v.r); err == nil {
		if err := p.sessions.Revoke(v.r.Context(), shown); err != nil {
			p.options.Logger.WarnContext(v.r.Context(), "loginpage: the session before was not revoked", "error", err)
		}
	}
}

// signIn gives the browser a session, and sends it on.
func (p *Pages) signIn(v *visit, granted sessions.Granted, back string) {
	v.setCookie(sessionCookie, granted.Token.Reveal(), granted.Session.ExpiresAt)
	p.goOn(v, granted.Session, back)
}

// postResend sends another code within a flow, by the same channel or by the
// other one to a phone.
func (p *Pages) postResend(v *visit) {
	f, shown, ok := p.under(v)
	if !ok {
		return
	}
	if v.form["flow"] != p.formID(f) {
		v.refuse(v.codePage(f), refusal{status: http.StatusConflict, text: v.t.Newer})
		return
	}
	c := delivery.Channel(v.form["via"])
	if !slices.Contains(p.options.Channels, c) || c.Class() != f.Via.Class() {
		v.message(http.StatusBadRequest, v.t.BadForm)
		return
	}
	if wait := p.wait(f); wait > 0 {
		v.refuseFlow(f, refusal{
			status: http.StatusTooManyRequests,
			text:   fill(v.t.ResendIn, "{time}", clock(wait)),
			wait:   time.Duration(wait) * time.Second,
		})
		return
	}
	if !v.withinSends() {
		return
	}
	next := f
	next.Via = c
	next, err := v.send(next, shown)
	if err == nil {
		p.setFlow(v, next)
		v.redirect(p.options.Path + "code")
		return
	}
	refusal, ok := v.refusalOf(err, c)
	if !ok {
		v.unavailable(err)
		return
	}
	// The code that was sent before may live on, and the wait is the engine's.
	refusal.closed = errors.Is(err, engine.ErrLocked) || errors.Is(err, engine.ErrDelivery)
	v.refuseFlow(f, refusal)
}

// refuseFlow shows a refusal on the page that takes the code. If the engine says
// how long to wait, no other code is asked for until then.
func (v *visit) refuseFlow(f flow, refusal refusal) {
	if refusal.wait > 0 {
		f.Next = ceil(v.p.now().Add(refusal.wait))
		v.p.setFlow(v, f)
	}
	v.refuse(v.codePage(f), refusal)
}
