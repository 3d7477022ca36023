package loginpage

import (
	"errors"
	"net/http"

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
	case errors.Is(err, sessions.ErrNotFound), errors.Is(err, accounts.ErrUserNotFound):
		back := ""
		if v.r.Method != http.MethodPost {
			back = local(v.r.URL.RequestURI())
		}
		v.redirect(p.link("", "return_to", back))
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

// manager is someone who may change factors: they have shown, not long ago, one
// of every kind that they have.
func (p *Pages) manager(v *visit) (person, bool) {
	who, ok := p.someone(v)
	if !ok {
		return who, false
	}
	return who, p.meets(v, who, sessions.Require(kinds(who.user)...).Within(p.options.Fresh))
}

// kinds returns a method for each kind of factor that a user has.
func kinds(user store.User) (methods []sessions.Method) {
	if verified(user.Phones) > 0 {
		methods = append(methods, sessions.SMS)
	}
	if verified(user.Emails) > 0 {
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
	back := p.options.Path + "account"
	if v.r.Method != http.MethodPost {
		back = local(v.r.URL.RequestURI())
	}
	v.redirect(p.factorLink(missing, back))
	return false
}
