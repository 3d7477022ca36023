package loginpage_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine"
)

// What is logged names nobody, and neither does a Location, whatever happens.
// Codes and addresses stand in pages only, and codes only where they are to be
// printed.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	down := new(atomic.Bool)
	p := newProgram(t, setting{
		engine: func(cfg *engine.Config) { cfg.Store = faulty{cfg.Store, down} },
		options: func(o *loginpage.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		},
	})
	b := p.browser()
	var everything bytes.Buffer
	note := func(a *answer) *answer {
		fmt.Fprintln(&everything, a.Header(), a.at, a.body)
		return a
	}
	a := note(b.start(phone, "/home"))
	signin := b.cookies["__Host-signin"].Value
	codes := []string{p.kit.Code(phone)}
	note(b.enter(a, wrong(codes[0])))
	note(b.enter(a, "message "+codes[0]))
	token := b.cookies["__Host-session"].Value
	note(b.get("/pay"))
	a = note(b.post("/login/add", "via", "email", "email", email))
	codes = append(codes, p.kit.Code(email))
	note(b.enter(a, codes[1]))
	note(b.get("/login/account"))
	down.Store(true)
	note(b.get("/login/account"))
	note(b.start(phone, ""))
	note(b.post("/login/out"))
	down.Store(false)
	note(b.post("/login/out-all"))

	if !strings.Contains(log.String(), "unavailable") {
		t.Fatalf("nothing is logged: %s", log.String())
	}
	for _, secret := range append(codes, phone, phone[1:], email, "ada@", token, signin) {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
	for _, secret := range append(codes, token, p.user(phone).ID) {
		if strings.Contains(everything.String(), secret) {
			t.Errorf("a page or a header has %q", secret)
		}
	}
	// The sealed cookie holds the address, and shows nothing of it.
	if strings.Contains(signin, "202555") || len(signin) > 1200 {
		t.Errorf("%d bytes: %s", len(signin), signin)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// A long path to return to still makes a cookie that browsers keep.
func TestCookieSize(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := p.browser()
	address := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 59)+".", 3) + "example"
	a := b.start(address, "/home?"+strings.Repeat("a", 1000))
	if c := b.cookies["__Host-signin"]; c == nil || len(c.String()) > 4096 {
		t.Fatalf("%d at %s: %v", a.Code, a.at, c)
	}
	b.enter(a, p.kit.Code(address)).want(t, http.StatusOK, "/home", "home")
	a = p.browser().start("b"+address[1:], "/"+strings.Repeat("&", 1023))
	if a.at != "/login/code" {
		t.Errorf("%d at %s", a.Code, a.at)
	}
}
