package browsertest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
)

// Every screen, in every size, in light and dark, from left to right and from
// right to left.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		size     size
		language string
	}{{handset, "en-US"}, {desktop, "de-DE"}, {handset, "fa-IR"}} {
		t.Run(c.size.name+" "+c.language, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t)
			screens(p.newWindow(c.size, c.language, true))
		})
	}
}

func screens(w *window) {
	p := w.p
	w.open("/login/")
	w.inspect("start")
	w.open("/login/?via=whatsapp")
	w.inspect("start-whatsapp")
	w.open("/login/?via=email")
	w.inspect("start-email")
	w.open("/login/")
	w.choose("US")
	w.fill("#phone", "+93 70 123 4567")
	w.press("button.go")
	w.inspect("unsupported")
	w.send("202 555 0162")
	w.inspect("code")
	w.enter(wrong(p.kit.Code(phone)))
	w.inspect("code-wrong")
	p.kit.Clock.Advance(2 * time.Minute)
	w.open("/login/code")
	w.inspect("code-expired")
	w.press("form.resend button")
	w.inspect("code-again")
	w.enter(p.kit.Code(phone))
	w.inspect("account")
	w.press(".methods a")
	w.says("This is your only way to sign in.")
	w.inspect("remove-last")
	w.open("/pay")
	w.inspect("factor-none")
	w.press("a.way")
	w.inspect("add")
	w.fill("#email", email)
	w.press("button.go")
	w.inspect("code-add")
	w.enter(p.kit.Code(email))
	w.want("/pay", "pay")
	w.open("/login/account")
	w.inspect("account-two")
	w.open("/login/factor?need=sms")
	w.says("Text message to +•••62")
	w.inspect("factor")
	w.open("/login/add?via=email")
	w.fill("#email", "bob@example.com")
	p.verify("bob@example.com")
	w.press("button.go")
	w.enter(p.kit.Code("bob@example.com"))
	w.says("This address belongs to another account.")
	w.inspect("taken")
	w.open("/login/account")
	w.press(`form[action$="/app/new"] button`)
	w.inspect("enrol")
	key := strings.ReplaceAll(evaluate[string](w, `document.querySelector(".key").textContent`), " ", "")
	w.enter("000000")
	w.inspect("enrol-wrong")
	w.enter(p.appCode(key))
	w.inspect("codes")
	w.open("/login/account")
	w.inspect("account-app")
	w.press(".methods a")
	w.inspect("remove")
	w.open("/login/app")
	w.inspect("app")
	w.enter(wrong(p.appCode(key)))
	w.says("Tries left: ")
	w.inspect("app-wrong")
	w.press("a.way")
	w.inspect("recovery")
	if _, err := p.accounts.Update(w.t.Context(), p.verify(email), accounts.Change{Email: "zoe@example.com"}); err != nil {
		w.t.Fatal(err)
	}
	w.open("/login/account")
	w.says("Not confirmed")
	w.inspect("account-unconfirmed")
	w.press(".out form:first-child button")
	w.inspect("bye")
	w.open("/login/code")
	w.inspect("lost")
	w.locked()
	w.inspect("locked")
	for range 31 { // as many as one client may ask for
		answer, err := http.PostForm(p.url+"/login/", url.Values{"via": {"email"}, "email": {"nobody"}})
		if err != nil {
			w.t.Fatal(err)
		}
		answer.Body.Close()
	}
	w.open("/login/")
	w.send("202 555 0162")
	w.says("Too many attempts from your network.")
	w.inspect("busy")
}

// verify has somebody sign in by an e-mail address, and returns who it is.
func (p *program) verify(address string) string {
	p.t.Helper()
	sent, err := p.accounts.LoginOrCreate(p.t.Context(), accounts.SendRequest{Channel: delivery.Email, To: address})
	if err == nil {
		_, err = p.accounts.Authenticate(p.t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: p.kit.Code(address)})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return sent.UserID
}

// The first two screens in every language: they say which it is, run in its
// direction and fit.
func TestLanguages(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(handset, "en-US", true)
	titles := make(map[string]bool)
	locales := delivery.Locales(delivery.SMS)
	for i, locale := range locales {
		call(w, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": locale}})
		look := func(name string) {
			t.Helper()
			tag, dir := evaluate[string](w, `document.documentElement.lang`), evaluate[string](w, `getComputedStyle(document.body).direction`)
			if !strings.HasPrefix(strings.ToLower(locale), strings.ToLower(tag)) || (dir == "rtl") != (tag == "fa") {
				t.Errorf("%s in %s: it is in %q, %s", name, locale, tag, dir)
			}
			w.overflow(name + " in " + locale)
			titles[name+evaluate[string](w, `document.querySelector("h1").textContent`)] = true
		}
		w.open("/login/")
		look("start")
		w.send(fmt.Sprintf("202 555 01%02d", 10+i))
		look("code")
	}
	if len(locales) != 16 || len(titles) != 2*len(locales) {
		t.Errorf("%d languages, %d titles", len(locales), len(titles))
	}
}

// says fails the test unless the window says a text, if it speaks English.
func (w *window) says(text string) {
	w.t.Helper()
	if got := w.text(); w.language == "en-US" && !strings.Contains(got, text) {
		w.t.Errorf("at %s, want %q:\n%s", w.location(), text, got)
	}
}

// locked uses up what guesses a number bears.
func (w *window) locked() {
	w.t.Helper()
	for range 2 {
		w.p.kit.Clock.Advance(time.Minute)
		w.open("/login/")
		w.send("202 555 0170")
		for range 5 {
			w.enter(wrong(w.p.kit.Code("+12025550170")))
		}
	}
}

// cookies returns the window's cookies by their names.
func (w *window) cookies() map[string]*network.Cookie {
	w.t.Helper()
	byName := make(map[string]*network.Cookie)
	for _, c := range call(w, network.GetCookies, network.GetCookiesParams{}).Cookies {
		byName[c.Name] = c
	}
	return byName
}
