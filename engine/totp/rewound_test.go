package totp_test

import (
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store/storetest"
)

// In a store that went back in time a code that was taken before may look as if
// it were not: none that could have been is.
func TestRewoundStepsAreUsedUp(t *testing.T) {
	t.Parallel()
	rewinding := storetest.NewRewinding()
	b := newBench(t, func(c *totp.Config) { c.Store = rewinding })
	e := b.enrolled(ada)
	b.verify(ada, b.wrong(e), engine.ErrWrong)
	rewinding.Copy()
	codes := []string{b.code(e, -1), b.code(e, 0), b.code(e, 1)}
	b.verify(ada, codes[1], nil)
	rewinding.Rewind()
	if status := b.status(ada, nil); !status.Verified {
		t.Error("the app is gone")
	}
	for _, code := range codes {
		b.verify(ada, code, totp.ErrReplayed)
	}
	b.advance(time.Minute)
	b.verify(ada, b.code(e, 0), nil)
	if _, refusal := b.verify(ada, b.wrong(e), engine.ErrWrong); refusal.AttemptsLeft > 9 {
		t.Errorf("%d attempts left", refusal.AttemptsLeft)
	}
}

func TestRewoundEnrolmentIsGone(t *testing.T) {
	t.Parallel()
	rewinding := storetest.NewRewinding()
	b := newBench(t, func(c *totp.Config) { c.Store = rewinding })
	e := b.enrol(ada)
	rewinding.Copy()
	b.verify(ada, b.code(e, 0), nil)
	rewinding.Rewind()
	b.verify(ada, b.code(e, 0), totp.ErrNone)
	e = b.enrol(ada)
	b.verify(ada, b.code(e, 0), nil)
}
