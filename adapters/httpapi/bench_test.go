package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

// BenchmarkAuthenticate is a right code entered, all of it: routing,
// credentials, decoding, the engine and the directory in memory, and the
// answer with the user. The ratio is to a handler that decodes the same
// request and writes a small answer.
func BenchmarkAuthenticate(b *testing.B) {
	const batch = 1000
	var codes []string
	bench := newBench(b, setup{engine: func(cfg *engine.Config) {
		cfg.Channels = engine.Channels{delivery.Email: {Sender: delivery.SenderFunc(
			func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
				codes = append(codes, m.Code.Reveal())
				return delivery.Receipt{}, nil
			})}}
	}})
	bench.api.log = slog.New(slog.DiscardHandler)
	trivial := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			MethodID string `json:"method_id"`
			Code     string `json:"code"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"status_code": 200, "method_id": in.MethodID})
	})

	var requests []string
	people := 0
	refill := func() {
		requests, codes = requests[:0], codes[:0]
		for range batch {
			people++
			r := bench.do("POST", emailLogin, fmt.Sprintf(`{"email": "user%d@example.com"}`, people))
			requests = append(requests, fmt.Sprintf(`{"method_id": %q, "code": %q}`, r.text("email_id"), codes[len(codes)-1]))
		}
	}
	serve := func(h http.Handler) time.Duration {
		calls := make([]*http.Request, len(requests))
		for i, body := range requests {
			calls[i] = bench.request("POST", checkCode, body)
		}
		start := time.Now()
		for _, r := range calls {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		return time.Since(start)
	}
	var ours, theirs time.Duration
	n := 0
	for b.Loop() { // one iteration is a batch
		b.StopTimer()
		refill()
		theirs += serve(trivial)
		b.StartTimer()
		ours += serve(bench.api)
		n += batch
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(n), "ns/code")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(n), "ns/trivial")
	b.ReportMetric(float64(ours)/float64(theirs), "x-trivial")
}
