package totp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*totp.Config)
		want   string // in the error; empty for none
	}{
		{"least", func(*totp.Config) {}, ""},
		{"no store", func(c *totp.Config) { c.Store = nil }, "Store"},
		{"no index key", func(c *totp.Config) { c.Keys.Index = engine.Key{} }, "Keys.Index"},
		{"no ring", func(c *totp.Config) { c.Keys.Ring = nil }, "Keys.Ring"},
		{"short key", func(c *totp.Config) { c.Keys.Ring = []engine.Key{{ID: 7, Secret: make([]byte, 31)}} }, "key 7"},
		{"key twice", func(c *totp.Config) { c.Keys = testKeys(testKey(3, 'a'), testKey(3, 'b')) }, "key id 3"},
		{"no issuer", func(c *totp.Config) { c.Issuer = "" }, "Issuer"},
		{"longest issuer", func(c *totp.Config) { c.Issuer = strings.Repeat("é", 32) }, ""},
		{"long issuer", func(c *totp.Config) { c.Issuer = strings.Repeat("x", 65) }, "Issuer"},
		{"issuer with a colon", func(c *totp.Config) { c.Issuer = "A:B" }, "Issuer"},
		{"issuer with a line break", func(c *totp.Config) { c.Issuer = "A\nB" }, "Issuer"},
		{"issuer with a bidi override", func(c *totp.Config) { c.Issuer = "A\u202eB" }, "Issuer"},
		{"issuer not UTF-8", func(c *totp.Config) { c.Issuer = "A\xff" }, "Issuer"},
		{"longest tenant", func(c *totp.Config) { c.Tenant = strings.Repeat("\x00", 128) }, ""},
		{"long tenant", func(c *totp.Config) { c.Tenant = strings.Repeat("x", 129) }, "Tenant"},
		{"least lock", func(c *totp.Config) { c.LockAfter, c.LockFor, c.PerDay = 1, 5*time.Minute, 1 }, ""},
		{"most lock", func(c *totp.Config) { c.LockAfter, c.LockFor, c.PerDay = 100, 7*24*time.Hour, 100 }, ""},
		{"negative lock", func(c *totp.Config) { c.LockAfter = -1 }, "LockAfter"},
		{"late lock", func(c *totp.Config) { c.LockAfter = 101 }, "LockAfter"},
		{"short lock", func(c *totp.Config) { c.LockFor = 5*time.Minute - 1 }, "LockFor"},
		{"negative lock time", func(c *totp.Config) { c.LockFor = -time.Hour }, "LockFor"},
		{"long lock", func(c *totp.Config) { c.LockFor = 7*24*time.Hour + 1 }, "LockFor"},
		{"a day less than a row", func(c *totp.Config) { c.LockAfter, c.PerDay = 10, 9 }, "PerDay"},
		{"a day less than the default row", func(c *totp.Config) { c.PerDay = 9 }, "PerDay"},
		{"a row more than the default day", func(c *totp.Config) { c.LockAfter = 31 }, ""},
		{"long day", func(c *totp.Config) { c.PerDay = 101 }, "PerDay"},
		{"negative day", func(c *totp.Config) { c.PerDay = -1 }, "PerDay"},
	} {
		cfg := totp.Config{Store: memory, Keys: testKeys(), Issuer: "Example"}
		tc.change(&cfg)
		apps, err := totp.New(cfg)
		switch {
		case (err == nil) != (tc.want == "") || (apps == nil) != (err != nil):
			t.Errorf("%s: %v", tc.name, err)
		case err != nil && !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: %v does not name %s", tc.name, err, tc.want)
		}
	}
}

// The defaults that are documented are those that hold.
func TestDefaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrol(ada)
	if want := start.Add(24 * time.Hour); !e.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", e.Expires, want)
	}
	for compared := 1; compared <= 30; compared++ {
		_, refusal := b.verify(ada, b.wrong(e), engine.ErrWrong)
		want := time.Duration(0)
		switch compared {
		case 10, 20:
			want = time.Hour
		case 30:
			want = 22 * time.Hour
		}
		if refusal.RetryAfter != want || refusal.AttemptsLeft != 9-(compared-1)%10 {
			t.Fatalf("guess %d: %v, retry after %v", compared, refusal, refusal.RetryAfter)
		}
		b.advance(refusal.RetryAfter)
	}
}

func TestSetKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.enrolled(ada)
	if err := b.Apps.SetKeys(engine.Keys{Index: testKey(0, 'x'), Ring: []engine.Key{testKey(1, 'a')}}); err == nil {
		t.Error("another index key was taken")
	}
	if err := b.Apps.SetKeys(engine.Keys{Index: testKey(0, 'i')}); err == nil {
		t.Error("an empty ring was taken")
	}
	set := func(ring ...engine.Key) {
		t.Helper()
		if err := b.Apps.SetKeys(testKeys(ring...)); err != nil {
			t.Fatal(err)
		}
	}
	// A new key at the front: the next write seals with it, and the old one
	// can go.
	set(testKey(2, 'b'), testKey(1, 'a'))
	b.status(ada, nil) // reads only
	set(testKey(2, 'b'))
	b.verify(ada, b.code(e, 0), engine.ErrUnavailable)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), engine.ErrUnavailable)
	b.status(ada, engine.ErrUnavailable)
	set(testKey(2, 'b'), testKey(1, 'a'))
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	set(testKey(2, 'b'))
	if left := len(b.status(ada, nil).RecoveryCodes); left != 10 {
		t.Errorf("%d recovery codes", left)
	}
	b.verify(ada, b.code(e, 0), nil)
	b.recover(ada, e.RecoveryCodes[0].Reveal(), nil)

	// An app that waits for its first code is sealed anew too.
	set(testKey(1, 'a'))
	waiting := b.enrol("eve")
	set(testKey(2, 'b'), testKey(1, 'a'))
	b.verify("eve", b.wrong(waiting), engine.ErrWrong)
	set(testKey(2, 'b'))
	b.verify("eve", b.code(waiting, 0), nil)

	// A key that is gone for a while does not stop an unlock, and comes back.
	set(testKey(3, 'c'))
	b.unlock(ada)
	set(testKey(3, 'c'), testKey(2, 'b'))
	b.status(ada, nil)
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	set(testKey(3, 'c'))
	b.unlock(ada)
	b.status(ada, nil)
}
