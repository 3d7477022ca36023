package loginpage

import (
	"net/http"
	"slices"

	"github.com/passcode-go/passcode/delivery"
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

// postAdd sends a code to the address, which takes the place of one that was
// being added: people who mistyped a number do not wait until it is over. It is
// the user's once the code came back.
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
	f, err := v.send(f, who.shown)
	if err == nil {
		p.setFlow(v, f)
		v.redirect(p.options.Path + "code")
		return
	}
	page := v.addPage(c, v.form.back())
	v.keepTyped(page)
	v.refuseSend(page, err)
}
