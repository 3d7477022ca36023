package loginpage

import (
	"errors"
	"net/http"
	"slices"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// getAdd asks for a further phone number or e-mail address.
func (p *Pages) getAdd(v *visit) {
	if _, ok := p.manager(v); !ok {
		return
	}
	query := v.query()
	v.show(http.StatusOK, v.addPage(p.channel(query["via"]), query.back()))
}

func (v *visit) addPage(c delivery.Channel, back string) *Page {
	p := v.p
	page := v.page("start", v.t.AddPhone)
	if c.Class() == delivery.ClassEmail {
		page.Title = v.t.AddEmail
	}
	page.Action = p.options.Path + "add"
	offered := slices.DeleteFunc(slices.Clone(p.options.Channels), func(other delivery.Channel) bool { return other.Class() != c.Class() })
	v.askAddress(page, "add", c, offered, back)
	page.Ways = []Way{{Label: v.t.Cancel, URL: p.options.Path + "account"}}
	return page
}

// postAdd sends a code to the address. It is the user's once the code came back.
func (p *Pages) postAdd(v *visit) {
	who, ok := p.manager(v)
	if !ok {
		return
	}
	c := delivery.Channel(v.form["via"])
	if !slices.Contains(p.options.Channels, c) {
		v.message(http.StatusBadRequest, v.t.BadForm)
		return
	}
	if !v.withinSends() {
		return
	}
	f := flow{Kind: flowAdd, Via: c, To: v.typedAddress(c), User: who.user.ID, Return: v.form.back()}
	err := p.forgetWaiting(v, who.user, f.To)
	if err == nil {
		f, err = v.send(f, who.shown)
	}
	if err == nil {
		p.setFlow(v, f)
		v.redirect(p.options.Path + "code")
		return
	}
	page := v.addPage(c, v.form.back())
	v.keepTyped(page)
	v.refuseSend(page, err)
}

// forgetWaiting takes from a user the address or app that was being added, if it
// is another one: people who mistyped a number do not wait until it is over.
func (p *Pages) forgetWaiting(v *visit, user store.User, address string) error {
	ctx := v.r.Context()
	for _, m := range slices.Concat(user.Phones, user.Emails) {
		if m.Verified || m.Expires.IsZero() || m.Address == address {
			continue
		}
		if _, err := p.accounts.DeleteMethod(ctx, m.ID); err != nil && !errors.Is(err, accounts.ErrMethodNotFound) {
			return err
		}
	}
	for _, t := range user.TOTPs {
		if t.Verified {
			continue
		}
		if _, err := p.accounts.DeleteTOTP(ctx, t.ID); err != nil && !errors.Is(err, accounts.ErrTOTPGone) {
			return err
		}
	}
	return nil
}
