package accounts_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestOneWaitsAtATime(t *testing.T) {
	t.Parallel()
	later := time.Date(2026, 1, 16, 0, 0, 0, 0, time.UTC)
	for name, waits := range map[string]func(*store.User){
		"phone":        func(u *store.User) { u.Phones = []store.Method{{ID: "phone-1", Address: otherPhone}} },
		"e-mail":       func(u *store.User) { u.Emails = append(u.Emails, store.Method{ID: "email-1", Address: otherEmail}) },
		"adding phone": func(u *store.User) { u.Phones = []store.Method{{ID: "phone-1", Address: otherPhone, Expires: later}} },
		"adding e-mail": func(u *store.User) {
			u.Emails = append(u.Emails, store.Method{ID: "e", Address: otherEmail, Expires: later})
		},
		"app": func(u *store.User) { u.TOTPs = []store.TOTP{{ID: "totp-1", Expires: later}} },
	} {
		b := newBench(t)
		id := b.addVerified(t)
		update(t, b.directory.Directory, id, waits)
		before := b.user(t, id)
		b.forget()
		for _, to := range []string{phone, email} {
			sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: channelOf(to), To: to, UserID: id})
			if !errors.Is(err, accounts.ErrUnverified) || !isZero(sent) || b.sent.Load() > 0 || len(b.store.trace()) > 0 {
				t.Errorf("%s waits, adding %s: %+v, %v", name, to, sent, err)
			}
			change := accounts.Change{Phone: to}
			if to == email {
				change = accounts.Change{Email: to}
			}
			if _, err := b.Update(t.Context(), id, change); !errors.Is(err, accounts.ErrUnverified) {
				t.Errorf("%s waits, updating %s: %v", name, to, err)
			}
		}
		if after := b.user(t, id); !reflect.DeepEqual(after, before) {
			t.Errorf("%s waits: user was\n%+v, is\n%+v", name, before, after)
		}
		b.kit.Clock.Set(later) // what has a window is gone
		_, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: id})
		if timed := name == "app" || name[:3] == "add"; timed != (err == nil) {
			t.Errorf("%s waited: %v", name, err)
		}
	}
}

// A login form must not lead somebody into the account of a stranger who is
// adding their address.
func TestNoPreHijack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.addVerified(t)
	trap := b.add(t, stranger, phone)
	b.forget()
	if sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone}); !errors.Is(err, accounts.ErrMethodNotFound) || !isZero(sent) || b.sent.Load() > 0 {
		t.Errorf("Send: %+v, %v", sent, err)
	}
	owner := b.login(t, delivery.SMS, phone)
	if !owner.Created || owner.UserID == stranger || owner.MethodID == trap.MethodID {
		t.Errorf("trap %+v, owner %+v", trap, owner)
	}
	if _, err := b.enter(t, trap.MethodID, phone); !errors.Is(err, accounts.ErrMethodNotFound) {
		t.Errorf("the stranger's method id: %v", err)
	}
	if auth, err := b.enter(t, owner.MethodID, phone); err != nil || auth.User.ID != owner.UserID {
		t.Errorf("%+v, %v", auth, err)
	}
	if _, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: stranger}); !errors.Is(err, store.ErrTaken) {
		t.Errorf("the stranger again: %v", err)
	}
	if u := b.user(t, stranger); len(u.Phones) > 0 || len(u.Emails) != 1 {
		t.Errorf("the stranger has %+v", u)
	}
}

// An address is added even if the send is refused, and the refusal names it.
func TestAddRefusedSend(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *engine.Config) {
		sms := cfg.Channels[delivery.SMS]
		sms.Sender = refuser{sms.Sender}
		cfg.Channels[delivery.SMS] = sms
	})
	id := b.addVerified(t)
	sent, err := b.Send(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: id})
	if !errors.Is(err, engine.ErrDelivery) || sent.UserID != id || sent.MethodID == "" || !isZero(sent.Challenge) {
		t.Errorf("%+v, %v", sent, err)
	}
	if m := at(b.user(t, id), phone); m == nil || m.ID != sent.MethodID {
		t.Errorf("method %+v", m)
	}
}
