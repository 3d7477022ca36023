package loginpage

import (
	"errors"
	"net/http"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// getRemove asks whether an address or an app is to be removed.
func (p *Pages) getRemove(v *visit) {
	who, ok := p.manager(v)
	if !ok {
		return
	}
	if page, ok := v.removePage(who.user, v.query()["id"]); ok {
		status := http.StatusOK
		if page.Closed {
			status = http.StatusConflict
		}
		v.show(status, page)
	}
}

// removePage is the page that asks. Without such a method it has answered. The
// last address stays: nobody could sign in any more.
func (v *visit) removePage(user store.User, id string) (*Page, bool) {
	methods := v.methods(user)
	i := slices.IndexFunc(methods, func(m Method) bool { return m.ID == id })
	if i < 0 {
		v.redirect(v.p.options.Path + "account")
		return nil, false
	}
	what := methods[i].Label
	if methods[i].Address != "" {
		what = methods[i].Address
		if languages[v.lang].dir == "rtl" {
			what = "\u2066" + what + "\u2069" // it runs from left to right
		}
	}
	page := v.page("remove", fill(v.t.RemoveTitle, "{address}", what))
	page.Intro, page.Action, page.ID = v.t.RemoveIntro, v.p.options.Path+"remove", id
	page.Ways = []Way{{Label: v.t.Cancel, URL: v.p.options.Path + "account"}}
	if v.p.lastWay(user, id) {
		page.keep(v.t.LastWay)
	}
	return page, true
}

// keep says that it cannot be removed.
func (page *Page) keep(why string) { page.Intro, page.Error, page.Closed = "", why, true }

// lastWay reports whether a method is the only address that a user is sure to
// have, of those that a code is sent to here.
func (p *Pages) lastWay(user store.User, id string) bool {
	var addresses []store.Method
	if p.firstOf(delivery.ClassPhone) != "" {
		addresses = append(addresses, user.Phones...)
	}
	if p.firstOf(delivery.ClassEmail) != "" {
		addresses = append(addresses, user.Emails...)
	}
	is := func(m store.Method) bool { return m.ID == id && m.Verified }
	return verified(addresses) == 1 && slices.ContainsFunc(addresses, is)
}

// postRemove removes it. A session that was shown by nothing else ends with it.
func (p *Pages) postRemove(v *visit) {
	who, ok := p.manager(v)
	if !ok {
		return
	}
	id := v.form["id"]
	page, ok := v.removePage(who.user, id)
	if !ok {
		return
	}
	if page.Closed {
		v.show(http.StatusConflict, page)
		return
	}
	var err error
	if slices.ContainsFunc(who.user.TOTPs, func(t store.TOTP) bool { return t.ID == id }) {
		_, err = p.accounts.DeleteTOTP(v.r.Context(), id)
	} else {
		_, err = p.accounts.RemoveMethod(v.r.Context(), id)
	}
	if errors.Is(err, accounts.ErrLastAddress) { // the other one was removed at this moment
		page.keep(v.t.LastWay)
		v.show(http.StatusConflict, page)
		return
	}
	if err != nil && !errors.Is(err, accounts.ErrMethodNotFound) && !errors.Is(err, accounts.ErrTOTPGone) {
		v.unavailable(err)
		return
	}
	v.redirect(p.options.Path + "account")
}
