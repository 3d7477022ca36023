package smtpsender

import (
	"testing"
	"time"
)

// What keeping connections saves, over the loopback interface, where a round
// trip costs nothing.
func BenchmarkSend(b *testing.B) {
	for name, idle := range map[string]time.Duration{"kept": 0, "fresh": -1} {
		b.Run(name, func(b *testing.B) {
			p := &puppet{tls: serverTLS(), auth: "PLAIN"}
			cfg := config(p.start(b).addr)
			cfg.IdleTimeout = idle
			s := newSender(b, cfg)
			for b.Loop() {
				send(b, s)
			}
		})
	}
}
