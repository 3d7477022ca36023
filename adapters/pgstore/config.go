package pgstore

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Config is what Open and New need to know. The zero Config is ready to use.
type Config struct {
	// Schema is the Postgres schema that holds the tables. Default: "passcode".
	Schema string

	// Migrate has Open and New call Migrate first. Otherwise they refuse a
	// database that is not migrated.
	Migrate bool

	// UnsafeVolatile accepts a server that may lose what it confirmed when it
	// crashes. Whoever makes it crash, or waits for it, gets all guesses anew; a
	// code that was used can be used again, and a session that was ended goes on.
	// It is for tests, and for servers whose storage does by itself what their
	// settings leave out; see the package comment.
	UnsafeVolatile bool

	// Now is the clock by which expired rows are collected. It must be safe for
	// concurrent use. Default: time.Now.
	Now func() time.Time

	// Skew is how far the clocks of the programs that share a database may
	// differ. A row is kept so much longer than it must be. Default: 5 minutes.
	Skew time.Duration

	// Timeout bounds how long a statement may take on its way through the
	// server, and with it how long a server that hangs can hold its callers. A
	// call of a Store starts none after that time, so it takes twice as long at
	// most. A search of a Directory may take ten times as long. Default: 5 s.
	Timeout time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Schema == "" {
		c.Schema = "passcode"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Skew == 0 {
		c.Skew = 5 * time.Minute
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if len(c.Schema) > 63 || strings.ContainsRune(c.Schema, 0) || !utf8.ValidString(c.Schema) {
		return c, newError(ErrConfig, "", "a schema's name has at most 63 bytes of UTF-8 and no NUL")
	}
	if c.Skew < 0 || c.Timeout < 0 {
		return c, newError(ErrConfig, "", "Skew or Timeout is negative")
	}
	return c, nil
}
