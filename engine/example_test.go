package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// From nothing to a verified code, with no server and no account: the inbox
// stands for a provider and for the phone.
func Example() {
	ctx := context.Background()
	records, _ := memstore.New(memstore.Config{})
	inbox := deliverytest.New()
	eng, err := engine.New(engine.Config{Store: records, Keys: engine.RandomKeys(),
		Channels: engine.Channels{delivery.SMS: {Sender: inbox, Parse: countries.Mobile}}})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	message, _ := inbox.WaitFor(ctx, "+12025550162")
	proof, err := eng.Verify(ctx, challenge.ID, message.Code.Reveal())
	fmt.Println("by", proof.Channel, "err", err)
	// Output: by sms err <nil>
}

// What a login handler tells somebody whose code was not accepted.
func ExampleError() {
	ctx := context.Background()
	records, _ := memstore.New(memstore.Config{})
	inbox := deliverytest.New()
	eng, err := engine.New(engine.Config{Store: records, Keys: engine.RandomKeys(), Channels: engine.Channels{
		delivery.Email: {Sender: inbox},
	}})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.Email, To: "ada@example.com", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	message, _ := inbox.WaitFor(ctx, "ada@example.com")
	code := message.Code.Reveal()
	for _, typed := range []string{"hello", wrong(code), code, code} {
		_, err := eng.Verify(ctx, challenge.ID, typed)
		var refusal *engine.Error
		switch {
		case err == nil:
			fmt.Println("welcome")
		case errors.Is(err, engine.ErrFormat):
			fmt.Println("please enter the 6 digits")
		case errors.As(err, &refusal) && refusal.Kind == engine.ErrWrong:
			fmt.Println("wrong code, attempts left:", refusal.AttemptsLeft)
		default:
			fmt.Println("please ask for a new code")
		}
	}
	// Output:
	// please enter the 6 digits
	// wrong code, attempts left: 4
	// welcome
	// please ask for a new code
}
