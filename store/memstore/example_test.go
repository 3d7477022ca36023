package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/memstore"
)

// A guess is counted by compare-and-swap: read, decide, and write only if
// nobody else has written meanwhile.
func ExampleStore() {
	ctx := context.Background()
	st, err := memstore.New(memstore.Config{MaxBytes: 256 << 20})
	if err != nil {
		panic(err)
	}
	expires := time.Now().Add(5 * time.Minute)
	if _, swapped, err := st.CompareAndSwap(ctx, "subject", nil, []byte{0}, expires); err != nil || !swapped {
		panic("not created")
	}

	record, err := st.Get(ctx, "subject")
	for err == nil && record != nil {
		next := []byte{record[0] + 1}
		var swapped bool
		if record, swapped, err = st.CompareAndSwap(ctx, "subject", record, next, expires); swapped {
			fmt.Println("guesses:", next[0])
			break
		}
	}
	if err != nil {
		panic(err)
	}

	sends, err := st.Add(ctx, "sends/2027-03-01", 1, time.Now().Add(24*time.Hour))
	fmt.Println("sends:", sends, err)

	// Once in a while, if memory matters when nobody writes.
	dropped, err := st.Sweep(ctx)
	fmt.Println("dropped:", dropped, err)
	// Output:
	// guesses: 1
	// sends: 1 <nil>
	// dropped: 0 <nil>
}

func ExampleDirectory() {
	ctx := context.Background()
	users := memstore.NewDirectory()
	err := users.Create(ctx, store.User{
		ID:     "user-1",
		Status: store.Pending,
		Emails: []store.Method{{ID: "email-1", Address: "ada@example.com"}},
	})
	if err != nil {
		panic(err)
	}

	_, err = users.Update(ctx, "user-1", func(u *store.User) error {
		u.Status, u.Emails[0].Verified = store.Active, true
		return nil
	})
	if err != nil {
		panic(err)
	}
	u, err := users.Lookup(ctx, store.ByEmail, "ada@example.com")
	fmt.Println(u.ID, u.Status, err)

	err = users.Create(ctx, store.User{ID: "user-2", Emails: []store.Method{{ID: "email-2", Address: "ada@example.com"}}})
	var taken *store.TakenError
	if errors.As(err, &taken) {
		fmt.Println(taken.Index, "belongs to", taken.Owner)
	}
	// Output:
	// user-1 active <nil>
	// email belongs to user-1
}
