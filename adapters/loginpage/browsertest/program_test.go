package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
	otp "github.com/pquerna/otp/totp"
)

const (
	phone = "+12025550162"
	email = "ada@example.com"
)

// A program is one with sign-in, on a port of this machine. Its clock begins at
// the present, since browsers drop cookies by their own, and stands still.
type program struct {
	t        *testing.T
	kit      *enginetest.Kit
	accounts *accounts.Accounts
	url      string

	elsewhere string // another host, where /away leads to
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{t: t, kit: enginetest.New(t)}
	p.kit.Clock.Set(time.Now().UTC().Truncate(time.Second))
	records, err := memstore.New(memstore.Config{Now: p.kit.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	now := p.kit.Clock.Now
	logins, err := sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	apps, err := totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p.accounts, err = accounts.New(accounts.Config{Engine: p.kit.Engine, Directory: memstore.NewDirectory(), Sessions: logins, Apps: apps, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := loginpage.New(p.accounts, logins, loginpage.Options{App: "Northwind", Now: now, Country: "US"})
	if err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Page</title><h1>%s</h1>`, r.URL.Path[1:])
	})
	mux := http.NewServeMux()
	mux.Handle("/login/", pages)
	mux.Handle("/home", pages.RequireSession(page))
	mux.Handle("/pay", pages.RequireFactors(sessions.SMS, sessions.Email)(page))
	mux.Handle("/app", pages.RequireFactors(sessions.Authenticator)(page))
	elsewhere := httptest.NewServer(page)
	t.Cleanup(elsewhere.Close)
	p.elsewhere = strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	mux.Handle("/away", pages.RequireSession(http.RedirectHandler(p.elsewhere+"/there", http.StatusFound)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// appCode is what an authenticator app shows.
func (p *program) appCode(key string) string {
	p.t.Helper()
	code, err := otp.GenerateCode(key, p.kit.Clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// wrong returns a code that is not this one.
func wrong(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }
