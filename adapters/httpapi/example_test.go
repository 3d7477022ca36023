package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/passcode-go/passcode/adapters/httpapi"
	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// A server of passcodes, and a client that logs somebody in: it asks for a
// code, and sends back what the person read on the phone.
func Example() {
	const (
		project = "project-test-0a2fd4e9-5b1c-4d7e-8f60-1b2c3d4e5f60"
		secret  = "secret-test-change-me-to-36-random-characters"
	)
	inbox := deliverytest.New() // in place of a provider of text messages
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{
		Store: records,
		Keys: engine.Keys{
			Index: engine.Key{Secret: bytes.Repeat([]byte("i"), 32)}, // from a secret store, not like this
			Ring:  []engine.Key{{ID: 1, Secret: bytes.Repeat([]byte("k"), 32)}},
		},
		Channels: engine.Channels{delivery.SMS: {Sender: inbox, Parse: countries.Mobile}},
	})
	if err != nil {
		log.Fatal(err)
	}
	signing, err := sessions.NewSigningKey(false) // made once and kept, as all keys
	if err != nil {
		log.Fatal(err)
	}
	logins, err := sessions.New(sessions.Config{
		Store:     records,
		Keys:      engine.RandomKeys(),
		Signing:   []sessions.SigningKey{signing},
		ProjectID: project,
	})
	if err != nil {
		log.Fatal(err)
	}
	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: memstore.NewDirectory(), Sessions: logins})
	if err != nil {
		log.Fatal(err)
	}
	api, err := httpapi.New(httpapi.Config{Accounts: acc, Sessions: logins, ProjectID: project, Secret: secret})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	post := func(path string, body map[string]any) (answer map[string]any) {
		encoded, err := json.Marshal(body)
		if err != nil {
			log.Fatal(err)
		}
		r, err := http.NewRequest("POST", server.URL+path, bytes.NewReader(encoded))
		if err != nil {
			log.Fatal(err)
		}
		r.SetBasicAuth(project, secret)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			log.Fatal(err)
		}
		return answer
	}

	sent := post("/v1/otps/sms/login_or_create", map[string]any{"phone_number": "+12025550162"})
	fmt.Println(sent["status_code"], "new user:", sent["user_created"])

	message, _ := inbox.Last("+12025550162")
	code := message.Code.Reveal()
	done := post("/v1/otps/authenticate", map[string]any{"method_id": sent["phone_id"], "code": code, "session_duration_minutes": 60})
	fmt.Println(done["status_code"], "logged in:", done["user_id"] == sent["user_id"])

	next := post("/v1/sessions/authenticate", map[string]any{"session_token": done["session_token"]})
	fmt.Println(next["status_code"], "still:", next["user"].(map[string]any)["user_id"] == sent["user_id"])

	again := post("/v1/otps/authenticate", map[string]any{"method_id": sent["phone_id"], "code": code})
	fmt.Println(again["status_code"], again["error_type"])

	refused := post("/v1/otps/sms/login_or_create", map[string]any{"phone_number": "+46701234567"})
	fmt.Println(refused["status_code"], refused["error_type"])
	// Output:
	// 200 new user: true
	// 200 logged in: true
	// 200 still: true
	// 401 unable_to_auth_otp_code
	// 400 invalid_phone_number_country_code
}
