package engine_test

import (
	"context"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

// A program that keeps no challenges is shown those that can fall back, and no
// others.
func TestSentShowsWhatCanFallBack(t *testing.T) {
	t.Parallel()
	var shown []engine.Challenge
	b := newBench(t, withFallback, func(c *engine.Config) {
		for name, channel := range c.Channels {
			channel.Sent = func(ch engine.Challenge) { shown = append(shown, ch) }
			c.Channels[name] = channel
		}
	})
	b.start(someone) // SMS has no fallback
	if len(shown) != 0 {
		t.Fatalf("shown %+v", shown)
	}
	started, code := b.start(onWhatsApp)
	if len(shown) != 1 || shown[0].ID != started.ID || shown[0].Message != started.Message {
		t.Fatalf("shown %+v, started %+v", shown, started)
	}
	fell, err := b.Engine.Fallback(t.Context(), shown[0], nil)
	if err != nil || fell.Channel != delivery.SMS || b.last().Code.Reveal() != code || len(shown) != 1 {
		t.Errorf("%+v, %v, shown %d", fell, err, len(shown))
	}

	// What fell back at once, and what was refused, cannot any more.
	b.fail = refuse(delivery.WhatsApp, delivery.Rejected)
	b.start(onWhatsApp)
	b.fail = func(context.Context, delivery.Message) error { return &delivery.Error{Kind: delivery.Temporary} }
	if _, err := b.Engine.Start(t.Context(), onWhatsApp); err == nil {
		t.Error("it was sent")
	}
	if len(shown) != 1 {
		t.Errorf("shown %+v", shown[1:])
	}
}
