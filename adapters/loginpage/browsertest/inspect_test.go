package browsertest

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A finding is what axe has to say against a page.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// inspect looks at the page from all sides, in light and in dark: no barriers by
// axe, nothing that moved while it was loaded, nothing that sticks out at the
// side, not at 320 pixels and not with letters twice as large.
func (w *window) inspect(name string) {
	w.t.Helper()
	if w.script {
		for _, moved := range evaluate[[]string](w, shifts) {
			w.t.Errorf("%s: layout shift: %s", name, moved)
		}
	}
	evaluate[int](w, axe+";0")
	for _, scheme := range []string{"light", "dark"} {
		call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		for _, f := range evaluate[[]finding](w, barriers[scheme]) {
			w.t.Errorf("%s, %s: %s: %s", name, scheme, f.ID, f.Help)
			for _, node := range f.Nodes {
				w.t.Logf("%s\n%s", node.HTML, node.Summary)
			}
		}
		w.picture(name, scheme)
	}
	w.overflow(name)
	evaluate[int](w, `document.documentElement.style.fontSize = "200%"; 0`)
	w.overflow(name + " with large letters")
	evaluate[int](w, `document.documentElement.style.fontSize = ""; 0`)
	w.resize(size{"", 320, 640, 1, w.size.mobile})
	w.overflow(name + " in a narrow window")
	w.resize(w.size)
}

// shifts is what moved without anybody having done anything.
const shifts = `new Promise((resolve) => {
	const moved = [];
	const box = (r) => [r.x, r.y, r.width, r.height].join(" ");
	const name = (node) => node && (node.outerHTML || node.textContent).slice(0, 80);
	const observer = new PerformanceObserver((list) => {
		for (const e of list.getEntries()) {
			if (!e.hadRecentInput) moved.push(e.value + " " + e.sources.map((s) => name(s.node) + box(s.previousRect) + " to " + box(s.currentRect)));
		}
	});
	observer.observe({ type: "layout-shift", buffered: true });
	setTimeout(() => { observer.disconnect(); resolve(moved); }, 50);
})`

// barriers is what axe finds by WCAG 2.2 AA and by its own good practices. What
// is dark differs in its colours only.
var barriers = map[string]string{
	"light": `axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
	}).then((result) => result.violations)`,
	"dark": `axe.run(document, {
		runOnly: { type: "rule", values: ["color-contrast"] }, resultTypes: ["violations"],
	}).then((result) => result.violations)`,
}

func (w *window) overflow(name string) {
	w.t.Helper()
	if wide := evaluate[int](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		w.t.Errorf("%s: the page is %d pixels too wide", name, wide)
	}
}

// picture keeps a screenshot of the whole page, if somebody wants any.
func (w *window) picture(name, scheme string) {
	w.t.Helper()
	dir := pictures(w.t)
	if dir == "" || !w.script {
		return
	}
	shot, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	w.check(err)
	language, _, _ := strings.Cut(w.language, "-")
	file := strings.Join([]string{name, w.size.name, language, scheme}, "-") + ".png"
	w.keep(filepath.Join(dir, file), shot)
	if as := inReadme[name]; as != "" && w.size == handset && language == "en" {
		top := &page.Viewport{Width: float64(w.size.width), Height: 750, Scale: 1}
		kept := call(w, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: top})
		w.keep(filepath.Join(dir, "readme", as+"-"+scheme+".png"), kept.Data)
	}
}

// inReadme are the screens that the README shows, all of one size, and how they
// are called in the folder screenshots.
var inReadme = map[string]string{"start": "sign-in", "code-wrong": "code", "enrol": "app", "account-app": "account"}

func (w *window) keep(file string, picture []byte) {
	w.t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, picture, 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// The folder screenshots has what the README shows, as these tests make it.
func TestKeptPictures(t *testing.T) {
	t.Parallel()
	var want []string
	for _, name := range inReadme {
		want = append(want, name+"-dark.png", name+"-light.png")
	}
	slices.Sort(want)
	var got []string
	entries, err := os.ReadDir("../screenshots")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		got = append(got, entry.Name())
		file, err := os.Open(filepath.Join("../screenshots", entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if made, err := png.DecodeConfig(file); err != nil || made.Width != 780 || made.Height != 1500 {
			t.Errorf("%s: %+v, %v", entry.Name(), made, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pictures %q, want %q", got, want)
	}
}
