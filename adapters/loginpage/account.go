package loginpage

import (
	"errors"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// getAccount shows who is signed in, and what they can do about it.
func (p *Pages) getAccount(v *visit) {
	who, ok := p.entered(v)
	if !ok {
		return
	}
	page := v.page("account", v.t.Account)
	page.Methods = v.methods(who.user)
	for _, class := range []delivery.Class{delivery.ClassPhone, delivery.ClassEmail} {
		label := v.t.AddPhone
		if class == delivery.ClassEmail {
			label = v.t.AddEmail
		}
		if c := p.firstOf(class); c != "" {
			page.Ways = append(page.Ways, Way{Label: label, URL: p.link("add", "via", string(c))})
		}
	}
	_, status, err := p.accounts.TOTP(v.r.Context(), who.user.ID)
	switch {
	case err == nil && status.Verified:
		page.HasApp, page.CodesLeft = true, len(status.RecoveryCodes)
		page.Ways = append(page.Ways, Way{Label: v.t.ShowCodes, URL: p.options.Path + "codes"})
	case err == nil, errors.Is(err, totp.ErrNone):
		page.MayApp = true
	case errors.Is(err, engine.ErrRequest), errors.Is(err, accounts.ErrUserNotFound): // no apps here
	default:
		v.unavailable(err)
		return
	}
	v.show(http.StatusOK, page)
}

// methods are what the user can sign in with, without addresses and apps that
// are only being added.
func (v *visit) methods(user store.User) (list []Method) {
	add := func(methods []store.Method, label string, class delivery.Class) {
		for _, m := range methods {
			if m.Verified || m.Expires.IsZero() && v.p.firstOf(class) != "" {
				list = append(list, Method{m.ID, label, delivery.Mask(m.Address), m.Verified, v.p.firstOf(class)})
			}
		}
	}
	add(user.Phones, v.t.Phone, delivery.ClassPhone)
	add(user.Emails, v.t.EmailAddress, delivery.ClassEmail)
	for _, t := range user.TOTPs {
		if t.Verified {
			list = append(list, Method{ID: t.ID, Label: v.t.App, Verified: true})
		}
	}
	return list
}

// firstOf returns the first channel of a class that is offered, or "".
func (p *Pages) firstOf(class delivery.Class) delivery.Channel {
	for _, c := range p.options.Channels {
		if c.Class() == class {
			return c
		}
	}
	return ""
}

// postOut ends the session.
func (p *Pages) postOut(v *visit) {
	p.end(v, func(_ sessions.Session, shown sessions.Credential) error {
		return p.sessions.Revoke(v.r.Context(), shown)
	})
}

// postOutAll ends all sessions of the user. It needs no more than one of them:
// who finds out that somebody else has one need not wait for a code.
func (p *Pages) postOutAll(v *visit) {
	p.end(v, func(session sessions.Session, _ sessions.Credential) error {
		return p.sessions.RevokeAll(v.r.Context(), session.UserID)
	})
}

// end ends what revoke ends, and the sign-in under way with it. Should that fail,
// people are not told that they are signed out.
func (p *Pages) end(v *visit, revoke func(sessions.Session, sessions.Credential) error) {
	session, shown, err := p.session(v.r)
	if err == nil {
		err = revoke(session, shown)
	}
	if err != nil && !errors.Is(err, sessions.ErrNotFound) {
		v.unavailable(err)
		return
	}
	v.setCookie(sessionCookie, "", time.Time{})
	v.setCookie(flowCookie, "", time.Time{})
	v.redirect(p.options.Path + "bye")
}

func (p *Pages) getBye(v *visit) {
	page := v.page("message", v.t.SignedOut)
	page.Ways = []Way{{Label: v.t.SignIn, URL: p.options.Path}}
	v.show(http.StatusOK, page)
}
