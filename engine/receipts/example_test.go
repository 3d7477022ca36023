package receipts_test

import (
	"context"
	"fmt"
	"log"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/store/memstore"
)

// A code goes out, the provider tells later that it has arrived, and the support
// desk asks.
func Example() {
	ctx := context.Background()
	st, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	kept, err := receipts.New(receipts.Config{Store: st})
	if err != nil {
		log.Fatal(err)
	}
	provider := delivery.SenderFunc(func(context.Context, delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{Provider: "carrier", ID: "0042"}, nil
	})
	eng, err := engine.New(engine.Config{Store: st, Keys: engine.RandomKeys(),
		Channels: engine.Channels{delivery.SMS: {Sender: kept.Sender(provider), Parse: countries.Mobile}}})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	record, err := kept.Message(ctx, challenge.Message)
	fmt.Println(record.Provider, record.State, err)

	// What the handler of the provider's callback does:
	err = kept.Report(ctx, delivery.Report{Provider: "carrier", ID: "0042", Status: delivery.Failed, Kind: delivery.Rejected, Reason: "out of reach"})
	if err != nil {
		log.Fatal(err)
	}
	record, err = kept.Message(ctx, challenge.Message)
	fmt.Println(record.Provider, record.State, record.Reason, err)
	// Output:
	// carrier taken <nil>
	// carrier failed out of reach <nil>
}
