package accounts_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	library "github.com/pquerna/otp/totp"
)

// Somebody who logged in by phone adds an e-mail address. What costs money asks
// for both.
func Example_secondFactor() {
	ctx := context.Background()
	p := newProgram()
	cookie := p.signIn("+12025550162")
	payment := sessions.Require(sessions.SMS, sessions.Email).Within(15 * time.Minute)

	session, _, err := p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: cookie})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("missing:", payment.Missing(session.Session, p.now))

	// The session says whose address it becomes; never take a user id from a
	// client.
	sent, err := p.accounts.Send(ctx, accounts.SendRequest{Channel: delivery.Email, To: "ada@example.com", Session: cookie})
	if err != nil {
		log.Fatal(err)
	}
	p.now = p.now.Add(time.Minute)
	auth, err := p.accounts.Authenticate(ctx, accounts.AuthRequest{
		MethodID: sent.MethodID,
		Code:     p.code("ada@example.com"),
		Session:  accounts.SessionRequest{Credential: cookie},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("verified:", auth.Method.Verified, "missing:", payment.Missing(auth.Session.Session, p.now))
	// auth.Session.Token takes the place of the cookie: the old one is dead.

	p.now = p.now.Add(15 * time.Minute)
	fmt.Println("missing a while later:", payment.Missing(auth.Session.Session, p.now))

	// Output:
	// missing: [email]
	// verified: true missing: []
	// missing a while later: [sms]
}

// Somebody enrols an authenticator app, and one day loses it. The library
// stands for the app.
func Example_authenticatorApp() {
	ctx := context.Background()
	p := newProgram()
	cookie := p.signIn("+12025550162")
	both := sessions.Require(sessions.SMS, sessions.Authenticator)
	_, user, err := p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: cookie})
	if err != nil {
		log.Fatal(err)
	}

	// Show the QR code, and the recovery codes to be written down.
	enrolment, _, err := p.accounts.EnrolTOTP(ctx, user.ID, 10*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	written := enrolment.RecoveryCodes[0].Reveal()
	code, _ := library.GenerateCode(enrolment.Secret.Reveal(), p.now)
	app, err := p.accounts.AuthenticateTOTP(ctx, accounts.TOTPRequest{
		UserID: user.ID, Code: code, Session: accounts.SessionRequest{Credential: cookie},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("enrolled:", app.Proof.Enrolled, "missing:", both.Missing(app.Session.Session, p.now))

	// Another day, without the app.
	p.now = p.now.Add(24 * time.Hour)
	cookie = p.signIn("+12025550162")
	back, err := p.accounts.Recover(ctx, accounts.TOTPRequest{
		UserID: user.ID, Code: written, Session: accounts.SessionRequest{Credential: cookie},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("recovered, missing:", both.Missing(back.Session.Session, p.now))
	_, status, err := p.accounts.TOTP(ctx, user.ID)
	fmt.Println("recovery codes left:", len(status.RecoveryCodes), err)

	// A new app in the place of the lost one.
	if _, err := p.accounts.DeleteTOTP(ctx, enrolment.ID); err != nil {
		log.Fatal(err)
	}
	_, user, err = p.accounts.EnrolTOTP(ctx, user.ID, 10*time.Minute)
	fmt.Println("waiting for its first code:", len(user.TOTPs) == 1 && !user.TOTPs[0].Verified, err)

	// Output:
	// enrolled: true missing: []
	// recovered, missing: []
	// recovery codes left: 9 <nil>
	// waiting for its first code: true <nil>
}
