package accounts_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	want := []delivery.Channel{delivery.Email, delivery.SMS, delivery.WhatsApp}
	if got := newBench(t).Channels(); !slices.Equal(got, want) {
		t.Errorf("channels %q", got)
	}
}

func TestAuthenticateChallenge(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	for channel, to := range map[delivery.Channel]string{delivery.WhatsApp: phone, delivery.Email: email} {
		sent := b.login(t, channel, to)
		r := accounts.AuthRequest{MethodID: sent.MethodID, ChallengeID: sent.Challenge.ID, Session: accounts.SessionRequest{Duration: time.Hour}}
		code := b.kit.Code(to)
		r.Code = wrong(code)
		var refusal *engine.Error
		if auth, err := b.Authenticate(t.Context(), r); !errors.As(err, &refusal) || refusal.Kind != engine.ErrWrong || refusal.AttemptsLeft != 4 || !isZero(auth) {
			t.Fatalf("wrong code: %+v, %v", auth, err)
		}
		if failures := b.user(t, sent.UserID).Lock.Failures; failures != 1 {
			t.Errorf("%d wrong guesses counted for the user", failures)
		}
		r.Code = code
		auth, err := b.Authenticate(t.Context(), r)
		if err != nil || auth.User.ID != sent.UserID || auth.Proof.Channel != channel || !auth.Method.Verified || auth.Session == nil {
			t.Errorf("right code: %+v, %v", auth, err)
		}
		if _, err := b.Authenticate(t.Context(), r); !errors.Is(err, engine.ErrUsed) {
			t.Errorf("once more: %v", err)
		}
	}
}

// A code is right for the challenge it was sent for, and guesses for any other
// spend nothing.
func TestChallengeOfAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	first := b.login(t, delivery.SMS, phone)
	second := b.login(t, delivery.SMS, phone)
	stranger := b.login(t, delivery.Email, email)
	code := b.kit.Code(phone)
	for _, c := range []struct {
		what string
		r    accounts.AuthRequest
		want engine.Kind
	}{
		{"replaced", accounts.AuthRequest{ChallengeID: first.Challenge.ID}, engine.ErrUsed},
		{"of another address", accounts.AuthRequest{ChallengeID: stranger.Challenge.ID}, engine.ErrRequest},
		{"malformed", accounts.AuthRequest{ChallengeID: "c." + second.Challenge.Subject}, engine.ErrRequest},
		{"no id", accounts.AuthRequest{ChallengeID: "\x00"}, engine.ErrRequest},
		{"with a client", accounts.AuthRequest{ChallengeID: second.Challenge.ID, MatchIP: true}, engine.ErrRequest},
		{"with an agent", accounts.AuthRequest{ChallengeID: second.Challenge.ID, MatchUserAgent: true}, engine.ErrRequest},
	} {
		for _, input := range []string{code, b.kit.Code(email)} {
			c.r.MethodID, c.r.Code = second.MethodID, input
			if auth, err := b.Authenticate(ctx, c.r); !errors.Is(err, c.want) || !isZero(auth) {
				t.Errorf("%s: %+v, %v", c.what, auth, err)
			}
		}
	}
	if user := b.user(t, second.UserID); user.Lock.Failures != 0 {
		t.Errorf("%d wrong guesses counted for the user", user.Lock.Failures)
	}
	r := accounts.AuthRequest{MethodID: second.MethodID, ChallengeID: second.Challenge.ID, Code: code}
	if _, err := b.Authenticate(ctx, r); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// The parser of SMS may refuse a number that WhatsApp reaches, and the
// challenge is found all the same.
func TestChallengeOfOneChannel(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *engine.Config) {
		sms := cfg.Channels[delivery.SMS]
		sms.Parse = func(string) (_, _, _ string, err error) { return "", "", "", errors.New("no number will do") }
		cfg.Channels[delivery.SMS] = sms
	})
	sent := b.login(t, delivery.WhatsApp, afghan)
	r := accounts.AuthRequest{MethodID: sent.MethodID, ChallengeID: sent.Challenge.ID, Code: b.kit.Code(afghan)}
	if _, err := b.Authenticate(t.Context(), r); err != nil {
		t.Error(err)
	}
}
