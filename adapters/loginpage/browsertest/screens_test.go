package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
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
	w.press("a.way")
	w.inspect("recovery")
	w.open("/login/account")
	w.press(".out form:first-child button")
	w.inspect("bye")
	w.open("/login/code")
	w.inspect("lost")
	w.locked()
	w.inspect("locked")
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
