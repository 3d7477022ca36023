package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/adapters/redisstore"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/engine"
)

// A program that runs in several processes on one Redis. A code that one of them
// has sent is checked by any other, and accepted once.
func Example() {
	ctx := context.Background()
	records, err := redisstore.Open(ctx, "redis://:password@redis.example:6379/0", redisstore.Config{
		Fence: true, // appendfsync is everysec there
		Warn:  func(err error) { log.Print(err) },
	})
	switch {
	case errors.Is(err, redisstore.ErrVolatile), errors.Is(err, redisstore.ErrEviction):
		log.Fatal("this Redis is set up to forget: ", err)
	case err != nil:
		log.Fatal(err)
	}
	defer records.Close()

	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     engine.RandomKeys(), // all processes share theirs, and keep them
		Channels: engine.Channels{delivery.Email: {Sender: console.New(os.Stdout)}},
	})
	if err != nil {
		log.Fatal(err)
	}
	challenge, err := eng.Start(ctx, engine.Request{Channel: delivery.Email, To: "ada@example.com", Purpose: "login"})
	if err != nil {
		log.Fatal(err)
	}
	proof, err := eng.Verify(ctx, challenge.ID, "123456") // what was typed
	switch {
	case errors.Is(err, engine.ErrUnavailable):
		fmt.Println("please try again") // Redis is not there; nothing was accepted
	case err != nil:
		fmt.Println("that was not the code")
	default:
		fmt.Println("welcome,", proof.Subject)
	}
}

// A client with passwords that change, on a server with a certificate of an
// authority of one's own.
func ExampleNew() {
	ctx := context.Background()
	cfg := redisstore.Config{Prefix: "myapp:"}
	option, err := cfg.ClientOption("rediss://redis.example:6379")
	if err != nil {
		log.Fatal(err)
	}
	option.TLSConfig.RootCAs = nil // a pool with the authority's certificate
	option.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
		return rueidis.AuthCredentials{Username: "myapp", Password: "of this hour"}, nil
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	records, err := redisstore.New(ctx, client, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer records.Close()
}
