package snssender_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passcode-go/passcode/adapters/snssender"
	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// A program signs people in by SMS: it sends a code through AWS, checks what
// the person types, and hears later that the message arrived.
func Example() {
	cloud := startAWS() // in place of the real one
	defer cloud.Close()

	sms, err := snssender.NewFromConfig(aws.Config{ // most often from the SDK's config package
		Region:       "eu-west-1",
		Credentials:  snssender.Keys("AKIAEXAMPLE", delivery.NewSecret("secret"), delivery.Secret{}),
		BaseEndpoint: aws.String(cloud.URL), // not needed for the real one, nor is the client
		HTTPClient:   cloud.Client(),
	}, snssender.Config{
		Origination:      "pool-0123456789abcdef0123456789abcdef",
		ConfigurationSet: "passcodes", // has an event destination
		MaxPrice:         0.10,
	})
	if err != nil {
		log.Fatal(err)
	}
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     engine.RandomKeys(),
		Channels: engine.Channels{delivery.SMS: {Sender: sms, Parse: countries.Mobile}},
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	text := <-cloud.texts
	_, code, _ := strings.Cut(text, "Your code is ")
	if _, err := eng.Verify(ctx, challenge.ID, code[:6]); err != nil {
		log.Fatal(err)
	}
	fmt.Println("signed in")

	// What the event destination delivers goes to the program's Observer.
	report, err := sms.ParseEvent([]byte(`{"eventType": "TEXT_DELIVERED", "eventTimestamp": 1686975103470,
		"messageId": "862a8790", "destinationPhoneNumber": "+12025550162", "context": {"passcode-message": "b7Jx1"}}`))
	fmt.Println(report.Provider, report.ID, report.Message, report.Status, err)

	// Somebody who answered STOP is told apart from a provider in trouble.
	_, err = sms.Send(ctx, delivery.Message{
		Channel: delivery.SMS, To: delivery.NewAddress("+12025550163"),
		Code: delivery.NewSecret("917364"), Body: delivery.NewSecret("Your code is 917364."),
	})
	fmt.Println(errors.Is(err, delivery.ErrRejected), err)
	// Output:
	// signed in
	// aws 862a8790 b7Jx1 delivered <nil>
	// true delivery: rejected: aws: ConflictException DESTINATION_PHONE_NUMBER_OPTED_OUT: [redacted] has opted out
}

// AWS's receipts come by an SNS topic. The handler takes what SNS has signed for
// the topic, and confirms the subscription.
func ExampleNewCallback() {
	callback, err := snssender.NewCallback(snssender.CallbackConfig{
		Topics: []string{"arn:aws:sns:eu-west-1:123456789012:passcodes"},
		Observe: func(_ context.Context, r delivery.Report) error { // most often receipts.Receipts.Report
			fmt.Println(r.Message, r.Status)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/callbacks/aws", callback)

	// Nobody but SNS is heard.
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/callbacks/aws", strings.NewReader(`{"eventType": "TEXT_DELIVERED"}`)))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 403 Not from Amazon SNS, or of a topic that is not configured here.
}

type fakeAWS struct {
	*httptest.Server
	texts chan string
}

func startAWS() *fakeAWS {
	f := &fakeAWS{texts: make(chan string, 1)}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ DestinationPhoneNumber, MessageBody string }
		json.NewDecoder(r.Body).Decode(&in)
		if in.DestinationPhoneNumber == "+12025550163" {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"__type": "ConflictException", "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT", "Message": "12025550163 has opted out"}`)
			return
		}
		f.texts <- in.MessageBody
		fmt.Fprint(w, `{"MessageId": "862a8790"}`)
	}))
	return f
}
