package whatsappsender_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/passcode-go/passcode/adapters/whatsappsender"
	"github.com/passcode-go/passcode/delivery"
)

// A program that sends codes over WhatsApp and hears what becomes of them. In
// the place of Meta a stand-in answers here: it knows one number and no other.
func Example() {
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "+12025550162") {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error": {"message": "(#131026) Message undeliverable", "code": 131026}}`)
			return
		}
		io.WriteString(w, `{"messaging_product": "whatsapp", "messages": [{"id": "wamid.HBgLMTIwMjU1NTAxNjIV"}]}`)
	}))
	defer meta.Close()

	const phone = "106540352242922"
	sender, err := whatsappsender.New(whatsappsender.Config{
		PhoneNumberID: phone,
		Token:         delivery.NewSecret("EAAJB..."),
		Templates: map[string]whatsappsender.Template{
			"":   {Name: "verification_code", Language: "en_US"},
			"fr": {Name: "verification_code"},
		},
		BaseURL: meta.URL, // leave it out
	})
	if err != nil {
		log.Fatal(err)
	}
	callback, err := whatsappsender.NewCallback(whatsappsender.CallbackConfig{
		PhoneNumberID: phone,
		VerifyToken:   delivery.NewSecret("what is entered beside the URL"),
		AppSecrets:    []delivery.Secret{delivery.NewSecret("the secret of the app")},
		Observe: func(_ context.Context, r delivery.Report) error {
			fmt.Println(r.Message, r.Status, r.Reason)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/callbacks/whatsapp", callback)

	for _, to := range []string{"+12025550162", "+12025550163"} {
		receipt, err := sender.Send(context.Background(), delivery.Message{
			ID:      "1",
			Channel: delivery.WhatsApp,
			To:      delivery.NewAddress(to),
			Code:    delivery.NewSecret("123456"),
			Locale:  "fr",
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
	// whatsapp took it as 06bef1c7bac3589498604cdbf7eadaa3
	// this number cannot get it: delivery: rejected: whatsapp: 131026: (#131026) Message undeliverable
}
