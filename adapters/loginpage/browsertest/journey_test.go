package browsertest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The whole way, in a small and in a large window, with a script and without.
func TestJourney(t *testing.T) {
	for _, s := range []size{handset, desktop} {
		for _, script := range []bool{true, false} {
			t.Run(fmt.Sprint(s.name, " script ", script), func(t *testing.T) {
				t.Parallel()
				p := newProgram(t)
				journey(p.newWindow(s, "en-US", script))
			})
		}
	}
}

func journey(w *window) {
	p := w.p
	w.open("/home")
	w.want("/login/", "Sign in")

	// A country that is not reached, and another way.
	w.fill("#phone", "+93 70 123 4567")
	w.press("button.go")
	w.want("/login/", "We cannot send codes this way to this country: Afghanistan. Use another way.")
	w.press(`.tabs a[href*="email"]`)
	w.want("/login/", "E-mail address")
	w.press(`.tabs a[href*="sms"]`)

	// A wrong code, one that expired, a new one.
	w.send("(202) 555-0162")
	w.want("/login/code", "We sent a text message to "+phone)
	w.enter("12345")
	w.want("/login/code", "Enter all 6 characters of the code.")
	w.enter(wrong(p.kit.Code(phone)))
	w.want("/login/code", "This code is not right. Tries left: 4.")
	p.kit.Clock.Advance(2 * time.Minute)
	w.enter(p.kit.Code(phone))
	w.want("/login/code", "This code has expired. Ask for a new one.")
	w.press("form.resend button")
	w.want("/login/code", "A new code is on its way.")
	message, _ := p.kit.Inbox.Last(phone)
	w.enter(message.Body.Reveal()) // the whole of it
	w.want("/home", "home")
	for name, c := range w.cookies() {
		if !c.HTTPOnly || c.Path != "/" || strings.HasPrefix(name, "__Host-") {
			w.t.Errorf("%+v", c)
		}
	}

	// A page that wants more: the e-mail address is added.
	w.open("/pay")
	w.want("/login/factor", "You have not set this up yet.")
	w.press("a.way")
	w.fill("#email", "ada")
	w.do(chromedp.Click("button.go")) // the browser itself says that this is none
	w.want("/login/add", "Add an e-mail address")
	w.fill("#email", email)
	w.press("button.go")
	w.want("/login/code", "We sent an e-mail to "+email)
	w.enter(p.kit.Code(email))
	w.want("/pay", "pay")

	// An authenticator app, and its recovery codes.
	w.open("/login/account")
	w.press(`form[action$="/app/new"] button`)
	w.want("/login/app/new", "Scan this picture")
	if wide := evaluate[int](w, `document.querySelector(".qr").naturalWidth`); wide != 480 {
		w.t.Errorf("the picture is %d pixels wide", wide)
	}
	key := strings.ReplaceAll(evaluate[string](w, `document.querySelector(".key").textContent`), " ", "")
	w.enter(p.appCode(key))
	w.want("/login/codes", "Print these codes or write them down")
	recovery := evaluate[string](w, `document.querySelector(".codes li").textContent`)
	if shown := evaluate[bool](w, `!document.querySelector("[data-print]").hidden`); shown != w.script {
		w.t.Errorf("a button to print is shown: %v", shown)
	}
	w.press("a.way")

	// Out, and in again by the app.
	w.press(`form[action$="/out"] button`)
	w.want("/login/bye", "You are signed out")
	p.kit.Clock.Advance(time.Minute)
	w.signIn("/login/?return_to=/home")
	w.want("/login/app", "Open your authenticator app")
	w.enter(wrong(p.appCode(key)))
	w.want("/login/app", "Tries left")
	w.enter(p.appCode(key))
	w.want("/home", "home")

	// And by a recovery code.
	w.open("/login/account")
	w.press(`form[action$="/out-all"] button`)
	p.kit.Clock.Advance(time.Minute)
	w.signIn("/login/?return_to=/home")
	w.press(`a[href*="recovery"]`)
	w.want("/login/recovery", "Each works once.")
	w.enter(recovery)
	w.want("/home", "home")
	w.open("/app")
	w.want("/app", "app")
}

// Too many wrong codes: the page says for how long, and offers another way.
func TestLocked(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprint("script ", script), func(t *testing.T) {
			t.Parallel()
			w := newProgram(t).newWindow(handset, "en-US", script)
			w.locked()
			w.want("/login/code", "Too many wrong codes. Try again in 60 min, or use another way.")
			if left := regexp.MustCompile(`You can ask for a new code in (1:00:00|5\d:\d\d)\.`); !left.MatchString(w.text()) {
				t.Errorf("no word of when:\n%s", w.text())
			}
			if evaluate[bool](w, `document.querySelector("#code") !== null`) {
				t.Error("a code can be entered")
			}
			w.press(`details a[href*="email"]`)
			w.fill("#email", email)
			w.press("button.go")
			w.enter(w.p.kit.Code(email))
			w.want("/login/account", "You are signed in")
		})
	}
}

// The page that people come from may lead to another host, as one does that hands
// the session on. Back again there is no page that sends them on at once.
func TestAnotherHost(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprint("script ", script), func(t *testing.T) {
			t.Parallel()
			p := newProgram(t)
			w := p.newWindow(handset, "en-US", script)
			w.open("/away")
			w.want("/login/", "Sign in")
			w.send("202 555 0162")
			w.enter(p.kit.Code(phone))
			w.want(p.elsewhere+"/there", "there")
			w.leave(chromedp.NavigateBack())
			w.want("/login/account", "You are signed in")
		})
	}
}

// The button back, a second window, and signing out in all of them.
func TestBackAndTwoWindows(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(desktop, "en-US", true)
	w.signIn("/login/?return_to=/home")
	w.want("/home", "home")
	w.leave(chromedp.NavigateBack())
	w.want("/login/account", "You are signed in") // there is no sign-in any more

	other := p.newWindow(handset, "en-US", true)
	p.kit.Clock.Advance(time.Minute)
	other.signIn("/login/?return_to=/home")
	other.want("/home", "home")
	w.open("/login/account")
	w.press(`form[action$="/out-all"] button`)
	other.open("/home")
	other.want("/login/", "Sign in")
}
