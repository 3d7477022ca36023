package pgstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/passcode-go/passcode/adapters/pgstore"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// Users, their addresses and the engine's records in one database: somebody
// types an address, gets a code and is a user from then on. Later the office
// looks for everybody with such a name.
func ExampleDirectory() {
	ctx := context.Background()
	db, err := pgstore.Open(ctx, os.Getenv("DATABASE_URL"), pgstore.Config{Migrate: true})
	if err != nil {
		log.Fatal(err)
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
	users, err := accounts.New(accounts.Config{Engine: eng, Directory: db.Directory()})
	if err != nil {
		log.Fatal(err)
	}

	sent, err := users.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.Email, To: "ada@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	message, err := inbox.WaitFor(ctx, "ada@example.com")
	if err != nil {
		log.Fatal(err)
	}
	auth, err := users.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: message.Code.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(auth.User.ID)

	page, err := users.Search(ctx, store.Query{
		Filters: []store.Filter{
			{By: store.FieldEmailText, Text: "@example.com"},
			{By: store.FieldCreated, After: time.Now().AddDate(0, -1, 0)},
		},
		Limit: 50, Total: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Users), "of", page.Total, "and then", page.Next)
}
