package accounts_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
)

func TestLoginOrCreate(t *testing.T) {
	t.Parallel()
	for _, channel := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
		t.Run(string(channel), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			to := phone
			if channel == delivery.Email {
				to = "Ada@Example.com"
			}
			r := accounts.SendRequest{Channel: channel, To: to, Lifetime: 5 * time.Minute, Locale: "es"}
			first, err := b.LoginOrCreate(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if !first.Created || first.Challenge.Channel != channel || !first.Challenge.Expires.Equal(b.kit.Clock.Now().Add(r.Lifetime)) {
				t.Errorf("sent %+v", first)
			}
			user := b.user(t, first.UserID)
			methods := user.Phones
			if channel == delivery.Email {
				methods = user.Emails
			}
			now := b.kit.Clock.Now()
			want := store.Method{ID: first.MethodID, Address: strings.ToLower(to), CreatedAt: now}
			if len(user.Phones)+len(user.Emails) != 1 || len(methods) != 1 || methods[0] != want {
				t.Errorf("methods %+v, want %+v", methods, want)
			}
			if user.Status != store.Active || !user.CreatedAt.Equal(now) {
				t.Errorf("user %+v", user)
			}
			b.forget()
			second, err := b.LoginOrCreate(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if second.Created || second.UserID != first.UserID || second.MethodID != first.MethodID {
				t.Errorf("second time %+v, first %+v", second, first)
			}
			if got := b.directory.trace(); !slices.Equal(got, []string{"lookup"}) {
				t.Errorf("second time the directory saw %q", got)
			}
		})
	}
}

func TestLoginOrCreateRace(t *testing.T) {
	t.Parallel()
	const n = 64
	b := newBench(t, manySends)
	var all [n]accounts.Sent
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-begin
			channel := []delivery.Channel{delivery.SMS, delivery.WhatsApp}[i%2]
			var err error
			if all[i], err = b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: channel, To: phone}); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	group.Wait()
	created := 0
	for _, sent := range all {
		if sent.Created {
			created++
		}
		if sent.UserID != all[0].UserID || sent.MethodID != all[0].MethodID {
			t.Errorf("one address, two users or methods: %+v and %+v", sent, all[0])
		}
	}
	if created != 1 || len(b.users(t)) != 1 {
		t.Errorf("%d calls say Created, %d users are there", created, len(b.users(t)))
	}
}

// TestLostRace plays the race that TestLoginOrCreateRace only hopes for:
// somebody makes the user between look-up and creation.
func TestLostRace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rival := newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: b.directory.Directory})
	var theirs store.User
	b.directory.before = func(call, _ string) (err error) {
		if call == "create" {
			b.directory.before = nil
			theirs, err = rival.Create(t.Context(), accounts.NewUser{Phone: phone})
		}
		return err
	}
	sent := b.login(t, delivery.SMS, phone)
	if sent.Created || sent.UserID != theirs.ID || sent.MethodID != theirs.Phones[0].ID {
		t.Errorf("sent %+v, the user is %+v", sent, theirs)
	}
}

func TestUsersComeAndGo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.directory.before = func(call, _ string) error {
		if call == "create" {
			return &store.TakenError{Index: store.ByPhone, Owner: "gone"}
		}
		return nil
	}
	sent, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone})
	if !errors.Is(err, engine.ErrUnavailable) || !isZero(sent) || b.sent.Load() != 0 {
		t.Errorf("%+v, %v, %d messages", sent, err, b.sent.Load())
	}
}

// hostile are addresses that are none, or not in the one form of their own.
func hostile() map[delivery.Channel][]string {
	phones := []string{
		"", "+", "0", "12025550162", " " + phone, phone + " ", "+1 202 555 0162", "+1-202-555-0162", "tel:" + phone,
		phone + ";ext=5", phone + "\n", phone + "\x00", "+1202555٠162", "\u200e" + phone, "+1202555０162", "++12025550162",
		"+1" + strings.Repeat("2", 1<<20), "\xff\xfe", email, afghan, landline, "+18005550199", "+870773111632",
	}
	emails := []string{
		"", "@", "ada", "ada@", "@example.com", "ada@localhost", " " + email, email + " ", email + "\r\nBcc: eve@example.com",
		"Ada <ada@example.com>", `"ada"@example.com`, "ada@[127.0.0.1]", "ada@exämple.com", "ada@example.com\x00", "ada@eve@example.com",
		"a%eve@example.com", strings.Repeat("a", 1<<20) + "@example.com", "\xff@example.com", phone,
	}
	return map[delivery.Channel][]string{delivery.SMS: phones, delivery.WhatsApp: slices.DeleteFunc(slices.Clone(phones), func(s string) bool { return s == afghan }), delivery.Email: emails}
}

func TestRefusedBeforehand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	send := map[string]func(r accounts.SendRequest) error{
		"LoginOrCreate": func(r accounts.SendRequest) error { _, err := b.LoginOrCreate(t.Context(), r); return err },
		"Send":          func(r accounts.SendRequest) error { _, err := b.Send(t.Context(), r); return err },
	}
	for name, send := range send {
		for channel, addresses := range hostile() {
			for _, to := range addresses {
				var refusal *engine.Error
				if err := send(accounts.SendRequest{Channel: channel, To: to}); !errors.As(err, &refusal) || refusal.Kind == engine.ErrUnavailable {
					t.Errorf("%s(%s, %.40q): %v", name, channel, to, err)
				}
			}
		}
		for _, test := range []struct {
			r    accounts.SendRequest
			want error
		}{
			{accounts.SendRequest{Channel: delivery.SMS, To: afghan}, engine.ErrCountry},
			{accounts.SendRequest{Channel: delivery.SMS, To: landline}, engine.ErrNumberType},
			{accounts.SendRequest{Channel: delivery.SMS, To: "+1"}, engine.ErrAddress},
			{accounts.SendRequest{Channel: "pigeon", To: phone}, engine.ErrRequest},
			{accounts.SendRequest{To: phone}, engine.ErrRequest},
			{accounts.SendRequest{Channel: delivery.SMS, To: phone, Locale: "tlh"}, engine.ErrRequest},
			{accounts.SendRequest{Channel: delivery.SMS, To: phone, Lifetime: time.Hour}, engine.ErrRequest},
			{accounts.SendRequest{Channel: delivery.SMS, To: phone, Lifetime: -1}, engine.ErrRequest},
			{accounts.SendRequest{Channel: delivery.SMS, To: phone, Pending: true, UserID: "ext-1"}, engine.ErrRequest},
		} {
			if err := send(test.r); !errors.Is(err, test.want) {
				t.Errorf("%s(%+v): %v, want %v", name, test.r, err, test.want)
			}
		}
	}
	if err := send["LoginOrCreate"](accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: "ext-1"}); !errors.Is(err, engine.ErrRequest) {
		t.Errorf("LoginOrCreate with a UserID: %v", err)
	}
	if err := send["LoginOrCreate"](accounts.SendRequest{Channel: delivery.SMS, To: phone, Session: sessions.Credential{Token: "x"}}); !errors.Is(err, engine.ErrRequest) {
		t.Errorf("LoginOrCreate with a Session: %v", err)
	}
	if err := send["Send"](accounts.SendRequest{Channel: delivery.SMS, To: phone, Pending: true}); !errors.Is(err, engine.ErrRequest) {
		t.Errorf("Send with Pending: %v", err)
	}
	b.wantUntouched(t)
}

func TestSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	ada, err := b.Create(ctx, accounts.NewUser{Phone: phone, Email: email, ExternalID: "ext-ada"})
	if err != nil {
		t.Fatal(err)
	}
	bob, err := b.Create(ctx, accounts.NewUser{Phone: otherPhone})
	if err != nil {
		t.Fatal(err)
	}
	verified := b.addVerified(t)
	for _, test := range []struct {
		name string
		r    accounts.SendRequest
		want error // nil: Ada's method
		id   string
	}{
		{"by number", accounts.SendRequest{Channel: delivery.SMS, To: phone}, nil, ada.Phones[0].ID},
		{"by WhatsApp", accounts.SendRequest{Channel: delivery.WhatsApp, To: phone}, nil, ada.Phones[0].ID},
		{"by e-mail", accounts.SendRequest{Channel: delivery.Email, To: "ADA@example.com"}, nil, ada.Emails[0].ID},
		{"with user id", accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: ada.ID}, nil, ada.Phones[0].ID},
		{"with external id", accounts.SendRequest{Channel: delivery.Email, To: email, UserID: "ext-ada"}, nil, ada.Emails[0].ID},
		{"nobody's number", accounts.SendRequest{Channel: delivery.SMS, To: "+12025550199"}, accounts.ErrMethodNotFound, ""},
		{"nobody's e-mail", accounts.SendRequest{Channel: delivery.Email, To: otherEmail}, accounts.ErrMethodNotFound, ""},
		{"somebody else's", accounts.SendRequest{Channel: delivery.SMS, To: otherPhone, UserID: verified}, store.ErrTaken, ""},
		{"nobody's, for a user who waits", accounts.SendRequest{Channel: delivery.Email, To: otherEmail, UserID: bob.ID}, accounts.ErrUnverified, ""},
		{"without sessions", accounts.SendRequest{Channel: delivery.SMS, To: phone, Session: sessions.Credential{Token: "x"}}, engine.ErrRequest, ""},
		{"user id and session", accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: ada.ID, Session: sessions.Credential{JWT: "x"}}, engine.ErrRequest, ""},
		{"unknown user", accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: "ext-eve"}, accounts.ErrUserNotFound, ""},
		{"hostile user", accounts.SendRequest{Channel: delivery.SMS, To: phone, UserID: "\x00"}, accounts.ErrUserNotFound, ""},
	} {
		b.forget()
		sent, err := b.Send(ctx, test.r)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want == nil {
			if sent.UserID != ada.ID || sent.MethodID != test.id || sent.Created || sent.Challenge.ID == "" || b.sent.Load() != 1 {
				t.Errorf("%s: %+v", test.name, sent)
			}
			continue
		}
		if !isZero(sent) {
			t.Errorf("%s: %+v", test.name, sent)
		}
		if calls := b.store.trace(); len(calls) > 0 || b.sent.Load() > 0 {
			t.Errorf("%s: %d messages, store calls %q", test.name, b.sent.Load(), calls)
		}
	}
	if n := len(b.users(t)); n != 3 {
		t.Errorf("%d users", n)
	}
}

// A refused send names the new user, once.
func TestRefusedSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := accounts.SendRequest{Channel: delivery.SMS, To: enginetest.Rejected}
	first, err := b.LoginOrCreate(t.Context(), r)
	if !errors.Is(err, engine.ErrDelivery) || !errors.Is(err, delivery.ErrRejected) {
		t.Fatal(err)
	}
	if !first.Created || !isZero(first.Challenge) {
		t.Errorf("sent %+v", first)
	}
	if user := b.user(t, first.UserID); user.Phones[0].ID != first.MethodID || user.Phones[0].Verified {
		t.Errorf("user %+v", user)
	}
	for range 4 {
		b.LoginOrCreate(t.Context(), r)
	}
	for name, send := range map[string]func() (accounts.Sent, error){
		"LoginOrCreate": func() (accounts.Sent, error) { return b.LoginOrCreate(t.Context(), r) },
		"Send":          func() (accounts.Sent, error) { return b.Send(t.Context(), r) },
	} {
		sent, err := send()
		if !errors.Is(err, engine.ErrLimited) || !reflect.DeepEqual(sent, accounts.Sent{UserID: first.UserID, MethodID: first.MethodID}) {
			t.Errorf("%s over budget: %+v, %v", name, sent, err)
		}
	}
}

func TestPendingIsForNewUsers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	active := b.login(t, delivery.SMS, phone)
	sent, err := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone, Pending: true})
	if err != nil || sent.UserID != active.UserID {
		t.Fatal(sent, err)
	}
	if user := b.user(t, active.UserID); user.Status != store.Active {
		t.Errorf("an active user became %s", user.Status)
	}
	r := accounts.SendRequest{Channel: delivery.Email, To: email, Pending: true}
	pending, err := b.LoginOrCreate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Pending = false
	if _, err := b.LoginOrCreate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if user := b.user(t, pending.UserID); user.Status != store.Pending {
		t.Errorf("a pending user became %s by a send", user.Status)
	}
}
