package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
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
	if !e.Until.Equal(start.Add(time.Hour)) || e.RetryAfter != time.Hour {
		t.Errorf("locked until %v, for %v", e.Until, e.RetryAfter)
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

// A code of one subject, purpose, tenant or channel class must open no other,
// even where the store's contents were moved.
func TestCodeIsBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	requests := []engine.Request{
		someone,
		{Channel: delivery.SMS, To: number(1), Purpose: "login"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "pay"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "login", Tenant: "t"},
		{Channel: delivery.SMS, To: someone.To, Purpose: "ogin", Tenant: "l"},
		{Channel: delivery.Email, To: "a@example.com", Purpose: "login"},
	}
	subjects := make(map[string]bool)
	var ids, codes []string
	for _, req := range requests {
		challenge, code := b.start(req)
		subjects[challenge.Subject] = true
		ids, codes = append(ids, challenge.ID), append(codes, code)
	}
	if len(subjects) != len(requests) {
		t.Fatalf("%d subjects for %d requests", len(subjects), len(requests))
	}
	const key = 24
	for i := range ids {
		for j := range ids {
			if i == j {
				continue
			}
			// Put the record of i in the place of j's, in a store of its own.
			value, err := b.Store.Get(t.Context(), ids[i][:key])
			if err != nil || value == nil {
				t.Fatal(err)
			}
			moved := newBench(t)
			if _, ok, err := moved.Store.CompareAndSwap(t.Context(), ids[j][:key], nil, value, start.Add(time.Hour)); !ok || err != nil {
				t.Fatal(ok, err)
			}
			moved.verify(ids[j][:key]+ids[i][key:], codes[i], engine.ErrWrong)
		}
	}
}

// The channel is part of the code's MAC: a record cannot be made to say that
// the code went another way.
func TestChannelIsBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	key := challenge.ID[:24]
	old, _ := b.Store.Get(t.Context(), key)
	forged := append([]byte(nil), old...)
	const channel = 5 // its place in the record
	if forged[channel] != 1 {
		t.Fatalf("byte %d is %d, not SMS", channel, forged[channel])
	}
	forged[channel] = 2
	if _, ok, err := b.Store.CompareAndSwap(t.Context(), key, old, forged, start.Add(time.Hour)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.verify(challenge.ID, code, engine.ErrWrong)
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

func TestRefusedRequestsTouchNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, tc := range map[string]struct {
		req    engine.Request
		want   error
		events string
	}{
		"unknown channel":       {engine.Request{Channel: "pigeon", To: someone.To}, engine.ErrRequest, ""},
		"bad number":            {engine.Request{Channel: delivery.SMS, To: "12025550162"}, engine.ErrAddress, ""},
		"bad address":           {engine.Request{Channel: delivery.Email, To: "a@b"}, engine.ErrAddress, ""},
		"long address":          {engine.Request{Channel: delivery.Email, To: strings.Repeat("a", 1<<20) + "@example.com"}, engine.ErrAddress, ""},
		"address not UTF-8":     {engine.Request{Channel: delivery.Email, To: "a\xff@example.com"}, engine.ErrAddress, ""},
		"unsupported country":   {engine.Request{Channel: delivery.SMS, To: "+46701234567"}, engine.ErrCountry, "refused"},
		"no country":            {engine.Request{Channel: delivery.WhatsApp, To: "+870123456789"}, engine.ErrCountry, "refused"},
		"landline":              {engine.Request{Channel: delivery.SMS, To: "+442079460000"}, engine.ErrNumberType, "refused"},
		"premium":               {engine.Request{Channel: delivery.SMS, To: "+19001234567"}, engine.ErrNumberType, "refused"},
		"lifetime too short":    {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: time.Second}, engine.ErrRequest, ""},
		"lifetime too long":     {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: 11 * time.Minute}, engine.ErrRequest, ""},
		"lifetime negative":     {engine.Request{Channel: delivery.SMS, To: someone.To, Lifetime: -time.Minute}, engine.ErrRequest, ""},
		"unknown locale":        {engine.Request{Channel: delivery.SMS, To: someone.To, Locale: "tlh"}, engine.ErrRequest, ""},
		"locale not for e-mail": {engine.Request{Channel: delivery.Email, To: "a@example.com", Locale: "ja"}, engine.ErrRequest, ""},
		"long purpose":          {engine.Request{Channel: delivery.SMS, To: someone.To, Purpose: strings.Repeat("p", 129)}, engine.ErrRequest, ""},
		"long tenant":           {engine.Request{Channel: delivery.SMS, To: someone.To, Tenant: strings.Repeat("t", 129)}, engine.ErrRequest, ""},
	} {
		_, err := b.Engine.Start(t.Context(), tc.req)
		b.check(name, err, tc.want)
		if got := b.kinds(); got != tc.events {
			t.Errorf("%s: events %q, want %q", name, got, tc.events)
		}
		if _, _, err := b.Engine.Check(tc.req); !errors.Is(err, tc.want) {
			t.Errorf("%s: Check says %v", name, err)
		}
		if got := b.kinds(); got != tc.events {
			t.Errorf("%s: events of Check %q, want %q", name, got, tc.events)
		}
	}
	if b.sent() != 0 {
		t.Errorf("%d messages were sent", b.sent())
	}
	if n := b.Store.(interface{ Len() int }).Len(); n != 0 {
		t.Errorf("%d records were stored", n)
	}
	whatsapp := engine.Request{Channel: delivery.WhatsApp, To: "+46701234567"}
	b.start(whatsapp)
}

func TestCountryRefusalNamesTheRegion(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *engine.Config) {
		c.Policy.Countries = map[string]policy.Rule{"sms": policy.AllowOnly("CA")}
	})
	_, err := b.Engine.Start(t.Context(), someone)
	if e := b.check("Start", err, engine.ErrCountry); e.Region != "US" {
		t.Errorf("region %q", e.Region)
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

// No parser is handed what no address can be.
func TestParserIsGuarded(t *testing.T) {
	t.Parallel()
	called := false
	b := newBench(t, func(c *engine.Config) {
		email := c.Channels[delivery.Email]
		email.Parse = func(raw string) (string, string, string, error) {
			called = true
			return raw, "", "", nil
		}
		c.Channels[delivery.Email] = email
	})
	for _, to := range []string{strings.Repeat("a", 321), "\xff"} {
		_, err := b.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: to})
		b.check("Start", err, engine.ErrAddress)
	}
	if called {
		t.Error("the parser was called")
	}
	_, err := b.Engine.Start(t.Context(), engine.Request{Channel: delivery.Email, To: ""})
	b.check("Start", err, engine.ErrAddress)
}
