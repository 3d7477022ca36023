package accounts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// A leaker makes calls that fail and keeps the errors.
type leaker struct {
	*bench
	t        *testing.T
	sent     accounts.Sent
	user     store.User
	code     string
	app      totp.Enrolment
	session  *sessions.Granted
	failures int
	words    bytes.Buffer // every form of every error
}

func (l *leaker) keep(errs ...error) {
	logger := slog.New(slog.NewJSONHandler(&l.words, nil))
	for _, err := range errs {
		if err == nil {
			continue
		}
		l.failures++
		fmt.Fprintf(&l.words, "%v %+v %#v %q %x\n", err, err, err, err, err)
		logger.Info("failed", "err", err)
		data, _ := json.Marshal(err)
		l.words.Write(append(data, '\n'))
	}
}

// provoke makes every call, with what no error may repeat.
func (l *leaker) provoke() {
	ctx := l.t.Context()
	token := l.session.Token.Reveal()
	for channel, to := range map[delivery.Channel]string{delivery.SMS: phone, delivery.WhatsApp: otherPhone, delivery.Email: otherEmail} {
		_, err1 := l.LoginOrCreate(ctx, accounts.SendRequest{Channel: channel, To: to})
		_, err2 := l.Send(ctx, accounts.SendRequest{Channel: channel, To: to})
		_, err3 := l.Send(ctx, accounts.SendRequest{Channel: channel, To: to, UserID: email})
		_, err4 := l.LoginOrCreate(ctx, accounts.SendRequest{Channel: channel, To: to + "x@"})
		_, err5 := l.Send(ctx, accounts.SendRequest{Channel: channel, To: to, UserID: l.user.ID})
		_, err6 := l.Send(ctx, accounts.SendRequest{Channel: channel, To: to, Session: sessions.Credential{Token: token}})
		_, err7 := l.Exchange(ctx, l.user.ID, channel.Class(), to)
		l.keep(err1, err2, err3, err4, err5, err6, err7)
	}
	_, err1 := l.Create(ctx, accounts.NewUser{Phone: phone, Email: otherEmail})
	_, err2 := l.Create(ctx, accounts.NewUser{Phone: otherPhone, Email: email})
	_, err3 := l.Create(ctx, accounts.NewUser{Phone: otherPhone, Email: strings.ToUpper(otherEmail)})
	_, err4 := l.Create(ctx, accounts.NewUser{Phone: otherPhone, ExternalID: email})
	_, err5 := l.User(ctx, email)
	_, err6 := l.User(ctx, phone)
	_, err7 := l.Authenticate(ctx, accounts.AuthRequest{MethodID: phone, Code: l.code})
	_, err8 := l.Authenticate(ctx, accounts.AuthRequest{MethodID: l.sent.MethodID, Code: wrong(l.code)})
	l.keep(err1, err2, err3, err4, err5, err6, err7, err8)

	_, err1 = l.Update(ctx, l.user.ID, accounts.Change{Phone: otherPhone})
	_, err2 = l.Update(ctx, l.user.ID, accounts.Change{Email: strings.ToUpper(otherEmail)})
	_, err3 = l.Update(ctx, l.user.ID, accounts.Change{Email: otherEmail + " "})
	_, err4 = l.Update(ctx, l.user.ID, accounts.Change{ExternalID: ptr(email)})
	_, err5 = l.Update(ctx, phone, accounts.Change{})
	_, err6 = l.Exchange(ctx, l.user.ID, delivery.ClassPhone, phone+"x")
	_, err7 = l.DeleteMethod(ctx, l.sent.MethodID+phone)
	_, err8 = l.DeleteExternalID(ctx, email)
	l.keep(err1, err2, err3, err4, err5, err6, err7, err8)

	_, err1 = l.Unlock(ctx, email)
	_, err2 = l.Search(ctx, store.Query{Cursor: phone})
	_, err3 = l.Search(ctx, store.Query{Cursor: "1." + email, Filters: []store.Filter{{By: store.FieldPhone, Values: []string{phone}}}})
	_, err4 = l.Search(ctx, store.Query{Filters: []store.Filter{{By: store.FieldEmailText, Text: email}, {By: store.FieldPhone, Values: []string{otherPhone, phone}}}})
	_, err5 = l.DeleteTOTP(ctx, email)
	_, _, err6 = l.EnrolTOTP(ctx, l.user.ID, -1)
	_, _, err7 = l.TOTP(ctx, phone)
	l.keep(err1, err2, err3, err4, err5, err6, err7)

	for _, code := range []string{l.app.RecoveryCodes[0].Reveal(), l.code, l.app.Secret.Reveal(), token} {
		_, err1 = l.AuthenticateTOTP(ctx, accounts.TOTPRequest{UserID: l.user.ID, Code: code})
		_, err2 = l.Recover(ctx, accounts.TOTPRequest{UserID: l.user.ID, Code: code + "x"})
		_, err3 = l.AuthenticateTOTP(ctx, accounts.TOTPRequest{UserID: email, Code: code})
		_, _, err4 = l.AuthenticateSession(ctx, sessions.Request{Credential: sessions.Credential{Token: code + "x"}})
		_, _, err5 = l.AuthenticateSession(ctx, sessions.Request{Credential: sessions.Credential{JWT: code}})
		_, err6 = l.Authenticate(ctx, accounts.AuthRequest{MethodID: l.sent.MethodID, Code: l.code, Session: accounts.SessionRequest{
			Credential: sessions.Credential{Token: token, JWT: code},
		}})
		_, err7 = l.Authenticate(ctx, accounts.AuthRequest{MethodID: l.sent.MethodID, Code: code, Session: accounts.SessionRequest{
			Duration: hour, Claims: json.RawMessage(`{"https://stytch.com/` + code + `":1}`),
		}})
		l.keep(err1, err2, err3, err4, err5, err6, err7)
	}
}

// TestErrorsHoldNothing has a directory and stores that repeat whatever they
// were asked for, as databases do, and looks for it in everything that is
// returned.
func TestErrorsHoldNothing(t *testing.T) {
	t.Parallel()
	echo := func(call, value string) error {
		return fmt.Errorf("duplicate key: (%s)=(%s), (%s)", call, value, strings.ToUpper(value))
	}
	only := func(want string) func(call, value string) error {
		return func(call, value string) error {
			switch {
			case call != want:
				return nil
			case call == "create", call == "search":
				return echo(call, value)
			}
			return fmt.Errorf("%s of %s failed: phone %s, e-mail %s", call, value, phone, email)
		}
	}
	for name, broken := range map[string]func(b *bench){
		"nothing":  func(*bench) {},
		"lookup":   func(b *bench) { b.directory.before = echo },
		"create":   func(b *bench) { b.directory.before = only("create") },
		"update":   func(b *bench) { b.directory.before = only("update") },
		"delete":   func(b *bench) { b.directory.before = only("delete") },
		"search":   func(b *bench) { b.directory.before = only("search") },
		"after":    func(b *bench) { b.directory.after = echo },
		"sessions": func(b *bench) { b.sessionStore.before = func(string) error { return errDisk } },
		"apps":     func(b *bench) { b.totpStore.before = func(string) error { return errDisk } },
		"codes":    func(b *bench) { b.store.before = func(string) error { return errDisk } },
	} {
		b := newFullBench(t, manySends)
		l := &leaker{bench: b, t: t, user: b.newAda(t)}
		l.app = b.enrolled(t, l.user.ID)
		l.session = b.signIn(t, phone, accounts.SessionRequest{Duration: hour}).Session
		l.sent = b.login(t, delivery.SMS, phone)
		l.code = b.kit.Code(phone)
		broken(b)
		l.provoke()
		_, err1 := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: l.sent.MethodID, Code: l.code, Session: accounts.SessionRequest{Duration: hour}})
		_, err2 := b.Delete(t.Context(), l.user.ID)
		_, err3 := b.DeleteMethod(t.Context(), l.user.Emails[0].ID)
		_, err4 := b.DeleteTOTP(t.Context(), l.app.ID)
		l.keep(err1, err2, err3, err4)
		if l.failures < 40 {
			t.Errorf("%s: only %d errors to look at", name, l.failures)
		}
		secrets := []string{phone, otherPhone, email, otherEmail, l.code, l.session.Token.Reveal(), l.app.Secret.Reveal(), l.app.RecoveryCodes[0].Reveal()}
		for _, line := range strings.Split(strings.ToLower(l.words.String()), "\n") {
			for _, secret := range secrets {
				secret = strings.ToLower(secret)
				for _, form := range []string{secret, strings.TrimPrefix(secret, "+"), fmt.Sprintf("%x", secret)} {
					if strings.Contains(line, form) {
						t.Errorf("%s: %s in %s", name, form, line)
					}
				}
			}
		}
	}
}

// Nor do errors hold an address that the user got since they were read.
func TestErrorsHoldNoNewAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.newAda(t)
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			update(t, b.directory.Directory, ada.ID, func(u *store.User) {
				u.Emails = []store.Method{{ID: "email-1", Address: otherEmail}, {ID: "email-2", Address: "late@example.com", Expires: b.kit.Clock.Now()}}
			})
		}
		return nil
	}
	b.directory.after = func(call, _ string) error {
		if call == "update" {
			return fmt.Errorf("row of %s and late@example.com is damaged", otherEmail)
		}
		return nil
	}
	_, err := b.DeleteExternalID(t.Context(), ada.ID)
	if text := fmt.Sprint(err); !errors.Is(err, engine.ErrUnavailable) || strings.Contains(text, otherEmail) || strings.Contains(text, "late@") {
		t.Error(err)
	}
}

// Nor an address that a call was about, and that the user has not got yet.
func TestErrorsHoldNoAddressAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.addVerified(t)
	b.directory.before = func(call, _ string) error {
		if call == "update" {
			return fmt.Errorf("no room for %s and %s", otherPhone, otherEmail)
		}
		return nil
	}
	_, err1 := b.Update(t.Context(), id, accounts.Change{Phone: otherPhone, Email: otherEmail})
	_, err2 := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, UserID: id})
	_, err3 := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.Email, To: otherEmail, UserID: id})
	_, err4 := b.Exchange(t.Context(), id, delivery.ClassPhone, otherPhone)
	_, err5 := b.Exchange(t.Context(), id, delivery.ClassEmail, otherEmail)
	for i, secrets := range [][]string{{otherPhone, otherEmail}, {otherPhone}, {otherEmail}, {otherPhone}, {otherEmail}} {
		err := []error{err1, err2, err3, err4, err5}[i]
		for _, secret := range secrets {
			if text := fmt.Sprint(err); !errors.Is(err, engine.ErrUnavailable) || strings.Contains(text, strings.TrimPrefix(secret, "+")) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
}

// What is returned can be logged: a token, a secret or a recovery code shows in
// no form of it.
func TestResultsHoldNoSecret(t *testing.T) {
	t.Parallel()
	b := newFullBench(t)
	ada := b.newAda(t)
	e, user, err := b.EnrolTOTP(t.Context(), ada.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	auth := b.signIn(t, phone, accounts.SessionRequest{Duration: hour})
	granted, _, err := b.AuthenticateSession(t.Context(), sessions.Request{Credential: credential(auth.Session)})
	if err != nil {
		t.Fatal(err)
	}
	code := b.appCode(t, e)
	app, err := b.AuthenticateTOTP(t.Context(), accounts.TOTPRequest{UserID: ada.ID, Code: code, Session: accounts.SessionRequest{Duration: hour}})
	if err != nil {
		t.Fatal(err)
	}
	_, status, err := b.TOTP(t.Context(), ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	sent := b.login(t, delivery.SMS, phone)
	secrets := []string{b.kit.Code(phone), code, e.Secret.Reveal(), auth.Session.Token.Reveal(), app.Session.Token.Reveal()}
	for _, recovery := range e.RecoveryCodes {
		secrets = append(secrets, recovery.Reveal())
	}
	var words strings.Builder
	for _, v := range []any{e, user, auth, *auth.Session, granted, app, *app.Session, status, sent} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&words, "%v %+v %#v %s\n", v, v, v, data)
		slog.New(slog.NewTextHandler(&words, nil)).Info("done", "result", v)
	}
	for _, secret := range secrets {
		if strings.Contains(words.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if words.Len() < 1000 {
		t.Errorf("only %d bytes to look at", words.Len())
	}
}
