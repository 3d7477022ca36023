package callout

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/passcode-go/passcode/delivery"
)

// A way is how far a request has come on its way out.
type way struct {
	standard bool // the transport is net/http's own
	at       atomic.Int32
}

const (
	unknown   = iota // the transport has told nothing
	waiting          // for a connection: nothing can have been sent
	connected        // nothing has been written
	out              // its header was written, if only to a buffer
)

// trace returns the hooks that keep w up to date. The transport calls them
// from goroutines of its own, but each before the next step can begin.
func (w *way) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			// A second attempt: net/http makes one only if the first was not
			// processed. Of another transport nobody knows that.
			if w.standard || w.at.Load() == unknown {
				w.at.Store(waiting)
			}
		},
		GotConn:      func(httptrace.GotConnInfo) { w.at.CompareAndSwap(waiting, connected) },
		WroteHeaders: func() { w.at.Store(out) },
	}
}

// kind tells whether a request that ended with err may have been processed.
// done is whether the caller's time was up: net/http returns at once then,
// and what it was about to write may yet be written.
func (w *way) kind(err error, done bool) delivery.Kind {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return delivery.Configuration
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		done = true
	}
	switch at := w.at.Load(); {
	case at == waiting, at == connected && !done:
		return delivery.Temporary
	}
	return delivery.Ambiguous
}
