package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store/memstore"
)

// Authenticate by token beside engine.Verify of a wrong code, in turns within
// one run, on memory stores with 1,000 records each: "x/verify" is how many
// times as long it takes. The JWT is not in it.
func BenchmarkAuthenticate(b *testing.B) {
	const users = 1000
	for _, each := range []int{1, 2} {
		b.Run(fmt.Sprintf("sessions=%d", each), func(b *testing.B) {
			s := newBench(b, func(c *sessions.Config) {
				memory, err := memstore.New(memstore.Config{})
				if err != nil {
					b.Fatal(err)
				}
				c.Store, c.Now = memory, time.Now
			})
			var tokens []sessions.Credential
			for i := range users {
				g := bySMS()
				g.UserID = fmt.Sprint(user, i)
				for range each - 1 {
					s.grant(g)
				}
				tokens = append(tokens, token(s.grant(g)))
			}
			verify := newVerify(b, users)
			var ours, theirs time.Duration
			const turn = 1000
			b.ReportAllocs()
			for n := 0; n < b.N; n += turn {
				began := time.Now()
				for i := range turn {
					if _, err := s.Authenticate(b.Context(), sessions.Request{Credential: tokens[i%users]}); err != nil {
						b.Fatal(err)
					}
				}
				ours += time.Since(began)
				theirs += verify(turn)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "x/verify")
			b.ReportMetric(float64(ours.Nanoseconds())/float64((b.N+turn-1)/turn*turn), "ns/authenticate")
		})
	}
}

// newVerify returns a function that checks n wrong codes, of so many challenges
// in turn, and says how long that took.
func newVerify(b *testing.B, challenges int) func(n int) time.Duration {
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		b.Fatal(err)
	}
	var codes []string
	eng, err := engine.New(engine.Config{
		Store: memory, Keys: engine.RandomKeys(),
		Channels: engine.Channels{delivery.Email: {Sender: delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
			codes = append(codes, m.Code.Reveal())
			return delivery.Receipt{}, nil
		})}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]string, challenges)
	guesses := 0
	return func(n int) time.Duration {
		if guesses%(4*challenges) == 0 { // a code bears five
			codes = nil
			for i := range ids {
				challenge, err := eng.Start(b.Context(), engine.Request{Channel: delivery.Email, To: fmt.Sprintf("u%d-%d@example.com", i, guesses)})
				if err != nil {
					b.Fatal(err)
				}
				ids[i] = challenge.ID
				codes[i] = codes[i][:5] + string('0'+(codes[i][5]-'0'+1)%10)
			}
		}
		began := time.Now()
		for range n {
			i := guesses % challenges
			if _, err := eng.Verify(b.Context(), ids[i], codes[i]); !errors.Is(err, engine.ErrWrong) {
				b.Fatal(err)
			}
			guesses++
		}
		return time.Since(began)
	}
}

// The signature of a JWT, which is most of what a new one costs.
func BenchmarkJWT(b *testing.B) {
	s := newBench(b)
	session := s.grant(bySMS()).Session
	for b.Loop() {
		if _, err := s.JWT(session); err != nil {
			b.Fatal(err)
		}
	}
}

// A JWT checked by itself, without the store.
func BenchmarkCheckJWT(b *testing.B) {
	s := newBench(b)
	jwt := s.jwt(s.grant(bySMS()).Session)
	for b.Loop() {
		if _, err := s.CheckJWT(jwt); err != nil {
			b.Fatal(err)
		}
	}
}
