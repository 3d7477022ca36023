package boltstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
)

// A program opens its file at the start, hands the DB to the engine and the
// Directory to accounts, and closes it at the end. Here it is used directly.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	db, err := boltstore.Open(ctx, filepath.Join(dir, "passcode.db"), boltstore.Config{})
	if err != nil {
		log.Fatal(err) // errors.Is(err, boltstore.ErrLocked): it runs already
	}
	defer db.Close()

	// A record is made, and changed by who knows what is in it.
	until := time.Now().Add(10 * time.Minute)
	if _, _, err := db.CompareAndSwap(ctx, "subject", nil, []byte("tries: 0"), until); err != nil {
		log.Fatal(err)
	}
	_, first, err := db.CompareAndSwap(ctx, "subject", []byte("tries: 0"), []byte("tries: 1"), until)
	if err != nil {
		log.Fatal(err)
	}
	found, second, err := db.CompareAndSwap(ctx, "subject", []byte("tries: 0"), []byte("tries: 1"), until)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("first swapped:", first)
	fmt.Println("second swapped:", second, "found", string(found))

	sum, err := db.Add(ctx, "sent", 1, until)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sent:", sum)

	users := db.Directory()
	if err := users.Create(ctx, store.User{
		ID:     "user-1",
		Status: store.Active,
		Emails: []store.Method{{ID: "email-1", Address: "ada@example.com"}},
	}); err != nil {
		log.Fatal(err)
	}
	u, err := users.Lookup(ctx, store.ByEmail, "ada@example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("found:", u.ID)

	// At night, perhaps.
	dropped, err := db.Sweep(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("expired:", dropped)

	// Output:
	// first swapped: true
	// second swapped: false found tries: 1
	// sent: 1
	// found: user-1
	// expired: 0
}
