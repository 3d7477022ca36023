package browsertest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

const axeFile = "node_modules/axe-core/axe.min.js"

// chromium is the browser that all tests share, each with a profile of its own,
// or why there is none. axe is the program that looks for barriers in pages.
var (
	chromium context.Context
	missing  error
	axe      string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	profile, err := os.MkdirTemp("", "passcode-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(profile)
	stop, err := start(profile)
	missing = err
	defer stop()
	return m.Run()
}

// start starts the browser with the given profile.
func start(profile string) (stop func(), err error) {
	nothing := func() {}
	text, err := os.ReadFile(axeFile)
	if err != nil {
		return nothing, fmt.Errorf("no axe-core (npm ci --ignore-scripts installs it): %w", err)
	}
	axe = string(text)
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nothing, fmt.Errorf("no Chromium: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.CombinedOutput(io.Discard),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-US"),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(allocator)
	stop = func() {
		stopBrowser()
		stopAllocator()
	}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nothing, fmt.Errorf("Chromium does not start: %w", err)
	}
	chromium = ctx
	return stop, nil
}

// needBrowser skips the test where there is no browser.
func needBrowser(t *testing.T) {
	t.Helper()
	if missing == nil {
		return
	}
	if os.Getenv("PASSCODE_REQUIRE_BROWSER") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// pictures returns the folder for a test's screenshots, or "" for none.
func pictures(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PASSCODE_SCREENSHOTS")
	if dir == "" {
		return ""
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
