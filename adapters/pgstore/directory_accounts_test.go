package pgstore

import (
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

// Two nodes are one: who was created by one logs in at the other, with a code
// that works once, and is found, locked out of nothing and removed by either.
func TestAccountsOnTwoNodes(t *testing.T) {
	t.Parallel()
	keys, inbox := engine.RandomKeys(), deliverytest.New()
	first := testDB(t, Config{})
	cfg := first.cfg
	cfg.Migrate = false
	var nodes []*accounts.Accounts
	for _, db := range []*DB{first, openDB(t, server(t).URL(), cfg)} {
		eng, err := engine.New(engine.Config{Store: db, Keys: keys, Channels: engine.Channels{delivery.Email: {Sender: inbox}}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := accounts.New(accounts.Config{Engine: eng, Directory: db.Directory()})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, a)
	}
	sent, err := nodes[0].LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: "Ada@Example.com", Pending: true})
	if err != nil || !sent.Created {
		t.Fatalf("%+v, %v", sent, err)
	}
	message, err := inbox.WaitFor(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	request := accounts.AuthRequest{MethodID: sent.MethodID, Code: message.Code.Reveal()}
	auth, err := nodes[1].Authenticate(t.Context(), request)
	if err != nil || auth.User.ID != sent.UserID || auth.User.Status != store.Active || !auth.User.Emails[0].Verified {
		t.Fatalf("%+v, %v", auth.User, err)
	}
	if _, err := nodes[0].Authenticate(t.Context(), request); err == nil {
		t.Error("the code works twice")
	}
	q := store.Query{Total: true, Filters: []store.Filter{{By: store.FieldEmailText, Text: "ADA@"}, {By: store.FieldEmailVerified, Is: true}}}
	if p, err := nodes[0].Search(t.Context(), q); err != nil || p.Total != 1 || p.Users[0].ID != sent.UserID {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := nodes[0].Delete(t.Context(), sent.UserID); err != nil {
		t.Error(err)
	}
	if _, err := nodes[1].User(t.Context(), sent.UserID); !errors.Is(err, accounts.ErrUserNotFound) {
		t.Errorf("after Delete: %v", err)
	}
	audit(t, first)
}
