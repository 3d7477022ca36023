package redisstore

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// Config is what Open and New need to know. The zero Config is ready to use
// with a server that forgets nothing: noeviction, append-only file, fsync always,
// no replicas. Any other is refused until an option says what to do about it.
type Config struct {
	// Prefix begins every key, so that stores can share a server. No store's
	// prefix may begin with that of another. Up to 64 of the printable ASCII
	// characters '!' to '~'. Default: "passcode:".
	Prefix string

	// Fence has values that were written before the server went back in time
	// read as [store.Rewound]: their codes and sessions are not taken any more. It
	// is for servers with appendfsync everysec, and for servers with replicas,
	// where a crash or a failover may lose the last second or two of what was
	// confirmed. Guesses and counters of that time may be lost with it.
	//
	// Whether a restart or a failover has lost anything cannot be told, so codes
	// and sessions are void after each of them; also when a first replica was
	// attached, or when there has been none for an hour (repl-backlog-ttl); and in
	// a cluster those of a slot that was moved to another node, because each node
	// has a history of its own.
	//
	// Every value becomes 25 bytes longer, and a swap or a Get costs the server
	// about 10 µs more, because its script reads the id of the server's history.
	// All programs that share records set Fence alike; one that does not reads a
	// fenced value as Rewound, and the other way round.
	Fence bool

	// UnsafeVolatile accepts a server that may go back in time by any stretch,
	// or forget everything: without append-only file, with appendfsync no,
	// no-appendfsync-on-rewrite yes or settings that cannot be found out, and,
	// unless Fence is set, with everysec or with replicas. Whoever makes such a
	// server crash, or waits for it, gets all guesses anew. Unless Fence is set a
	// code that was used can be used again, and a session that was ended goes on.
	UnsafeVolatile bool

	// UnsafeEviction accepts a server whose maxmemory-policy is another than
	// noeviction. Whoever makes it full, by asking for codes for many addresses
	// or by using what else is on the server, has it forget records: wrong
	// guesses, locks, budgets.
	UnsafeEviction bool

	// Skew is how far the clocks of the programs that share a server may differ.
	// A record is kept so much longer than it must be. Default: 5 minutes.
	Skew time.Duration

	// Timeout is for how long a server may leave calls without an answer before
	// its connection is given up and they fail; a call's context may end it
	// sooner. It bounds calls, not commands: what was sent may still be done.
	// Open alone uses it for that. Open and New also wait for so long for a server
	// that is still writing its first append-only file. Default: 5 s, at least 1 s.
	Timeout time.Duration

	// DialTimeout bounds making a connection, with TLS and login. Calls that
	// come meanwhile wait for it. Open alone uses it. Default: 2 s.
	DialTimeout time.Duration

	// Now is the clock of who sets the expiries. It must be safe for concurrent
	// use. Default: time.Now.
	Now func() time.Time

	// Warn is called with an *Error for each thing about the servers that
	// would be refused but for an option. Default: nobody is told.
	Warn func(error)

	dial func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) // in place of a connection
}

const maxPrefix = 64

func (c Config) withDefaults() (Config, error) {
	bad := func(detail string) (Config, error) { return c, &Error{Op: "open", Kind: ErrConfig, Detail: detail} }
	if c.Prefix == "" {
		c.Prefix = "passcode:"
	}
	if len(c.Prefix) > maxPrefix {
		return bad("Prefix has at most 64 bytes")
	}
	for i := range len(c.Prefix) {
		if c.Prefix[i] < '!' || c.Prefix[i] > '~' {
			return bad("Prefix has printable ASCII characters only")
		}
	}
	if c.Skew == 0 {
		c.Skew = 5 * time.Minute
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 2 * time.Second
	}
	if c.Skew < 0 || c.DialTimeout < 0 {
		return bad("Skew or DialTimeout is negative")
	}
	if c.Timeout < time.Second {
		return bad("Timeout is less than 1 s")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	return c, nil
}
