package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

func TestWrongGuesses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	for left := 4; left >= 0; left-- {
		if e := b.verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != left {
			t.Errorf("%d attempts left, want %d", e.AttemptsLeft, left)
		}
	}
	b.verify(challenge.ID, code, engine.ErrUsed)
}

// The rule that peers break: neither a new code nor another channel gives new
// guesses.
func TestResendGivesNoNewGuesses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var challenge engine.Challenge
	var code string
	for i := range 10 {
		if i%3 == 0 {
			req := someone
			if i%2 == 0 {
				req.Channel = delivery.WhatsApp
			}
			challenge, code = b.start(req)
		}
		want := 9 - i
		if want > 4-i%3 {
			want = 4 - i%3
		}
		if e := b.verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != want {
			t.Fatalf("guess %d: %d attempts left, want %d", i+1, e.AttemptsLeft, want)
		}
	}
	e := b.verify(challenge.ID, code, engine.ErrLocked)
	if !e.Until().Equal(start.Add(time.Hour)) || e.RetryAfter != time.Hour {
		t.Errorf("locked until %v, for %v", e.Until(), e.RetryAfter)
	}
	sent := b.sent()
	_, err := b.Engine.Start(t.Context(), someone)
	b.check("Start", err, engine.ErrLocked)
	_, err = b.Engine.Resend(t.Context(), challenge.ID, someone)
	b.check("Resend", err, engine.ErrLocked)
	if b.sent() != sent {
		t.Error("a code was sent to a locked address")
	}
	if got := b.kinds(); !strings.HasSuffix(got, "wrong locked locked locked locked") {
		t.Errorf("events: %s", got)
	}
	b.advance(time.Hour)
	challenge, code = b.start(someone)
	b.verify(challenge.ID, code, nil)
}

func TestSuccessResetsTheRow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 4 {
		challenge, code := b.start(someone)
		for range 4 {
			b.verify(challenge.ID, wrong(code), engine.ErrWrong)
		}
		b.verify(challenge.ID, code, nil)
		b.advance(11 * time.Minute)
	}
}

// However locks, successes and new codes fall, no day has more wrong guesses
// than the policy allows.
func TestGuessesPerDay(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) { c.Policy.PerDay = 12 })
	guesses := 0
	for hours := 0; hours < 23; hours++ {
		challenge, err := b.Engine.Start(t.Context(), someone)
		if err == nil {
			code := b.last().Code.Reveal()
			for range 3 {
				if _, err := b.Engine.Verify(t.Context(), challenge.ID, wrong(code)); errors.Is(err, engine.ErrWrong) {
					guesses++
				}
			}
			b.Engine.Verify(t.Context(), challenge.ID, code)
		}
		b.advance(time.Hour)
	}
	if guesses != 12 {
		t.Errorf("%d guesses were compared within a day, want 12", guesses)
	}
	_, err := b.Engine.Start(t.Context(), someone)
	e := b.check("Start", err, engine.ErrLocked)
	b.advance(e.RetryAfter)
	challenge, code := b.start(someone)
	b.verify(challenge.ID, code, nil)
}

// The store may drop a record that says nothing any more, or keep it; nobody
// can tell which.
func TestRowEndsWithTheRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	for range 4 {
		b.verify(challenge.ID, wrong(code), engine.ErrWrong)
	}
	key := challenge.ID[:24]
	kept, err := b.Store.Get(t.Context(), key)
	if err != nil || kept == nil {
		t.Fatal(err)
	}
	b.advance(26 * time.Hour)
	for _, old := range [][]byte{nil, kept} {
		found, _ := b.Store.Get(t.Context(), key)
		for swapped := false; !swapped; {
			var err error
			if found, swapped, err = b.Store.CompareAndSwap(t.Context(), key, found, old, b.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		challenge, code := b.start(someone)
		for left := 4; left >= 0; left-- {
			if e := b.verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != left {
				t.Errorf("record kept: %v: %d attempts left, want %d", old != nil, e.AttemptsLeft, left)
			}
		}
		challenge, code = b.start(someone)
		if e := b.verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != 4 {
			t.Errorf("record kept: %v: %d attempts left, want 4", old != nil, e.AttemptsLeft)
		}
	}
}

// Two programs of one deployment may run with different policies for a while:
// the stricter one must not be made to compare more than it allows.
func TestStricterPolicyOnTheSameRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	strict := newBench(t, func(c *engine.Config) {
		c.Store, c.Policy.Tries = b.Store, 2
	})
	challenge, code := b.start(someone)
	for range 3 {
		b.verify(challenge.ID, wrong(code), engine.ErrWrong)
	}
	strict.verify(challenge.ID, code, engine.ErrUsed)
	b.verify(challenge.ID, code, nil)
}

func TestGuessedIDsBurnNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	id := []byte(challenge.ID)
	for i := range id {
		for _, c := range []byte("A_g~. \x00\xff") {
			if id[i] == c {
				continue
			}
			changed := append([]byte(nil), id...)
			changed[i] = c
			_, err := b.Engine.Verify(t.Context(), string(changed), code)
			if !errors.Is(err, engine.ErrUsed) && !errors.Is(err, engine.ErrRequest) {
				t.Fatalf("%q: %v", changed, err)
			}
		}
	}
	// The last character of 16 bytes in base64 has four bits to spare: a
	// challenge must have one id all the same.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, at := range []int{23, 46} {
		twin := []byte(challenge.ID)
		twin[at] = alphabet[strings.IndexByte(alphabet, twin[at])|1]
		_, err := b.Engine.Verify(t.Context(), string(twin), code)
		b.check("Verify by a twin", err, engine.ErrUsed)
	}
	for _, bad := range []string{"", "c.", challenge.ID + "A", challenge.ID[:46], strings.ToUpper(challenge.ID), strings.Repeat("c", 1<<20)} {
		_, err := b.Engine.Verify(t.Context(), bad, code)
		if !errors.Is(err, engine.ErrUsed) && !errors.Is(err, engine.ErrRequest) {
			t.Fatalf("%q: %v", bad, err)
		}
	}
	if e := b.verify(challenge.ID, wrong(code), engine.ErrWrong); e.AttemptsLeft != 4 {
		t.Errorf("%d attempts left: somebody else's guesses counted", e.AttemptsLeft)
	}
	b.verify(challenge.ID, code, nil)
}

func TestFormatCostsNoTry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	for range 50 {
		b.verify(challenge.ID, "12345", engine.ErrFormat)
		b.verify(challenge.ID, "12345x", engine.ErrFormat)
	}
	b.verify(challenge.ID, code, nil)
}
