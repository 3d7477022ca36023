package delivery_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// between returns a Route to a Failover of two Breakers, as a program has it.
func between(tb testing.TB, s delivery.Sender) *delivery.Route {
	phones := failover(tb, guard(tb, "a", s), guard(tb, "b", s))
	return route(tb,
		delivery.Rule{Channels: []delivery.Channel{delivery.Email}, Sender: guard(tb, "mail", s)},
		delivery.Rule{Regions: []string{"SE", "NO", "DK"}, Locales: []string{"sv"}, Sender: phones},
		delivery.Rule{Regions: []string{"US", "CA"}, Split: []delivery.Share{{Sender: phones, Weight: 9}, {Sender: phones, Weight: 1}}},
		delivery.Rule{Sender: phones},
	)
}

var taken = delivery.SenderFunc(func(context.Context, delivery.Message) (delivery.Receipt, error) {
	return delivery.Receipt{Provider: "bench", ID: "1"}, nil
})

// maxMACs is what Route, Failover and Breaker may add to a sender, in units of
// the MAC of one code: an HMAC-SHA-256 with a kept key over 55 bytes.
const maxMACs = 10

// BenchmarkBetween measures what they add, and fails above maxMACs.
func BenchmarkBetween(b *testing.B) {
	for name, derive := range map[string]func() (context.Context, context.CancelFunc){
		"background": func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
		// The engine bounds every send.
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Hour)
		},
	} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := derive()
			defer cancel()
			m := note(0)
			r := between(b, taken)
			send := func() {
				if _, err := r.Send(ctx, m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
			added := inMACs(send, func() { taken.Send(ctx, m) })
			b.ReportMetric(added, "xMAC")
			if added > maxMACs {
				b.Errorf("Route, Failover and Breaker add %.1f times the MAC of a code, more than %d", added, maxMACs)
			}
		})
	}
}

// inMACs returns what f takes longer than bare, in MACs. It times them in turn,
// in rounds much shorter than what a scheduler gives a thread, and takes the
// median, so that it matters little what else the machine does.
func inMACs(f, bare func()) float64 {
	mac := hmac.New(sha256.New, make([]byte, 32))
	message, sum := make([]byte, 55), make([]byte, 0, sha256.Size)
	code := func() {
		mac.Reset()
		mac.Write(message)
		sum = mac.Sum(sum[:0])
	}
	took := func(f func()) float64 {
		began := time.Now()
		for range 50 {
			f()
		}
		return float64(time.Since(began))
	}
	ratios := make([]float64, 2001)
	for i := range ratios {
		ratios[i] = (took(f) - took(bare)) / took(code)
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// The bound of the benchmark's allocations, kept by every run of the tests.
func TestBetweenAllocations(t *testing.T) {
	r := between(t, taken)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	m := note(0)
	n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Send(ctx, m); err != nil {
			t.Fatal(err)
		}
	})
	if n > 8 {
		t.Errorf("%v allocations a message, more than 8", n)
	}
}
