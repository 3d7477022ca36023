package accounts

import (
	"context"
	"strings"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

// Channels returns the ways to send that the engine has, in alphabetical order:
// what a page may offer.
func (a *Accounts) Channels() []delivery.Channel { return a.engine.Channels() }

// verifyChallenge checks the code of one challenge. One that was not sent to
// this address is refused before anything is compared: else whoever names a
// challenge of their own, and somebody's method, would lock that user by
// guesses at it.
func (a *Accounts) verifyChallenge(ctx context.Context, class delivery.Class, address string, r AuthRequest) (engine.Proof, error) {
	if r.MatchIP || r.MatchUserAgent {
		return engine.Proof{}, badRequest("ChallengeID excludes MatchIP and MatchUserAgent")
	}
	refusal := badRequest("no channel for this kind of address is configured")
	for _, channel := range a.channels(class) {
		subject, err := a.engine.Subject(a.about(channel, address))
		if unparsed(err) {
			refusal = err
			continue
		}
		if err != nil {
			return engine.Proof{}, err
		}
		// An id leads to its record, so the subject stands in it.
		if !strings.Contains(r.ChallengeID, subject) {
			return engine.Proof{}, badRequest("the challenge is not about this method")
		}
		return a.engine.Verify(ctx, r.ChallengeID, r.Code)
	}
	return engine.Proof{}, refusal
}
