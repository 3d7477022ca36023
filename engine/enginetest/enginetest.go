package enginetest

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// A Kit is an engine for one test, with what the test needs to drive it.
type Kit struct {
	Engine *engine.Engine
	Inbox  *deliverytest.Inbox // every message that arrived
	Clock  *Clock              // the engine's

	t testing.TB
}

// New returns a kit, or fails the test. Its engine sends by SMS, WhatsApp and
// e-mail to the kit's inbox, keeps its records in memory, goes by the kit's
// clock and has random keys of its own; the rest of the config is the default. Each
// function of configure may change the config.
//
// A program that exchanges Config.Now, Config.Store or a Sender has to see to
// it itself that clock, store and inbox fit together.
func New(t testing.TB, configure ...func(*engine.Config)) *Kit {
	t.Helper()
	kit := &Kit{Inbox: deliverytest.New(), Clock: &Clock{now: time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)}, t: t}
	records, err := memstore.New(memstore.Config{Now: kit.Clock.Now})
	if err != nil {
		t.Fatalf("enginetest: %v", err)
	}
	sender := sandbox{kit.Inbox}
	cfg := engine.Config{
		Store: records,
		Keys:  engine.RandomKeys(),
		Channels: engine.Channels{
			delivery.SMS:      {Sender: sender, Parse: countries.Mobile},
			delivery.WhatsApp: {Sender: sender, Parse: countries.Mobile},
			delivery.Email:    {Sender: sender},
		},
		Now: kit.Clock.Now,
	}
	for _, change := range configure {
		change(&cfg)
	}
	if kit.Engine, err = engine.New(cfg); err != nil {
		t.Fatalf("enginetest: %v", err)
	}
	return kit
}

// Code returns the code that was sent last to an address in its canonical
// form (an e-mail address in lower case), or fails the test if none was. Call
// it from the test's own goroutine.
func (k *Kit) Code(address string) string {
	k.t.Helper()
	message, ok := k.Inbox.Last(address)
	if !ok {
		k.t.Fatalf("enginetest: no code was sent to %q", address)
	}
	return message.Code.Reveal()
}
