package browsertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A size is that of a window.
type size struct {
	name          string
	width, height int64
	pixels        float64 // of the screen, for one of the page's
	mobile        bool
}

var (
	handset = size{"phone", 390, 844, 2, true}
	desktop = size{"desktop", 1280, 800, 1, false}
)

// A window is one of a browser in which nobody has been before.
type window struct {
	t        *testing.T
	p        *program
	ctx      context.Context
	size     size
	language string
	script   bool

	mu       sync.Mutex
	troubles []string // what the browser complained about
}

// newWindow opens a window. Whatever the browser complains about in it fails the
// test at its end.
func (p *program) newWindow(s size, language string, script bool) *window {
	p.t.Helper()
	needBrowser(p.t)
	w := &window{t: p.t, p: p, size: s, language: language, script: script}
	var closeWindow context.CancelFunc
	w.ctx, closeWindow = chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.listen))
	p.t.Cleanup(func() {
		closeWindow()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, trouble := range w.troubles {
			p.t.Errorf("console: %s", trouble)
		}
	})
	w.do() // opens it
	call(w, log.Enable, cdp.Empty{})
	call(w, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
	call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
	w.resize(s)
	return w
}

// listen takes note of errors. That a page was answered 4xx is what these pages
// mean to say, and no error of theirs.
func (w *window) listen(event any) {
	trouble := ""
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		trouble = event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			trouble += " " + thrown.Description
		}
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			trouble = fmt.Sprint(event.Type, event.Args)
		}
	case *log.EventEntryAdded:
		e := event.Entry
		document := e.Source == log.EntrySourceNetwork && strings.Contains(e.URL, "/login/") && !strings.Contains(e.URL, ".css") && !strings.Contains(e.URL, ".js") &&
			strings.Contains(e.Text, "status of 4")
		if (e.Level == log.EntryLevelError || e.Level == log.EntryLevelWarning) && !document {
			trouble = fmt.Sprint(e.Source, " ", e.Text, " ", e.URL)
		}
	}
	if trouble != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.troubles = append(w.troubles, trouble)
	}
}

// patience is how long a step may take.
const patience = 30 * time.Second

// do does steps, one after the other.
func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if len(steps) == 0 {
		w.check(chromedp.Do(w.ctx))
		return
	}
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	w.check(chromedp.Do(ctx, steps...))
}

func (w *window) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v, at %s:\n%s", err, w.location(), w.text())
	}
}

// call gives the browser a command.
func call[P, R any](w *window, command cdp.Command[P, R], params P) R {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func (w *window) resize(s size) {
	w.t.Helper()
	call(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: s.pixels, Mobile: s.mobile})
}

// open goes to a page of the program.
func (w *window) open(path string) {
	w.t.Helper()
	w.do(chromedp.Navigate(w.p.url + path))
}

// location is where the window is, without the host.
func (w *window) location() string {
	url, err := chromedp.Run(w.ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(url, w.p.url)
}

// text is what can be read in the window.
func (w *window) text() string {
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return err.Error()
	}
	return text
}

// evaluate returns what an expression is worth.
func evaluate[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	w.check(err)
	return value
}

// want fails the test unless the window is at a path and says a text.
func (w *window) want(path, text string) {
	w.t.Helper()
	at, _, _ := strings.Cut(w.location(), "?")
	if got := w.text(); at != path || !strings.Contains(got, text) {
		w.t.Fatalf("at %s, want %s saying %q:\n%s", at, path, text, got)
	}
}

// fill fills in a field.
func (w *window) fill(selector, text string) {
	w.t.Helper()
	evaluate[string](w, fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	w.do(chromedp.SendKeys(selector, text))
}

// choose chooses a country.
func (w *window) choose(country string) {
	w.t.Helper()
	if evaluate[string](w, fmt.Sprintf(`document.querySelector("#country").value = %q`, country)) != country {
		w.t.Fatalf("no country %s", country)
	}
}

// press presses a button or follows a link, and waits for the next page.
func (w *window) press(selector string) {
	w.t.Helper()
	w.leave(chromedp.Click(selector, chromedp.NodeVisible))
}

// enterKey presses the key, and waits for the next page.
func (w *window) enterKey() {
	w.t.Helper()
	w.leave(chromedp.KeyEvent(kb.Enter))
}

// leave does something that leads to another page, and waits for that, or for
// the one that it goes on to.
func (w *window) leave(action chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.ctx, patience)
	defer stop()
	if _, err := chromedp.RunResponse(ctx, action); err != nil {
		w.t.Fatalf("%v, at %s:\n%s", err, w.location(), w.text())
	}
	const settled = `document.readyState === "complete" && !document.querySelector("meta[http-equiv=refresh]")`
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		// While a page goes there is none to ask.
		if done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](settled)); done && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("still at %s:\n%s", w.location(), w.text())
		case <-tick.C:
		}
	}
}

// send asks for a code to a number of the United States.
func (w *window) send(number string) {
	w.t.Helper()
	w.choose("US")
	w.fill("#phone", number)
	w.press("button.go")
}

// enter types a code and sends it.
func (w *window) enter(code string) {
	w.t.Helper()
	w.fill("#code", code)
	w.press("form:has(#code) button.go")
}

// signIn signs in by the phone.
func (w *window) signIn(path string) {
	w.t.Helper()
	w.open(path)
	w.send("202 555 0162")
	w.enter(w.p.kit.Code(phone))
}
