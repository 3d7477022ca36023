// Command example is a whole program with sign-in: a page for everybody who is
// signed in, and one that wants a phone and an e-mail address. Open
// http://127.0.0.1:8080/, and read the codes in the terminal.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
)

func main() {
	handler, err := newHandler(console.New(os.Stdout))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	log.Print("open http://", server.Addr)
	log.Fatal(server.ListenAndServe())
}

// newHandler makes the program. A real one has providers in the place of the
// console, package boltstore in that of memory, and keys that it keeps.
func newHandler(sender delivery.Sender) (http.Handler, error) {
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	channels := engine.Channels{delivery.SMS: {Sender: sender, Parse: countries.Mobile}, delivery.Email: {Sender: sender}}
	texts := delivery.Texts{App: "Example", Origin: "example.com"} // the host of the pages, where browsers may fill in codes
	eng, err := engine.New(engine.Config{Store: records, Keys: engine.RandomKeys(), Channels: channels, Texts: texts})
	if err != nil {
		return nil, err
	}
	logins, err := sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys()})
	if err != nil {
		return nil, err
	}
	apps, err := totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example"})
	if err != nil {
		return nil, err
	}
	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: memstore.NewDirectory(), Sessions: logins, Apps: apps})
	if err != nil {
		return nil, err
	}
	login, err := loginpage.New(acc, logins, loginpage.Options{App: "Example", Home: "/"})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", login)
	mux.Handle("/{$}", login.RequireSession(http.HandlerFunc(home)))
	mux.Handle("/pay", login.RequireFactors(sessions.SMS, sessions.Email)(http.HandlerFunc(home)))
	return mux, nil
}

func home(w http.ResponseWriter, r *http.Request) {
	session, _ := loginpage.SessionOf(r.Context())
	fmt.Fprintf(w, `<!doctype html><title>Example</title><h1>%s</h1><p>You are %s, by %d factors.
<p><a href="/">Home</a> <a href="/pay">Pay</a> <a href="/login/account">Account</a>`,
		html.EscapeString(r.URL.Path), html.EscapeString(session.UserID), len(session.Factors))
}
