package accounts_test

import (
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// A code can be bound to the client that asked for it, by each call that asks.
func TestClientMatch(t *testing.T) {
	t.Parallel()
	client := engine.Client{IP: "192.0.2.1", UserAgent: "browser"}
	other := engine.Client{IP: "192.0.2.2", UserAgent: "robot"}
	asks := map[string]func(b *bench, c engine.Client) (accounts.Sent, error){
		"LoginOrCreate": func(b *bench, c engine.Client) (accounts.Sent, error) {
			return b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, Client: c})
		},
		"Send": func(b *bench, c engine.Client) (accounts.Sent, error) {
			return b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, UserID: b.verified, Client: c})
		},
	}
	for name, ask := range asks {
		for _, test := range []struct {
			asked     engine.Client
			enters    accounts.AuthRequest
			different bool
		}{
			{client, accounts.AuthRequest{Client: client, MatchIP: true, MatchUserAgent: true}, false},
			{client, accounts.AuthRequest{Client: other}, false},
			{client, accounts.AuthRequest{Client: other, MatchIP: true}, true},
			{client, accounts.AuthRequest{Client: other, MatchUserAgent: true}, true},
			{client, accounts.AuthRequest{Client: engine.Client{IP: client.IP}, MatchIP: true}, false},
			{client, accounts.AuthRequest{Client: engine.Client{IP: client.IP, UserAgent: "robot"}, MatchIP: true, MatchUserAgent: true}, true},
			{client, accounts.AuthRequest{Client: engine.Client{IP: other.IP, UserAgent: "browser"}, MatchIP: true, MatchUserAgent: true}, true},
			{client, accounts.AuthRequest{MatchIP: true}, true},
			{engine.Client{}, accounts.AuthRequest{MatchIP: true}, true},
			{engine.Client{}, accounts.AuthRequest{Client: client, MatchUserAgent: true}, true},
		} {
			b := newBench(t)
			b.verified = b.addVerified(t)
			sent, err := ask(b, test.asked)
			if err != nil {
				t.Fatal(err)
			}
			before := b.user(t, sent.UserID)
			r := test.enters
			r.MethodID, r.Code = sent.MethodID, b.kit.Code(before.Phones[0].Address)
			guess := r
			guess.Code = wrong(r.Code)
			b.forget()
			if test.different {
				for range 20 { // more than would lock anything
					for _, r := range []accounts.AuthRequest{r, guess} {
						if auth, err := b.Authenticate(t.Context(), r); !errors.Is(err, engine.ErrMismatch) || !isZero(auth) {
							t.Fatalf("%s by %+v, entered by %+v: %+v, %v", name, test.asked, test.enters, auth, err)
						}
					}
				}
				if user := b.user(t, sent.UserID); user.Lock != (store.Lock{}) {
					t.Errorf("%s: counted %+v", name, user.Lock)
				}
				r = accounts.AuthRequest{MethodID: r.MethodID, Code: r.Code} // the code is alive
			} else if _, err := b.Authenticate(t.Context(), guess); !errors.Is(err, engine.ErrWrong) {
				t.Errorf("%s: a wrong code: %v", name, err)
			}
			if _, err := b.Authenticate(t.Context(), r); err != nil {
				t.Errorf("%s by %+v, entered by %+v: %v", name, test.asked, r, err)
			}
		}
	}
}
