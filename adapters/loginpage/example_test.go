package loginpage_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// A program with a page for people who are signed in. Somebody asks for the
// page, is led to the first page, enters an address and the code, and is back.
// A whole program, with a page that wants more, is in the folder example.
func Example() {
	inbox := deliverytest.New()
	acc, logins := newAccounts(inbox)

	login, err := loginpage.New(acc, logins, loginpage.Options{App: "Example"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", login)
	mux.Handle("/", login.RequireSession(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := loginpage.SessionOf(r.Context())
		fmt.Fprintf(w, "Signed in by %s.", session.Factors[0].Method)
	})))
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	// The person, who has a browser.
	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	browser := server.Client()
	browser.Jar = jar
	open := func(r *http.Request, err error) (page string) {
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		answer, err := browser.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		defer answer.Body.Close()
		var b strings.Builder
		if err := answer.Write(&b); err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer.Request.URL.RequestURI(), answer.StatusCode)
		return b.String()
	}
	post := func(path string, form url.Values) (page string) {
		r, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return open(r, err)
	}
	open(http.NewRequest(http.MethodGet, server.URL+"/inbox", nil))
	page := post("/login/", url.Values{"via": {"email"}, "email": {"ada@example.com"}, "return_to": {"/inbox"}})
	message, _ := inbox.Last("ada@example.com")
	flow := regexp.MustCompile(`name="flow" value="([^"]+)"`).FindStringSubmatch(page)[1]
	page = post("/login/code", url.Values{"flow": {flow}, "code": {message.Code.Reveal()}})
	onward := regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]+)"`).FindStringSubmatch(page)[1]
	page = open(http.NewRequest(http.MethodGet, server.URL+onward, nil))
	fmt.Println(page[strings.Index(page, "\r\n\r\n")+4:])

	// Output:
	// /login/?return_to=%2Finbox 200
	// /login/code 200
	// /login/code 200
	// /inbox 200
	// Signed in by email.
}

// newAccounts makes what the pages stand on. A real program has providers in the
// place of the inbox, a store on disk, and keys that it keeps.
func newAccounts(inbox *deliverytest.Inbox) (*accounts.Accounts, *sessions.Sessions) {
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     engine.RandomKeys(),
		Channels: engine.Channels{delivery.Email: {Sender: inbox}},
	})
	if err != nil {
		log.Fatal(err)
	}
	logins, err := sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys()})
	if err != nil {
		log.Fatal(err)
	}
	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: memstore.NewDirectory(), Sessions: logins})
	if err != nil {
		log.Fatal(err)
	}
	return acc, logins
}
