package redisstore

import (
	"context"
	"errors"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// A desk is an engine on a store, with the inbox that its codes go to.
type desk struct {
	t     testing.TB
	eng   *engine.Engine
	inbox *deliverytest.Inbox
}

// newDesk returns an engine that remembers nothing, as one that has just been
// started, or another node. Engines of one test share its keys.
func newDesk(t testing.TB, s store.Store, keys engine.Keys) *desk {
	t.Helper()
	inbox := deliverytest.New()
	eng, err := engine.New(engine.Config{Store: s, Keys: keys, Channels: engine.Channels{delivery.Email: {Sender: inbox}}})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t, eng, inbox}
}

// start has a code sent.
func (d *desk) start(address string) (id, code string) {
	d.t.Helper()
	challenge, err := d.eng.Start(context.Background(), engine.Request{Channel: delivery.Email, To: address, Purpose: "login"})
	if err != nil {
		d.t.Fatal(err)
	}
	message, ok := d.inbox.Last(address)
	if !ok {
		d.t.Fatal("no message")
	}
	return challenge.ID, message.Code.Reveal()
}

// want fails the test unless the code is answered so; nil is accepted.
func (d *desk) want(id, code string, want error) {
	d.t.Helper()
	if _, err := d.eng.Verify(context.Background(), id, code); !errors.Is(err, want) {
		d.t.Errorf("Verify: %v, want %v", err, want)
	}
}

// wrong returns another code than this.
func wrong(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}
