package sessions_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// Somebody's phone number was proved by a code; the session lasts an hour. A
// later page wants the e-mail address too, and in the end they sign out
// everywhere.
func Example() {
	ctx := context.Background()
	records, err := memstore.New(memstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	logins, err := sessions.New(sessions.Config{Store: records, Keys: engine.RandomKeys()}) // keys that are kept, in a real program
	if err != nil {
		log.Fatal(err)
	}

	const user = "42" // the program's own
	granted, err := logins.Grant(ctx, sessions.Grant{
		UserID: user, Factor: sessions.Factor{Method: sessions.SMS, ID: "phone-1", Address: "+12025550162"}, Duration: time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}
	cookie := granted.Token.Reveal()

	// The next request.
	shown := sessions.Credential{Token: cookie}
	granted, err = logins.Authenticate(ctx, sessions.Request{Credential: shown})
	fmt.Println("user", granted.Session.UserID, err)
	both := sessions.Require(sessions.SMS, sessions.Email)
	fmt.Println("missing:", both.Missing(granted.Session, time.Now()))

	// A code sent to the e-mail address came back.
	granted, err = logins.Grant(ctx, sessions.Grant{
		UserID: user, Session: shown, Factor: sessions.Factor{Method: sessions.Email, ID: "email-1", Address: "ada@example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("missing:", both.Missing(granted.Session, time.Now()), "new token:", granted.Token.Reveal() != cookie)

	if err := logins.RevokeAll(ctx, user); err != nil {
		log.Fatal(err)
	}
	_, err = logins.Authenticate(ctx, sessions.Request{Credential: sessions.Credential{Token: granted.Token.Reveal()}})
	fmt.Println(err)
	// Output:
	// user 42 <nil>
	// missing: [email]
	// missing: [] new token: true
	// sessions: no such session
}
