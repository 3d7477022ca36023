package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/enginetest"
)

// t is the argument of a test function.
var t *testing.T = new(testing.T)

// A test of a login, and of a person who is slow.
func Example() {
	ctx := context.Background()
	kit := enginetest.New(t)
	login := engine.Request{Channel: delivery.SMS, To: enginetest.Delivered, Purpose: "login"}

	ch, err := kit.Engine.Start(ctx, login)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kit.Engine.Verify(ctx, ch.ID, kit.Code(enginetest.Delivered))
	fmt.Println(err)

	ch, err = kit.Engine.Start(ctx, login)
	if err != nil {
		t.Fatal(err)
	}
	kit.Clock.Advance(3 * time.Minute)
	_, err = kit.Engine.Verify(ctx, ch.ID, kit.Code(enginetest.Delivered))
	fmt.Println(errors.Is(err, engine.ErrExpired))

	_, err = kit.Engine.Start(ctx, engine.Request{Channel: delivery.SMS, To: enginetest.Rejected})
	fmt.Println(errors.Is(err, delivery.ErrRejected))

	// Output:
	// <nil>
	// true
	// true
}
