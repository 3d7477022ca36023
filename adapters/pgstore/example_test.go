package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/passcode-go/passcode/adapters/pgstore"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
)

// A program opens its database at the start and hands the DB to the engine. Any
// number of programs that share the database and the keys are one engine: a code
// that one of them sent is accepted by any of them, once.
func Example() {
	ctx := context.Background()
	db, err := pgstore.Open(ctx, os.Getenv("DATABASE_URL"), pgstore.Config{Migrate: true})
	switch {
	case errors.Is(err, pgstore.ErrAuth):
		log.Fatal("check the password: ", err)
	case err != nil:
		log.Fatal(err) // says what is wrong, and nothing of the URL
	}
	defer db.Close()

	inbox := deliverytest.New() // stands for a provider and for the mailbox
	eng, err := engine.New(engine.Config{
		Store:    db,
		Keys:     engine.RandomKeys(), // those of the other programs, really
		Channels: engine.Channels{delivery.Email: {Sender: inbox}},
	})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.Email, To: "ada@example.com", Purpose: "login"})
	if err != nil {
		log.Fatal(err) // engine.ErrUnavailable: the database does not answer
	}
	message, err := inbox.WaitFor(ctx, "ada@example.com")
	if err != nil {
		log.Fatal(err)
	}
	proof, err := eng.Verify(ctx, challenge.ID, message.Code.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("by", proof.Channel)

	// At night, perhaps.
	if _, err := db.Sweep(ctx); err != nil {
		log.Print(err)
	}
}
