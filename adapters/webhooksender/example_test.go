package webhooksender_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/passcode-go/passcode/adapters/webhooksender"
	"github.com/passcode-go/passcode/delivery"
)

// A service in Go for a provider that has no sender here, and the program that
// sends through it. In another language the service checks the signature with
// a library of Standard Webhooks, and reads and answers JSON.
func Example() {
	keys, err := webhooksender.ParseKeys(delivery.NewSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))
	if err != nil {
		log.Fatal(err)
	}

	receiver, err := webhooksender.NewReceiver(webhooksender.ReceiverConfig{
		Keys: keys,
		Sender: delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
			if m.Region != "US" {
				return delivery.Receipt{}, &delivery.Error{Kind: delivery.Rejected, Reason: "only in the United States"}
			}
			fmt.Println("pigeon to", m.To.Reveal(), "with", m.Code.Reveal())
			return delivery.Receipt{Provider: "pigeon", ID: "42"}, nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	service := httptest.NewServer(receiver)
	defer service.Close()

	sender, err := webhooksender.New(webhooksender.Config{URL: service.URL, Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	callback, err := webhooksender.NewCallback(webhooksender.CallbackConfig{
		Keys: keys,
		Observe: func(_ context.Context, r delivery.Report) error {
			fmt.Println(r.Message, r.Status)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	program := httptest.NewServer(callback)
	defer program.Close()

	m := delivery.Message{
		ID:      "1",
		Channel: delivery.SMS,
		To:      delivery.NewAddress("+12025550162"),
		Region:  "US",
		Code:    delivery.NewSecret("123456"),
		Expires: 2 * time.Minute,
	}
	fmt.Println(sender.Send(context.Background(), m))
	m.Region = "CA"
	fmt.Println(sender.Send(context.Background(), m))

	// Later the service reports.
	report := []byte(`{"message": "1", "status": "delivered"}`)
	request, err := http.NewRequest(http.MethodPost, program.URL, bytes.NewReader(report))
	if err != nil {
		log.Fatal(err)
	}
	keys.Sign(request.Header, "report-1", time.Now(), report)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// pigeon to +12025550162 with 123456
	// {pigeon 42} <nil>
	// { } delivery: rejected: webhook: only in the United States
	// 1 delivered
	// 200 OK
}
