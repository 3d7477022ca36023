package console_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
)

// While a program is being written, its codes appear on the terminal.
func Example() {
	texts := delivery.Texts{App: "Acme", Origin: "example.com"}
	_, body, err := texts.Render(delivery.SMS, "en", "123456", 2*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	var sender delivery.Sender = console.New(os.Stdout)
	_, err = sender.Send(context.Background(), delivery.Message{
		ID:      "1",
		Channel: delivery.SMS,
		To:      delivery.NewAddress("+12025550162"),
		Code:    delivery.NewSecret("123456"),
		Body:    delivery.NewSecret(body),
		Purpose: "login",
		Expires: 2 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// sms to +12025550162: code 123456 for login, expires in 2m0s
	//   | Your Acme code is 123456. It expires in 2 min. Never share it.
	//   | @example.com #123456
}
