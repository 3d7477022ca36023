package engine_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// BenchmarkVerify prints the cost of a wrong guess in units of one kept
// HMAC-SHA-256, measured in the same run. The bench module measures more.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("wrong/%d", n), func(b *testing.B) {
			now := start
			memory, err := memstore.New(memstore.Config{Now: func() time.Time { return now }})
			if err != nil {
				b.Fatal(err)
			}
			bench := newBench(b, func(c *engine.Config) {
				c.Store, c.Observe = memory, nil
				c.Now = func() time.Time { return now }
				c.Channels[delivery.SMS] = engine.Channel{
					Sender: c.Channels[delivery.SMS].Sender,
					Parse:  func(raw string) (string, string, string, error) { return raw, "US", "mobile", nil },
				}
			})
			ids, codes := make([]string, n), make([]string, n)
			fills := 0
			fill := func() {
				now = now.Add(48 * time.Hour)
				bench.messages = nil
				fills++
				for i := range ids {
					challenge, code := bench.start(engine.Request{Channel: delivery.SMS, To: fmt.Sprintf("+%d-%d", fills, i)})
					ids[i], codes[i] = challenge.ID, wrong(code)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if i%(4*n) == 0 {
					b.StopTimer()
					fill()
					b.StartTimer()
				}
				if _, err := bench.Engine.Verify(b.Context(), ids[i%n], codes[i%n]); !errors.Is(err, engine.ErrWrong) {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			mac := hmac.New(sha256.New, make([]byte, engine.MinSecret))
			message, sum := make([]byte, 49), make([]byte, 0, sha256.Size)
			began := time.Now()
			for range b.N {
				mac.Reset()
				mac.Write(message)
				sum = mac.Sum(sum[:0])
			}
			b.ReportMetric(float64(b.Elapsed())/float64(time.Since(began)), "xHMAC")
		})
	}
}
