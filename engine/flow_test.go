package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
)

func TestRightCodeOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	b.advance(7 * time.Second)
	proof, err := b.Engine.Verify(t.Context(), challenge.ID, " "+code[:3]+"-"+code[3:])
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Proof{Subject: challenge.Subject, Channel: delivery.SMS, SentAt: start, VerifiedAt: start.Add(7 * time.Second)}
	if proof != want {
		t.Errorf("proof %+v, want %+v", proof, want)
	}
	if subject, err := b.Engine.Subject(someone); err != nil || subject != proof.Subject {
		t.Errorf("Subject = %q, %v", subject, err)
	}
	b.verify(challenge.ID, code, engine.ErrUsed)
	if got := b.kinds(); got != "started sent verified" {
		t.Errorf("events: %s", got)
	}
}

func TestChallengeSaysWhatWasSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	req := someone
	req.Lifetime = 7 * time.Minute
	req.Locale = "FR"
	challenge, code := b.start(req)
	m := b.last()
	if len(challenge.ID) != 47 || !challenge.Expires.Equal(start.Add(7*time.Minute)) || challenge.Tries != 5 ||
		challenge.Region != "US" || challenge.Unconfirmed || challenge.Receipt.Provider != "test" ||
		challenge.Address.Reveal() != someone.To || challenge.Message != m.ID {
		t.Errorf("%+v", challenge)
	}
	if m.To.Reveal() != someone.To || m.Locale != "fr" || m.Expires != 7*time.Minute || m.Purpose != "login" ||
		m.Channel != delivery.SMS || !strings.Contains(m.Body.Reveal(), code) || m.Subject != "" {
		t.Errorf("%+v", m)
	}
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{0, time.Minute, 10 * time.Minute} {
		full := lifetime
		if full == 0 {
			full = 2 * time.Minute
		}
		req := someone
		req.Lifetime = lifetime
		b := newBench(t)
		challenge, code := b.start(req)
		b.advance(full)
		b.verify(challenge.ID, code, engine.ErrExpired)
		b.verify(challenge.ID, wrong(code), engine.ErrExpired)
		challenge, code = b.start(req)
		b.advance(full - 1)
		b.verify(challenge.ID, code, nil)
		if got := b.kinds(); got != "started sent expired expired started sent verified" {
			t.Errorf("events: %s", got)
		}
	}
}

func TestNewCodeReplacesTheOld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, old := b.start(someone)
	req := someone
	req.Channel = delivery.WhatsApp
	second, code := b.start(req)
	b.verify(first.ID, old, engine.ErrUsed)
	if old != code {
		b.verify(second.ID, old, engine.ErrWrong)
	}
	proof, err := b.Engine.Verify(t.Context(), second.ID, code)
	if err != nil || proof.Channel != delivery.WhatsApp || first.Subject != second.Subject {
		t.Errorf("%+v, %v", proof, err)
	}
}

func TestResend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, _ := b.start(someone)
	second, err := b.Engine.Resend(t.Context(), first.ID, someone)
	if err != nil {
		t.Fatal(err)
	}
	code := b.last().Code.Reveal()
	resend := func(id string, req engine.Request, want error) {
		t.Helper()
		sent := b.sent()
		_, err := b.Engine.Resend(t.Context(), id, req)
		b.check("Resend", err, want)
		if want != nil && b.sent() != sent {
			t.Error("something was sent")
		}
	}
	resend(first.ID, someone, engine.ErrUsed)
	other := someone
	other.To = number(1)
	resend(second.ID, other, engine.ErrUsed)
	other = someone
	other.Purpose = "delete account"
	resend(second.ID, other, engine.ErrUsed)
	resend("nonsense", someone, engine.ErrRequest)
	b.verify(second.ID, code, nil)
	resend(second.ID, someone, engine.ErrUsed)

	spent, code := b.start(someone)
	for range 5 {
		b.verify(spent.ID, wrong(code), engine.ErrWrong)
	}
	resend(spent.ID, someone, nil)
	expired, _ := b.start(someone)
	b.advance(20 * time.Minute)
	resend(expired.ID, someone, nil)
	cancelled, _ := b.start(someone)
	if err := b.Engine.Cancel(t.Context(), cancelled.ID); err != nil {
		t.Fatal(err)
	}
	resend(cancelled.ID, someone, engine.ErrUsed)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, _ := b.start(someone)
	challenge, code := b.start(someone)
	b.check("Cancel of a replaced one", b.Engine.Cancel(t.Context(), first.ID), engine.ErrUsed)
	b.check("Cancel of nonsense", b.Engine.Cancel(t.Context(), "c.x"), engine.ErrRequest)
	for range 2 {
		b.check("Cancel", b.Engine.Cancel(t.Context(), challenge.ID), nil)
	}
	b.verify(challenge.ID, code, engine.ErrUsed)
}

func TestVerifyAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, old := b.start(someone)
	_, code := b.start(someone)
	verify := func(req engine.Request, code string, want error) {
		t.Helper()
		_, err := b.Engine.VerifyAddress(t.Context(), req, code)
		b.check("VerifyAddress", err, want)
	}
	if old != code {
		verify(someone, old, engine.ErrWrong)
	}
	other := someone
	other.Channel = delivery.WhatsApp // the same slot
	verify(other, code, nil)
	verify(someone, code, engine.ErrUsed)
	other.To = number(2)
	verify(other, code, engine.ErrUsed)
	other.To = "nonsense"
	verify(other, code, engine.ErrAddress)
	other.Channel = "pigeon"
	verify(other, code, engine.ErrRequest)
}

func TestSendBudgets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sends := func(max int) (n int) {
		for range max {
			if _, err := b.Engine.Start(t.Context(), someone); err != nil {
				b.check("Start", err, engine.ErrLimited)
				return n
			}
			n++
		}
		return n
	}
	if n := sends(30); n != 5 {
		t.Fatalf("%d sends at once, want 5", n)
	}
	_, err := b.Engine.Start(t.Context(), someone)
	if e := b.check("Start", err, engine.ErrLimited); e.RetryAfter != 10*time.Minute {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	b.advance(10 * time.Minute)
	if n := sends(30); n != 5 {
		t.Fatalf("%d more sends after 10 minutes, want 5", n)
	}
	b.advance(10 * time.Minute)
	if n := sends(30); n != 0 {
		t.Fatalf("%d sends beyond 10 in the hour", n)
	}
	b.advance(40 * time.Minute)
	total := 10
	for range 22 * 6 {
		total += sends(30)
		b.advance(10 * time.Minute)
	}
	if total != 20 {
		t.Errorf("%d sends in a day, want 20", total)
	}
}

// The code must be checkable by the time that anybody can have it.
func TestRecordIsStoredBeforeTheSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	checked := false
	b.fail = func(ctx context.Context, m delivery.Message) error {
		_, err := b.Engine.VerifyAddress(ctx, someone, m.Code.Reveal())
		checked = err == nil
		return err
	}
	b.start(someone)
	if !checked {
		t.Error("the code could not be checked while it was being sent")
	}
}

// An operator's own words are told what the code is for.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) { c.Texts.Custom = ownWords{} })
	_, code := b.start(engine.Request{Channel: delivery.SMS, To: "+12025550162", Purpose: "payment", Locale: "es"})
	if got, want := b.last().Body.Reveal(), "payment in es: "+code; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

type ownWords struct{}

func (ownWords) Write(t delivery.Text) (subject, body string, ok bool, err error) {
	return "", t.Purpose + " in " + t.Locale + ": " + t.Code, true, nil
}
