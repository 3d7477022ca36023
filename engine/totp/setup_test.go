package totp_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/memstore"
	library "github.com/pquerna/otp/totp"
)

// A bench is Apps with everything that a test turns or reads.
type bench struct {
	t      testing.TB
	Apps   *totp.Apps
	Config totp.Config

	mu  sync.Mutex
	now time.Time
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testKey(id uint32, b byte) engine.Key {
	return engine.Key{ID: id, Secret: bytes.Repeat([]byte{b}, engine.MinSecret)}
}

func testKeys(ring ...engine.Key) engine.Keys {
	if len(ring) == 0 {
		ring = []engine.Key{testKey(1, 'a')}
	}
	return engine.Keys{Index: testKey(0, 'i'), Ring: ring}
}

// newBench returns Apps on a memory store.
func newBench(t testing.TB, configure ...func(*totp.Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: start}
	b.Config = totp.Config{Keys: testKeys(), Issuer: "Example", Now: b.Now}
	for _, f := range configure {
		f(&b.Config)
	}
	if b.Config.Store == nil {
		memory, err := memstore.New(memstore.Config{Now: b.Now})
		if err != nil {
			t.Fatal(err)
		}
		b.Config.Store = memory
	}
	var err error
	if b.Apps, err = totp.New(b.Config); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) set(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = now
}

const ada = "user-test-ada"

// enrol enrols a user, which must succeed.
func (b *bench) enrol(userID string) totp.Enrolment {
	b.t.Helper()
	e, err := b.Apps.Enrol(b.t.Context(), totp.Request{UserID: userID})
	if err != nil {
		b.t.Fatalf("Enrol: %v", err)
	}
	return e
}

// enrolled enrols a user, sends the first code, and goes on to where none of
// the codes that can be entered is used up.
func (b *bench) enrolled(userID string) totp.Enrolment {
	b.t.Helper()
	e := b.enrol(userID)
	b.verify(userID, b.code(e, 0), nil)
	b.advance(90 * time.Second)
	return e
}

// code returns the code that the app shows so many steps from now.
func (b *bench) code(e totp.Enrolment, steps int) string {
	b.t.Helper()
	code, err := library.GenerateCode(e.Secret.Reveal(), b.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// wrong returns a code that is none of those that the app shows around now.
func (b *bench) wrong(e totp.Enrolment) string {
	b.t.Helper()
	for _, guess := range []string{"000000", "111111", "222222", "333333"} {
		if guess != b.code(e, -1) && guess != b.code(e, 0) && guess != b.code(e, 1) {
			return guess
		}
	}
	b.t.Fatal("three of four codes are right")
	return ""
}

const wrongRecovery = "aaaa-aaaa-aaaa"

// verify fails the test unless the outcome is want, an error or nil.
func (b *bench) verify(userID, code string, want error) (totp.Proof, *engine.Error) {
	b.t.Helper()
	proof, err := b.Apps.Verify(b.t.Context(), userID, code)
	return proof, b.check("Verify", err, want)
}

func (b *bench) recover(userID, code string, want error) (totp.Proof, *engine.Error) {
	b.t.Helper()
	proof, err := b.Apps.Recover(b.t.Context(), userID, code)
	return proof, b.check("Recover", err, want)
}

func (b *bench) status(userID string, want error) totp.Status {
	b.t.Helper()
	status, err := b.Apps.Status(b.t.Context(), userID)
	b.check("Status", err, want)
	return status
}

func (b *bench) remove(userID, id string) {
	b.t.Helper()
	b.check("Remove", b.Apps.Remove(b.t.Context(), userID, id), nil)
}

func (b *bench) unlock(userID string) {
	b.t.Helper()
	b.check("Unlock", b.Apps.Unlock(b.t.Context(), userID), nil)
}

func (b *bench) check(what string, err, want error) *engine.Error {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Fatalf("%s: %v, want %v", what, err, want)
	}
	var typed *engine.Error
	errors.As(err, &typed)
	return typed
}
