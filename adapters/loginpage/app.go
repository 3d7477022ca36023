package loginpage

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/totp"
)

const (
	enrolFor  = 15 * time.Minute // how long a new app waits for its first code
	appDigits = 6                // of a code of an app
)

// getApp asks for a code of the authenticator app.
func (p *Pages) getApp(v *visit) {
	if _, ok := p.someone(v); ok {
		v.show(http.StatusOK, v.appPage(v.query().back()))
	}
}

// appPage is the page that takes a code of the app.
func (v *visit) appPage(back string) *Page {
	page := v.page("app", v.t.App)
	page.Length, page.Digits = appDigits, true
	page.Intro, page.Action, page.Return = v.t.AppIntro, v.p.options.Path+"app", back
	page.Ways = []Way{
		{Label: v.t.UseRecovery, URL: v.p.link("recovery", "return_to", back)},
		{Label: v.t.SignOut, Action: v.p.options.Path + "out"}, // who has neither does not get anywhere else
	}
	return page
}

func (p *Pages) getRecovery(v *visit) {
	if _, ok := p.someone(v); ok {
		v.show(http.StatusOK, v.recoveryPage(v.query().back()))
	}
}

// recoveryPage is the page that takes a recovery code.
func (v *visit) recoveryPage(back string) *Page {
	page := v.page("app", v.t.Recovery)
	page.Intro, page.Action, page.Return, page.Recovery = v.t.RecoveryIntro, v.p.options.Path+"recovery", back, true
	page.Ways = []Way{{Label: v.t.App, URL: v.p.link("app", "return_to", back)}}
	return page
}

func (p *Pages) postApp(v *visit) {
	p.showApp(v, v.appPage(v.form.back()), p.accounts.AuthenticateTOTP, v.form.back())
}

func (p *Pages) postRecovery(v *visit) {
	p.showApp(v, v.recoveryPage(v.form.back()), p.accounts.Recover, v.form.back())
}

// showApp checks a code of the app, or one in its place, and goes on to a path;
// page is where it was asked for.
func (p *Pages) showApp(v *visit, page *Page, check func(context.Context, accounts.TOTPRequest) (accounts.TOTPAuthentication, error), back string) {
	who, ok := p.someone(v)
	if !ok || !v.withinGuesses() {
		return
	}
	auth, err := check(v.r.Context(), accounts.TOTPRequest{
		UserID:  who.user.ID,
		Code:    strings.TrimSpace(v.form["code"]),
		Session: accounts.SessionRequest{Credential: who.shown},
	})
	if err == nil {
		p.signIn(v, *auth.Session, back)
		return
	}
	f, ok := v.refusalOf(err, "")
	switch {
	case !ok:
		v.unavailable(err)
		return
	case page.Recovery && (errors.Is(err, engine.ErrFormat) || errors.Is(err, totp.ErrAppCode)):
		f.text = v.t.BadRecovery
	case errors.Is(err, engine.ErrFormat):
		f = v.badCode(appDigits)
	case errors.Is(err, totp.ErrNone), errors.Is(err, engine.ErrExpired), // no app, or one that waited too long
		errors.Is(err, engine.ErrRequest): // none at all in this program
		f = refusal{status: http.StatusUnprocessableEntity, text: v.t.NotSetUp, closed: true}
	}
	v.refuse(page, f)
}

// postEnrol makes an app in the place of one that waits for its first code, and
// shows its QR code.
func (p *Pages) postEnrol(v *visit) {
	who, ok := p.manager(v)
	if !ok {
		return
	}
	enrolment, _, err := p.accounts.EnrolTOTP(v.r.Context(), who.user.ID, enrolFor)
	switch {
	case errors.Is(err, totp.ErrActive), errors.Is(err, engine.ErrRequest): // there is one, or there are none at all
		v.redirect(p.options.Path + "account")
		return
	case errors.Is(err, accounts.ErrUserNotFound):
		v.message(http.StatusBadRequest, v.t.Lost)
		return
	case err != nil:
		v.unavailable(err)
		return
	}
	picture, err := enrolment.QRCode()
	if err != nil {
		v.unavailable(err)
		return
	}
	page := v.enrolPage()
	page.QR = template.URL(picture.Reveal())
	page.Key = groups(enrolment.Secret.Reveal())
	v.w.Header().Set("Content-Security-Policy", picturePolicy)
	v.show(http.StatusOK, page)
}

func (v *visit) enrolPage() *Page {
	page := v.page("enrol", v.t.AddApp)
	page.Length, page.Digits = appDigits, true
	page.Action = v.p.options.Path + "app/done"
	page.Ways = []Way{{Label: v.t.Cancel, URL: v.p.options.Path + "account"}}
	return page
}

// groups writes a key as people type it, four characters at a time.
func groups(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(key[i:min(i+4, len(key))])
	}
	return b.String()
}

// postEnrolled takes the first code of a new app. The picture is not shown
// again, since nobody keeps it; who needs it gets another one.
func (p *Pages) postEnrolled(v *visit) {
	page := v.enrolPage()
	page.Ways = append([]Way{{Label: v.t.NewPicture, Action: p.options.Path + "app/new"}}, page.Ways...)
	p.showApp(v, page, p.accounts.AuthenticateTOTP, p.options.Path+"codes")
}

// getCodes shows the recovery codes that are left.
func (p *Pages) getCodes(v *visit) {
	who, ok := p.manager(v)
	if !ok {
		return
	}
	_, status, err := p.accounts.TOTP(v.r.Context(), who.user.ID)
	if errors.Is(err, totp.ErrNone) || errors.Is(err, engine.ErrRequest) || err == nil && !status.Verified {
		v.redirect(p.options.Path + "account")
		return
	}
	if err != nil {
		v.unavailable(err)
		return
	}
	page := v.page("codes", v.t.Codes)
	page.Intro = v.t.CodesIntro
	for _, code := range status.RecoveryCodes {
		page.Codes = append(page.Codes, code.Reveal())
	}
	page.Ways = []Way{{Label: v.t.Done, URL: p.options.Path + "account"}}
	v.show(http.StatusOK, page)
}
