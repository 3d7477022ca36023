package accounts_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store/memstore"
)

// Somebody types a phone number, gets a code, types it, and is logged in.
func Example() {
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	inbox := deliverytest.New() // a provider, in a real program
	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     engine.Keys{Index: newKey(0), Ring: []engine.Key{newKey(1)}},
		Channels: engine.Channels{delivery.SMS: {Sender: inbox, Parse: countries.Mobile}},
	})
	if err != nil {
		log.Fatal(err)
	}
	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: memstore.NewDirectory()})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	sent, err := acc.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: "+12025550162", Pending: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("new:", sent.Created, "sent to:", sent.Challenge.Address)

	message, err := inbox.WaitFor(ctx, "+12025550162")
	if err != nil {
		log.Fatal(err)
	}
	auth, err := acc.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: message.Code.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same user:", auth.User.ID == sent.UserID, "now:", auth.User.Status)

	// Output:
	// new: true sent to: +•••62
	// the same user: true now: active
}

func newKey(id uint32) engine.Key {
	secret := make([]byte, engine.MinSecret)
	rand.Read(secret) // from a secret manager, in a real program
	return engine.Key{ID: id, Secret: secret}
}
