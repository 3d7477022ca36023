package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/passcode-go/passcode/adapters/httpapi"
	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// A shop whose users log in by SMS for an hour, and pay only when they have
// proved their e-mail address too in the last ten minutes.
func ExampleGuard() {
	ctx := context.Background()
	inbox := deliverytest.New() // in place of providers
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{Store: records, Keys: engine.RandomKeys(), Channels: engine.Channels{
		delivery.SMS:   {Sender: inbox, Parse: countries.Mobile},
		delivery.Email: {Sender: inbox},
	}})
	if err != nil {
		log.Fatal(err)
	}
	live, err := sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys()})
	if err != nil {
		log.Fatal(err)
	}
	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: memstore.NewDirectory(), Sessions: live})
	if err != nil {
		log.Fatal(err)
	}

	// Any session does for most pages.
	guard := httpapi.Guard{Sessions: live, Refuse: func(w http.ResponseWriter, r *http.Request, missing []sessions.Method) {
		page := "/login"
		if len(missing) > 0 {
			page = "/prove?by=" + string(missing[0])
		}
		http.Redirect(w, r, page, http.StatusSeeOther)
	}}
	payment := guard
	payment.Require = sessions.Require(sessions.Email).Within(10 * time.Minute)

	mux := http.NewServeMux()
	mux.Handle("/cart", guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := httpapi.SessionOf(r.Context())
		fmt.Fprintf(w, "a cart, by %s", session.Factors[0].Method)
	})))
	mux.Handle("/pay", payment.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "paid")
	})))

	// A browser, and the code that a person reads and types.
	visit := func(path string, cookie *http.Cookie) {
		r := httptest.NewRequest("GET", path, nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if to := w.Header().Get("Location"); to != "" {
			body = []byte("go to " + to)
		}
		fmt.Printf("%s: %s\n", path, body)
	}
	authenticate := func(sent accounts.Sent, address string, session accounts.SessionRequest) *http.Cookie {
		message, _ := inbox.Last(address)
		auth, err := acc.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: message.Code.Reveal(), Session: session})
		if err != nil {
			log.Fatal(err)
		}
		return guard.NewCookie(*auth.Session) // http.SetCookie sends it
	}

	visit("/cart", nil)
	sent, err := acc.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: "+12025550162"})
	if err != nil {
		log.Fatal(err)
	}
	cookie := authenticate(sent, "+12025550162", accounts.SessionRequest{Duration: time.Hour})
	visit("/cart", cookie)
	visit("/pay", cookie)

	shown := sessions.Credential{Token: cookie.Value}
	sent, err = acc.Send(ctx, accounts.SendRequest{Channel: delivery.Email, To: "ada@example.com", Session: shown})
	if err != nil {
		log.Fatal(err)
	}
	stepped := authenticate(sent, "ada@example.com", accounts.SessionRequest{Credential: shown})
	visit("/pay", stepped)
	visit("/cart", cookie) // the session has another token now
	// Output:
	// /cart: go to /login
	// /cart: a cart, by sms
	// /pay: go to /prove?by=email
	// /pay: paid
	// /cart: go to /login
}
