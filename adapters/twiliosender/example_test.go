package twiliosender_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/passcode-go/passcode/adapters/twiliosender"
	"github.com/passcode-go/passcode/delivery"
)

// A program that sends codes through Twilio and hears what becomes of them. In
// its place a stand-in answers here: it takes one number and no other.
func Example() {
	twilio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("To") != "+12025550162" {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"sid": "SM00112233445566778899aabbccddeeff", "status": "queued"}`)
	}))
	defer twilio.Close()

	const account, public = "AC00112233445566778899aabbccddeeff", "https://example.com/callbacks/twilio"
	sender, err := twiliosender.New(twiliosender.Config{
		AccountSID:  account,
		KeyID:       "SK00112233445566778899aabbccddeeff",
		Secret:      delivery.NewSecret("the secret of the API key"),
		SMS:         twiliosender.Line{Service: "MG00112233445566778899aabbccddeeff"},
		CallbackURL: public,
		BaseURL:     twilio.URL, // leave it out
	})
	if err != nil {
		log.Fatal(err)
	}
	callback, err := twiliosender.NewCallback(twiliosender.CallbackConfig{
		AccountSID: account,
		Tokens:     []delivery.Secret{delivery.NewSecret("the auth token of the account")},
		URL:        public,
		Observe: func(_ context.Context, r delivery.Report) error {
			fmt.Println(r.Message, r.Status, r.Reason)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/callbacks/twilio", callback)

	for _, to := range []string{"+12025550162", "+12025550163"} {
		receipt, err := sender.Send(context.Background(), delivery.Message{
			ID:      "1",
			Channel: delivery.SMS,
			To:      delivery.NewAddress(to),
			Code:    delivery.NewSecret("123456"),
			Body:    delivery.NewSecret("Your Acme code is 123456."),
			Expires: 2 * time.Minute,
		})
		switch {
		case errors.Is(err, delivery.ErrRejected):
			fmt.Println("this number cannot get it:", err)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(receipt.Provider, "took it as", receipt.ID)
		}
	}
	// Output:
	// twilio took it as SM00112233445566778899aabbccddeeff
	// this number cannot get it: delivery: rejected: twilio: 21610: Attempt to send to unsubscribed recipient
}
