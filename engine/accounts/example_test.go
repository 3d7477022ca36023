package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
)

// Somebody types a phone number, gets a code, types it, and is logged in for an
// hour. The next requests show the session.
func Example() {
	ctx := context.Background()
	p := newProgram()

	sent, err := p.accounts.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: "+12025550162", Pending: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("new:", sent.Created, "sent to:", sent.Challenge.Address)

	auth, err := p.accounts.Authenticate(ctx, accounts.AuthRequest{
		MethodID: sent.MethodID,
		Code:     p.code("+12025550162"),
		Session:  accounts.SessionRequest{Duration: 60 * time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same user:", auth.User.ID == sent.UserID, "now:", auth.User.Status)
	cookie := auth.Session.Token.Reveal() // HttpOnly, Secure, SameSite

	// The next request.
	p.now = p.now.Add(59 * time.Minute)
	granted, user, err := p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: sessions.Credential{Token: cookie}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.ID == sent.UserID, "by", granted.Session.Factors[0].Method, "until", granted.Session.ExpiresAt.Format(time.TimeOnly))

	p.now = p.now.Add(time.Minute)
	_, _, err = p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: sessions.Credential{Token: cookie}})
	fmt.Println(err)

	// Output:
	// new: true sent to: +•••62
	// the same user: true now: active
	// true by sms until 13:00:00
	// sessions: no such session
}

// Somebody lost a laptop. All sessions of the user end, on every device.
func Example_signOutEverywhere() {
	ctx := context.Background()
	p := newProgram()
	laptop := p.signIn("+12025550162")
	phone := p.signIn("+12025550162")

	_, user, err := p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: phone})
	if err != nil {
		log.Fatal(err)
	}
	all, err := p.sessions.List(ctx, user.ID)
	fmt.Println(len(all), "sessions", err)
	if err := p.sessions.RevokeAll(ctx, user.ID); err != nil {
		log.Fatal(err)
	}
	for _, device := range []sessions.Credential{laptop, phone} {
		_, _, err := p.accounts.AuthenticateSession(ctx, sessions.Request{Credential: device})
		fmt.Println(errors.Is(err, sessions.ErrNotFound))
	}

	// Output:
	// 2 sessions <nil>
	// true
	// true
}

// A program is what the examples run in.
type program struct {
	accounts *accounts.Accounts
	sessions *sessions.Sessions
	inbox    *deliverytest.Inbox
	now      time.Time
}

// newProgram wires everything together. A real one has providers in the place
// of the inbox, a store on disk, keys from a secret manager, and no clock.
func newProgram() *program {
	p := &program{inbox: deliverytest.New(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return p.now }
	records, err := memstore.New(memstore.Config{Now: clock})
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.New(engine.Config{
		Store: records,
		Keys:  engine.RandomKeys(),
		Channels: engine.Channels{
			delivery.SMS:   {Sender: p.inbox, Parse: countries.Mobile},
			delivery.Email: {Sender: p.inbox},
		},
		Now: clock,
	})
	if err != nil {
		log.Fatal(err)
	}
	if p.sessions, err = sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys(), Now: clock}); err != nil {
		log.Fatal(err)
	}
	apps, err := totp.New(totp.Config{Store: records, Keys: engine.RandomKeys(), Issuer: "Example", Now: clock})
	if err != nil {
		log.Fatal(err)
	}
	p.accounts, err = accounts.New(accounts.Config{
		Engine: eng, Directory: memstore.NewDirectory(), Sessions: p.sessions, Apps: apps, Now: clock,
	})
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// code is what the person reads on their phone.
func (p *program) code(to string) string {
	message, err := p.inbox.WaitFor(context.Background(), to)
	if err != nil {
		log.Fatal(err)
	}
	return message.Code.Reveal()
}

// signIn is the first example in short.
func (p *program) signIn(phone string) sessions.Credential {
	sent, err := p.accounts.LoginOrCreate(context.Background(), accounts.SendRequest{Channel: delivery.SMS, To: phone})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := p.accounts.Authenticate(context.Background(), accounts.AuthRequest{
		MethodID: sent.MethodID, Code: p.code(phone), Session: accounts.SessionRequest{Duration: time.Hour},
	})
	if err != nil {
		log.Fatal(err)
	}
	return sessions.Credential{Token: auth.Session.Token.Reveal()}
}
