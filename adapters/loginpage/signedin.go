package loginpage

import (
	"errors"
	"net/http"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

// A person is who is signed in on a visit.
type person struct {
	session sessions.Session
	shown   sessions.Credential
	user    store.User
}

// someone returns who is signed in. Without anybody it has answered: a page
// leads to the first page and back, a form to the first page.
func (p *Pages) someone(v *visit) (person, bool) {
	session, shown, err := p.session(v.r)
	var user store.User
	if err == nil {
		user, err = p.accounts.User(v.r.Context(), session.UserID)
	}
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		v.redirect(p.link("", "return_to", v.here()))
		return person{}, false
	case errors.Is(err, accounts.ErrUserNotFound):
		p.bereft(v, session, v.here())
		return person{}, false
	case err != nil:
		v.unavailable(err)
		return person{}, false
	}
	return person{session, shown, user}, true
}

// entered is someone who has shown the app, where there is one.
func (p *Pages) entered(v *visit) (person, bool) {
	who, ok := p.someone(v)
	if !ok {
		return who, false
	}
	required := sessions.Requirement{}
	if !p.options.AppOptional && hasApp(who.user) {
		required = sessions.Require(sessions.Authenticator)
	}
	return who, p.meets(v, who, required)
}

// here is the page that a visit is of, or "" where it is a form.
func (v *visit) here() string {
	if v.r.Method == http.MethodPost {
		return ""
	}
	return local(v.r.URL.RequestURI())
}

// manager is someone who may change factors: they have shown, not long ago, one
// of every kind that they have.
func (p *Pages) manager(v *visit) (person, bool) {
	who, ok := p.someone(v)
	if !ok {
		return who, false
	}
	return who, p.manages(v, who)
}

// manages reports whether somebody may change factors. If not, it has answered.
// Who has nothing that can be shown here may not.
func (p *Pages) manages(v *visit, who person) bool {
	methods := p.kinds(who.user)
	if len(methods) == 0 {
		v.message(http.StatusForbidden, v.t.NotOffered, Way{Label: v.t.Back, URL: p.options.Path + "account"})
		return false
	}
	return p.meets(v, who, sessions.Require(methods...).Within(p.options.Fresh))
}

// kinds returns a method for each kind of factor that a user has and can show
// here: other addresses may be there from when more channels were offered.
func (p *Pages) kinds(user store.User) (methods []sessions.Method) {
	if verified(user.Phones) > 0 && p.firstOf(delivery.ClassPhone) != "" {
		methods = append(methods, sessions.SMS)
	}
	if verified(user.Emails) > 0 && p.firstOf(delivery.ClassEmail) != "" {
		methods = append(methods, sessions.Email)
	}
	if hasApp(user) {
		methods = append(methods, sessions.Authenticator)
	}
	return methods
}

func verified(methods []store.Method) (n int) {
	for _, m := range methods {
		if m.Verified {
			n++
		}
	}
	return n
}

// meets reports whether somebody has shown what is required. If not, it has
// answered: the page that asks for it leads back here, or to the account where
// this is a form.
func (p *Pages) meets(v *visit, who person, required sessions.Requirement) bool {
	missing := required.Missing(who.session, p.now())
	if len(missing) == 0 {
		return true
	}
	back := v.here()
	if v.r.Method == http.MethodPost {
		back = p.options.Path + "account"
	}
	v.redirect(p.factorLink(missing, back))
	return false
}
