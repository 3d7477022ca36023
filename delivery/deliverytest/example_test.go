package deliverytest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

// A test reads the code that the program under test sent.
func Example() {
	inbox := deliverytest.New()
	signIn := func(ctx context.Context, sender delivery.Sender, email string) {
		_, err := sender.Send(ctx, delivery.Message{
			Channel: delivery.Email,
			To:      delivery.NewAddress(email),
			Code:    delivery.NewSecret("123456"),
			Body:    delivery.NewSecret("Your code is 123456."),
		})
		if err != nil {
			log.Print(err)
		}
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go signIn(ctx, inbox, "jane@example.com")

	m, err := inbox.WaitFor(ctx, "jane@example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Code.Reveal())
	fmt.Println(m.To, m.Body)
	// Output:
	// 123456
	// j•••@example.com [redacted]
}

// A provider that accepts a message and then does not answer.
func ExampleInbox_Hold() {
	inbox := deliverytest.New()
	release := inbox.Hold()
	defer release()

	ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
	defer cancel()
	m := delivery.Message{To: delivery.NewAddress("+12025550162"), Code: delivery.NewSecret("123456")}
	_, err := inbox.Send(ctx, m)
	fmt.Println(delivery.AsError(err, m))
	fmt.Println("messages that arrived:", inbox.Len())
	// Output:
	// delivery: ambiguous: context deadline exceeded
	// messages that arrived: 1
}
