package totp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
	library "github.com/pquerna/otp/totp"
)

// From the QR code to the day when the phone is lost. The library stands for
// the authenticator app.
func Example() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	records, _ := memstore.New(memstore.Config{}) // in a program: one that forgets nothing
	apps, err := totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example", Now: func() time.Time { return now }})
	if err != nil {
		log.Fatal(err)
	}

	// Show the QR code, and the recovery codes to be written down.
	enrolment, err := apps.Enrol(ctx, totp.Request{UserID: "user-1", Account: "ada@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	image, err := enrolment.QRCode()
	fmt.Println("show", image, len(enrolment.RecoveryCodes), err)

	// The first code of the app makes it the user's.
	code, _ := library.GenerateCode(enrolment.Secret.Reveal(), now)
	proof, err := apps.Verify(ctx, "user-1", code)
	fmt.Println("enrolled", proof.Enrolled, err)

	// Nobody who looked over a shoulder can use it.
	_, err = apps.Verify(ctx, "user-1", code)
	fmt.Println("replayed", errors.Is(err, totp.ErrReplayed))

	_, err = apps.Verify(ctx, "user-1", "000000")
	var refusal *engine.Error
	if errors.As(err, &refusal) && refusal.Kind == engine.ErrWrong {
		fmt.Println("wrong, attempts left:", refusal.AttemptsLeft)
	}

	// The phone is gone.
	_, err = apps.Recover(ctx, "user-1", enrolment.RecoveryCodes[0].Reveal())
	status, _ := apps.Status(ctx, "user-1")
	fmt.Println("recovered", err, "recovery codes left:", len(status.RecoveryCodes))
	fmt.Println("removed", apps.Remove(ctx, "user-1", status.ID))
	// Output:
	// show [redacted] 10 <nil>
	// enrolled true <nil>
	// replayed true
	// wrong, attempts left: 9
	// recovered <nil> recovery codes left: 9
	// removed <nil>
}
