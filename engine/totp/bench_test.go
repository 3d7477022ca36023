package totp_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	library "github.com/pquerna/otp/totp"
)

// BenchmarkVerify prints the cost of a guess in units of one code computed by
// the library, three of which are needed, measured in the same run. The right
// one is the next code each time.
func BenchmarkVerify(b *testing.B) {
	for _, right := range []bool{false, true} {
		name := "wrong"
		if right {
			name = "right"
		}
		b.Run(name, func(b *testing.B) {
			bench := newBench(b, func(c *totp.Config) { c.LockAfter, c.PerDay = 100, 100 })
			e := bench.enrolled(ada)
			secret := e.Secret.Reveal()
			var guess string
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				bench.now = bench.now.Add(30 * time.Second)
				if i%99 == 0 {
					bench.now = bench.now.Add(24 * time.Hour)
					bench.unlock(ada)
				}
				if right {
					guess, _ = library.GenerateCode(secret, bench.now)
				} else {
					guess = bench.wrong(e)
				}
				b.StartTimer()
				_, err := bench.Apps.Verify(b.Context(), ada, guess)
				if right && err != nil || !right && !errors.Is(err, engine.ErrWrong) {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			began := time.Now()
			for range b.N {
				if _, err := library.GenerateCode(secret, start); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(time.Since(began)), "xcode")
		})
	}
}
