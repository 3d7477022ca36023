package delivery_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
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

// BenchmarkBetween prints what Route, Failover and Breaker add to a sender, in
// units of the MAC of one code, measured in the same run: an HMAC-SHA-256 with
// a kept key over 55 bytes.
func BenchmarkBetween(b *testing.B) {
	m := note(0)
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
			r := between(b, taken)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Send(ctx, m); err != nil {
					b.Fatal(err)
				}
			}
			all := b.Elapsed()
			time1 := func(f func()) time.Duration {
				began := time.Now()
				for range b.N {
					f()
				}
				return time.Since(began)
			}
			var bare delivery.Sender = taken
			alone := time1(func() { bare.Send(ctx, m) })
			mac := hmac.New(sha256.New, make([]byte, 32))
			message, sum := make([]byte, 55), make([]byte, 0, sha256.Size)
			macs := time1(func() {
				mac.Reset()
				mac.Write(message)
				sum = mac.Sum(sum[:0])
			})
			b.ReportMetric(float64(all-alone)/float64(macs), "xMAC")
		})
	}
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
