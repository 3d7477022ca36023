package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The wait for another code counts down, and the button waits with it.
func TestCountdown(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(handset, "en-US", true)
	w.open("/login/")
	w.send("202 555 0162")
	first := p.kit.Code(phone)
	p.kit.Clock.Advance(27 * time.Second) // 3 are left
	call(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		addEventListener("DOMContentLoaded", () => {
			const wait = document.getElementById("wait"), button = document.querySelector("form.resend button");
			if (!wait) return;
			window.seen = [wait.textContent];
			window.waited = button.disabled;
			window.over = new Promise((resolve) => new MutationObserver(() => {
				if (wait.textContent !== seen.at(-1)) seen.push(wait.textContent);
				if (wait.textContent === "" && !button.disabled) resolve(seen);
			}).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true }));
		});`})
	w.open("/login/code")
	seen := evaluate[[]string](w, `over`)
	if !evaluate[bool](w, `waited`) {
		t.Error("the button does not wait")
	}
	last := 4 // a slow machine may leave out a second, and show none twice
	for _, text := range seen[:len(seen)-1] {
		var left int
		if _, err := fmt.Sscanf(text, "You can ask for a new code in 0:%d.", &left); err != nil || left < 1 || left >= last {
			t.Errorf("the countdown was %q", seen)
			break
		}
		last = left
	}
	if len(seen) < 2 {
		t.Errorf("the countdown was %q", seen)
	}
	if said := evaluate[string](w, `document.querySelector("#now[role=status]").textContent`); said != "You can now ask for a new code." {
		t.Errorf("at the end it says %q", said)
	}
	if moved := evaluate[[]string](w, shifts); len(moved) > 0 {
		t.Errorf("the page moved: %q", moved)
	}
	p.kit.Clock.Advance(3 * time.Second)
	w.press("form.resend button")
	w.want("/login/code", "A new code is on its way.")
	if second := p.kit.Code(phone); second != first {
		w.enter(first)
		w.want("/login/code", "Tries left: 4.")
	}
	w.enter(p.kit.Code(phone))
	w.want("/login/account", "You are signed in")
}

// A pasted message leaves its code in the field, in every language.
func TestPaste(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(handset, "fa-IR", true)
	w.open("/login/")
	w.send("202 555 0162")
	message, _ := p.kit.Inbox.Last(phone)
	if message.Locale != "fa" {
		t.Errorf("the message is in %q", message.Locale)
	}
	value := evaluate[string](w, fmt.Sprintf(`(() => {
		const code = document.getElementById("code"), clipboard = new DataTransfer();
		clipboard.setData("text", %q);
		code.dispatchEvent(new ClipboardEvent("paste", { clipboardData: clipboard, bubbles: true, cancelable: true }));
		return code.value;
	})()`, message.Body.Reveal()))
	if value != p.kit.Code(phone) {
		t.Errorf("the field has %q", value)
	}
	w.press("form:has(#code) button.go")
	w.want("/login/account", "وارد شده\u200cاید")
}

// Where the browser has WebOTP, a message that arrives is entered.
func TestWebOTP(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(handset, "en-US", true)
	call(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.OTPCredential = class {};
		navigator.credentials.get = (asked) => new Promise((resolve) => {
			if (asked.otp.transport[0] === "sms" && asked.signal) window.arrive = (code) => resolve({ code });
		});`})
	w.open("/login/")
	w.send("202 555 0162")
	w.leave(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`arrive(%q)`, p.kit.Code(phone))))
	w.want("/login/account", "You are signed in")
	// Not for codes by e-mail.
	w.press(`form[action$="/out"] button`)
	w.open("/login/?via=email")
	w.fill("#email", email)
	w.press("button.go")
	if evaluate[bool](w, `"arrive" in window`) {
		t.Error("a message is waited for")
	}
}

// A button that is pressed twice sends its form once.
func TestTwice(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(desktop, "en-US", true)
	w.open("/login/")
	w.fill("#phone", "2025550162")
	w.leave(chromedp.Evaluate[chromedp.Void](`for (const i of [1, 2, 3]) document.querySelector("button.go").click()`))
	w.want("/login/code", "Enter the code")
	if n := p.kit.Inbox.Len(); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// A form whose sending was stopped is sent by the next press, though not by one
// that follows at once.
func TestStopped(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	w := p.newWindow(desktop, "en-US", true)
	w.open("/login/")
	w.fill("#phone", "2025550162")
	left := evaluate[[]bool](w, `(() => {
		const sent = [], real = performance.now.bind(performance);
		performance.now = () => real() + sent.length * 3000;
		document.addEventListener("submit", (event) => { sent.push(!event.defaultPrevented); event.preventDefault(); });
		for (const i of [1, 2, 3]) document.querySelector("button.go").click();
		return sent;
	})()`)
	if !slices.Equal(left, []bool{true, false, true}) { // at once, 3 and 6 seconds later
		t.Errorf("it would have been sent: %v", left)
	}
}

// Countries have their names in the language of the page, in its order, and the
// chosen one stays.
func TestCountryNames(t *testing.T) {
	t.Parallel()
	w := newProgram(t).newWindow(desktop, "de-DE", true)
	w.open("/login/")
	list := evaluate[[]string](w, `[...document.querySelectorAll("#country option")].map((o) => o.text)`)
	joined := strings.Join(list, "|")
	if !strings.Contains(joined, "Deutschland (+49)") || strings.Contains(joined, "Germany") ||
		strings.Index(joined, "Ägypten (+20)") > strings.Index(joined, "Argentinien (+54)") {
		t.Errorf("%q", list)
	}
	if chosen := evaluate[string](w, `document.getElementById("country").value`); chosen != "US" {
		t.Errorf("%q is chosen", chosen)
	}
	w.fill("#phone", "+93701234567")
	w.press("button.go")
	w.want("/login/", "in dieses Land senden: Afghanistan.")
}

// Without a mouse: what has the focus is where one would look for it, and the
// keys do the rest.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprint("script ", script), func(t *testing.T) {
			t.Parallel()
			keyboard(newProgram(t).newWindow(desktop, "en-US", script))
		})
	}
}

func keyboard(w *window) {
	focus := func(want string) {
		w.t.Helper()
		const name = `((e) => e.id || e.textContent.trim() || e.tagName)(document.activeElement)`
		if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](fmt.Sprintf("%s === %q", name, want), chromedp.WithPollingTimeout(patience))); err != nil {
			w.t.Fatalf("the focus is on %q, want %q: %v", evaluate[string](w, name), want, err)
		}
		if ring := evaluate[string](w, `getComputedStyle(document.activeElement).outlineStyle`); ring == "none" {
			w.t.Errorf("the focus on %q does not show", want)
		}
	}
	press := func(keys string) { w.t.Helper(); w.do(chromedp.KeyEvent(keys)) }
	back := func() { w.t.Helper(); w.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))) }

	w.open("/login/?return_to=/home")
	focus("phone")
	back()
	focus("country")
	press("Can")
	if chosen := evaluate[string](w, `document.getElementById("country").value`); chosen != "CA" {
		w.t.Errorf("%q is chosen", chosen)
	}
	press("Unit")
	for _, way := range []string{"E-mail", "WhatsApp", "Text message"} {
		back()
		focus(way)
	}
	for range 4 {
		press(kb.Tab)
	}
	focus("phone")
	press("+12025550162")
	press(kb.Tab)
	focus("Continue")
	w.enterKey()
	w.want("/login/code", "Enter the code")
	focus("code")
	press(wrong(w.p.kit.Code(phone)))
	w.enterKey()
	w.want("/login/code", "Tries left: 4.")
	focus("code")
	described := evaluate[string](w, `document.getElementById(document.activeElement.getAttribute("aria-describedby")).textContent`)
	if described != "This code is not right. Tries left: 4." {
		w.t.Errorf("the field is described by %q", described)
	}
	press(kb.Tab)
	focus("Continue")
	waits := w.script && evaluate[bool](w, `document.querySelector("form.resend button").disabled`)
	press(kb.Tab)
	if !waits { // a button that waits is passed over
		focus("Send a new code")
		press(kb.Tab)
	}
	focus("Use another way")
	for range 3 {
		back()
		if evaluate[string](w, `document.activeElement.id`) == "code" {
			break
		}
	}
	focus("code")
	press(w.p.kit.Code(phone))
	w.enterKey()
	w.want("/home", "home")
}
