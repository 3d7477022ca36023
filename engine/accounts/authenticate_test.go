package accounts_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	for _, pending := range []bool{false, true} {
		b := newBench(t)
		user, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email, Pending: pending})
		if err != nil {
			t.Fatal(err)
		}
		before := user.Clone()
		method := user.Emails[0].ID
		if _, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: email}); err != nil {
			t.Fatal(err)
		}
		code := b.kit.Code(email)
		b.forget()
		for _, input := range []string{wrong(code), "not a code", ""} {
			if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: method, Code: input}); err == nil {
				t.Errorf("%q accepted", input)
			}
		}
		counted := before.Clone()
		counted.Lock.Failures = 1
		if got := b.user(t, user.ID); !reflect.DeepEqual(got, counted) {
			t.Errorf("after one wrong code the user is\n%+v, want\n%+v", got, counted)
		}

		auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: method, Code: code})
		if err != nil {
			t.Fatal(err)
		}
		want := before.Clone()
		want.Status, want.Emails[0].Verified = store.Active, true
		if !reflect.DeepEqual(auth.User, want) || !reflect.DeepEqual(b.user(t, user.ID), want) {
			t.Errorf("authenticated\n%+v, kept\n%+v, want\n%+v", auth.User, b.user(t, user.ID), want)
		}
		if auth.Method != want.Emails[0] || auth.Proof.Channel != delivery.Email || !auth.Proof.VerifiedAt.Equal(b.kit.Clock.Now()) {
			t.Errorf("method %+v, proof %+v", auth.Method, auth.Proof)
		}
	}
}

func TestNoWriteWithoutNews(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i, want := range [][]string{{"lookup", "update"}, {"lookup"}} {
		sent := b.login(t, delivery.SMS, phone)
		b.forget()
		auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)})
		if err != nil || !auth.Method.Verified || auth.User.ID != sent.UserID {
			t.Errorf("%+v, %v", auth, err)
		}
		if got := b.directory.trace(); !slices.Equal(got, want) {
			t.Errorf("login %d: directory calls %q, want %q", i, got, want)
		}
	}
}

// A pending user is news even if the method is verified already.
func TestPendingUserWithVerifiedMethod(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	_, err := b.directory.Update(t.Context(), sent.UserID, func(u *store.User) error {
		u.Status, u.Phones[0].Verified = store.Pending, true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)})
	if err != nil || auth.User.Status != store.Active || b.user(t, sent.UserID).Status != store.Active {
		t.Errorf("%+v, %v", auth, err)
	}
}

// A status of the program's own is not touched.
func TestForeignStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	if _, err := b.directory.Update(t.Context(), sent.UserID, func(u *store.User) error { u.Status = "suspended"; return nil }); err != nil {
		t.Fatal(err)
	}
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)})
	if err != nil || auth.User.Status != "suspended" {
		t.Errorf("%+v, %v", auth, err)
	}
}

func TestAuthenticateOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	var accepted atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			switch _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: code}); {
			case err == nil:
				accepted.Add(1)
			case !errors.Is(err, engine.ErrUsed):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := accepted.Load(); n != 1 {
		t.Errorf("accepted %d times", n)
	}
}

func TestPhoneChannelsShare(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sms := b.login(t, delivery.SMS, phone)
	first := b.kit.Code(phone)
	whatsapp := b.login(t, delivery.WhatsApp, phone)
	if whatsapp.Created || whatsapp.UserID != sms.UserID || whatsapp.MethodID != sms.MethodID {
		t.Errorf("SMS %+v, WhatsApp %+v", sms, whatsapp)
	}
	second := b.kit.Code(phone)
	if first != second {
		if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sms.MethodID, Code: first}); !errors.Is(err, engine.ErrWrong) {
			t.Errorf("the code that WhatsApp replaced: %v", err)
		}
	}
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sms.MethodID, Code: second})
	if err != nil || auth.Proof.Channel != delivery.WhatsApp {
		t.Errorf("%+v, %v", auth.Proof, err)
	}
}

// A number that only WhatsApp reaches, and that the parser of SMS does not
// even read, is as good as any other.
func TestNumberOfOneChannel(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *engine.Config) {
		sms := cfg.Channels[delivery.SMS]
		sms.Parse = func(string) (_, _, _ string, err error) { return "", "", "", errors.New("no number will do") }
		cfg.Channels[delivery.SMS] = sms
	})
	sent := b.login(t, delivery.WhatsApp, afghan)
	auth, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(afghan)})
	if err != nil || auth.Proof.Channel != delivery.WhatsApp || !auth.User.Phones[0].Verified {
		t.Errorf("%+v, %v", auth, err)
	}
}

func TestRefusalsOfCodes(t *testing.T) {
	t.Parallel()
	kind := func(err error) engine.Kind {
		var refusal *engine.Error
		if !errors.As(err, &refusal) {
			return 0
		}
		return refusal.Kind
	}
	b := newBench(t)
	ctx := t.Context()
	sent := b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	check := func(what, code string, want engine.Kind) {
		t.Helper()
		if auth, err := b.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: code}); kind(err) != want || !isZero(auth) {
			t.Errorf("%s: %+v, %v; want %v", what, auth, err, want)
		}
	}
	check("letters", "abcdef", engine.ErrFormat)
	check("wrong", wrong(code), engine.ErrWrong)
	b.kit.Clock.Advance(2 * time.Minute)
	check("expired", code, engine.ErrExpired)

	sent = b.login(t, delivery.SMS, phone)
	code = b.kit.Code(phone)
	if _, err := b.Authenticate(ctx, accounts.AuthRequest{MethodID: sent.MethodID, Code: code}); err != nil {
		t.Fatal(err)
	}
	check("used", code, engine.ErrUsed)

	for range 2 {
		b.login(t, delivery.SMS, phone)
		code = b.kit.Code(phone)
		for range 5 {
			check("wrong", wrong(code), engine.ErrWrong)
		}
	}
	check("locked", code, engine.ErrLocked)
	var refusal *engine.Error
	_, err := b.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: phone})
	if !errors.As(err, &refusal) || refusal.Kind != engine.ErrLocked || refusal.RetryAfter <= 0 {
		t.Errorf("send while locked: %v", err)
	}
}

func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	b.forget()
	for _, id := range []string{"", "\x00", "a b", "ä", strings.Repeat("x", 1<<20), sent.MethodID + "\n"} {
		if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: id, Code: code}); !errors.Is(err, accounts.ErrMethodNotFound) {
			t.Errorf("%.40q: %v", id, err)
		}
	}
	b.wantUntouched(t)
	for _, id := range []string{sent.UserID, phone, accounts.PhoneID.New(false), strings.ToUpper(sent.MethodID)} {
		if _, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: id, Code: code}); !errors.Is(err, accounts.ErrMethodNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if calls := b.store.trace(); len(calls) > 0 {
		t.Errorf("store calls: %q", calls)
	}
}
