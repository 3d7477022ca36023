package engine_test

import (
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// A code that is to come back from the client that asked for it does so from
// no other, and a guess from another costs nothing.
func TestClientMatch(t *testing.T) {
	t.Parallel()
	here := engine.Client{IP: "192.0.2.7", UserAgent: "Browser/1"}
	moved := engine.Client{IP: "192.0.2.8", UserAgent: "Browser/1"}
	other := engine.Client{IP: "192.0.2.7", UserAgent: "Browser/2"}
	swapped := engine.Client{IP: "Browser/1", UserAgent: "192.0.2.7"}
	for name, test := range map[string]struct {
		asked, enters engine.Client
		ip, agent     bool
		want          error
	}{
		"nothing wanted":        {here, engine.Client{}, false, false, nil},
		"both the same":         {here, here, true, true, nil},
		"IP the same":           {here, other, true, false, nil},
		"user agent the same":   {here, moved, false, true, nil},
		"other IP":              {here, moved, true, false, engine.ErrMismatch},
		"other user agent":      {here, other, false, true, engine.ErrMismatch},
		"other IP, both wanted": {here, moved, true, true, engine.ErrMismatch},
		"one for the other":     {here, swapped, true, true, engine.ErrMismatch},
		"unknown then":          {engine.Client{}, here, true, false, engine.ErrMismatch},
		"unknown now":           {here, engine.Client{}, false, true, engine.ErrMismatch},
		"unknown both times":    {engine.Client{}, engine.Client{}, true, true, engine.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			req := someone
			req.Client = test.asked
			_, code := b.start(req)
			guess := someone
			guess.Client, guess.MatchIP, guess.MatchUserAgent = test.enters, test.ip, test.agent
			for range 20 { // more than any code bears
				if test.want != nil {
					_, err := b.Engine.VerifyAddress(t.Context(), guess, code)
					b.check("right code", err, test.want)
					_, err = b.Engine.VerifyAddress(t.Context(), guess, wrong(code))
					b.check("wrong code", err, test.want)
				}
			}
			right := someone
			right.Client, right.MatchIP, right.MatchUserAgent = test.asked, test.want != nil && test.asked.IP != "", false
			if test.want == nil {
				right = guess
			}
			_, err := b.Engine.VerifyAddress(t.Context(), right, code)
			b.check("in the end", err, nil)
		})
	}
}

// The next code belongs to who asks for that.
func TestClientOfEachCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, second := someone, someone
	first.Client.IP, second.Client.IP = "192.0.2.7", "192.0.2.8"
	challenge, _ := b.start(first)
	b.advance(2 * 60e9)
	if _, err := b.Engine.Resend(t.Context(), challenge.ID, second); err != nil {
		t.Fatal(err)
	}
	code := b.last().Code.Reveal()
	first.MatchIP, second.MatchIP = true, true
	_, err := b.Engine.VerifyAddress(t.Context(), first, code)
	b.check("from the first client", err, engine.ErrMismatch)
	_, err = b.Engine.VerifyAddress(t.Context(), second, code)
	b.check("from the second client", err, nil)
}

// A store is given no IP address and no user agent, and a record without a
// client is no longer than it ever was.
func TestClientIsDigested(t *testing.T) {
	t.Parallel()
	sizes := make(map[string]int)
	watch := func(client engine.Client) string {
		spied := new(spy)
		b := newBench(t, func(c *engine.Config) {
			memory, err := memstore.New(memstore.Config{Now: c.Now})
			if err != nil {
				t.Fatal(err)
			}
			spied.Store, c.Store = memory, spied
		})
		req := someone
		req.Client = client
		challenge, _ := b.start(req)
		value, err := b.Store.Get(t.Context(), challenge.ID[:24])
		if err != nil {
			t.Fatal(err)
		}
		sizes[client.IP] = len(value)
		return spied.all.String()
	}
	watch(engine.Client{})
	all := watch(engine.Client{IP: "192.0.2.77", UserAgent: "Peculiar/77"})
	for _, s := range []string{"192.0.2.77", "Peculiar", "3139322e302e322e3737", "506563756c696172"} {
		if strings.Contains(all, s) {
			t.Errorf("the store was given %q", s)
		}
	}
	if sizes["192.0.2.77"] != sizes[""]+16 {
		t.Errorf("%d bytes with a client, %d without", sizes["192.0.2.77"], sizes[""])
	}
}

func TestClientTooLong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, client := range []engine.Client{{IP: strings.Repeat("1", 1025)}, {UserAgent: strings.Repeat("1", 1025)}} {
		req := engine.Request{Channel: delivery.SMS, To: someone.To, Client: client}
		_, err := b.Engine.Start(t.Context(), req)
		b.check("Start", err, engine.ErrRequest)
		_, err = b.Engine.VerifyAddress(t.Context(), req, "123456")
		b.check("VerifyAddress", err, engine.ErrRequest)
	}
}
