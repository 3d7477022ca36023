package accounts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/store"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	roles := []string{"admin", "billing"}
	user, err := b.Create(t.Context(), accounts.NewUser{
		Phone: phone, Email: "Ada@Example.com",
		Name: store.Name{First: "Ada", Middle: "King", Last: "Lovelace"}, Pending: true, ExternalID: "auth0|ada.1_x-y",
		Trusted: json.RawMessage(` { "plan" : "pro" } `), Untrusted: json.RawMessage("null"), Roles: roles,
	})
	if err != nil {
		t.Fatal(err)
	}
	roles[0] = "changed"
	now := b.kit.Clock.Now()
	want := store.User{
		ID: user.ID, Status: store.Pending, Name: store.Name{First: "Ada", Middle: "King", Last: "Lovelace"},
		Phones:     []store.Method{{ID: user.Phones[0].ID, Address: phone, CreatedAt: now}},
		Emails:     []store.Method{{ID: user.Emails[0].ID, Address: email, CreatedAt: now}},
		ExternalID: "auth0|ada.1_x-y", Trusted: json.RawMessage(`{"plan":"pro"}`), Roles: []string{"admin", "billing"}, CreatedAt: now,
	}
	if !reflect.DeepEqual(user, want) || !reflect.DeepEqual(b.user(t, user.ID), want) {
		t.Errorf("created\n%+v, kept\n%+v, want\n%+v", user, b.user(t, user.ID), want)
	}
	if calls := b.store.trace(); len(calls) > 0 || b.sent.Load() > 0 {
		t.Errorf("%d messages, store calls %q", b.sent.Load(), calls)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, err := b.Create(t.Context(), accounts.NewUser{Email: email, ExternalID: "ext-ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), accounts.NewUser{Email: otherEmail}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ada.ID, "ext-ada"} {
		if user, err := b.User(t.Context(), id); err != nil || user.ID != ada.ID {
			t.Errorf("%s: %+v, %v", id, user, err)
		}
	}
	for _, id := range []string{accounts.UserID.New(false), "ext-bob", "EXT-ADA", email, ada.Emails[0].ID} {
		if _, err := b.User(t.Context(), id); !errors.Is(err, accounts.ErrUserNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	b.forget()
	for _, id := range []string{"", "\x00", "ext ada", "ext-ada\n", "äda", strings.Repeat("x", 129)} {
		if _, err := b.User(t.Context(), id); !errors.Is(err, accounts.ErrUserNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	b.wantUntouched(t)
}

func TestTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email, ExternalID: "ext-ada"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user accounts.NewUser
		want store.Index
	}{
		{accounts.NewUser{Phone: phone}, store.ByPhone},
		{accounts.NewUser{Phone: phone, Email: otherEmail}, store.ByPhone},
		{accounts.NewUser{Email: email}, store.ByEmail},
		{accounts.NewUser{Email: "ADA@EXAMPLE.COM", Phone: otherPhone}, store.ByEmail},
		{accounts.NewUser{Email: otherEmail, ExternalID: "ext-ada"}, store.ByExternalID},
	} {
		_, err := b.Create(t.Context(), test.user)
		var taken *store.TakenError
		if !errors.As(err, &taken) || taken.Index != test.want || taken.Owner != ada.ID || !errors.Is(err, store.ErrTaken) {
			t.Errorf("%+v: %v, want %s taken", test.user, err, test.want)
		}
	}
	for channel, to := range map[delivery.Channel]string{delivery.SMS: phone, delivery.WhatsApp: phone, delivery.Email: email} {
		if sent := b.login(t, channel, to); sent.UserID != ada.ID || sent.Created {
			t.Errorf("%s: %+v", channel, sent)
		}
	}
	if n := len(b.users(t)); n != 1 {
		t.Errorf("%d users", n)
	}
}

func TestCreateRace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var mu sync.Mutex
	var winners []store.User
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			user, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, ExternalID: fmt.Sprint("ext-", i)})
			var taken *store.TakenError
			switch {
			case err == nil:
				mu.Lock()
				winners = append(winners, user)
				mu.Unlock()
			case !errors.As(err, &taken) || taken.Index != store.ByPhone:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(winners) != 1 || len(b.users(t)) != 1 || b.users(t)[0].ID != winners[0].ID {
		t.Errorf("%d calls made %d users", len(winners), len(b.users(t)))
	}
}

func TestCreateRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	object := func(keys int) json.RawMessage {
		m := make(map[string]int)
		for i := range keys {
			m[fmt.Sprint("k", i)] = i
		}
		raw, _ := json.Marshal(m)
		return raw
	}
	sized := func(n int) json.RawMessage {
		return json.RawMessage(`{"k":"` + strings.Repeat("x", n-8) + `"}`)
	}
	long := strings.Repeat("x", 129)
	for _, test := range []struct {
		name  string
		user  accounts.NewUser
		field string
		want  error
	}{
		{"nothing", accounts.NewUser{Name: store.Name{First: "Ada"}}, "", accounts.ErrNoAddress},
		{"country", accounts.NewUser{Phone: afghan}, "", engine.ErrCountry},
		{"type", accounts.NewUser{Phone: landline}, "", engine.ErrNumberType},
		{"bad phone", accounts.NewUser{Phone: "+1", Email: email}, "", engine.ErrAddress},
		{"long e-mail", accounts.NewUser{Phone: phone, Email: strings.Repeat("a", 400) + "@example.com"}, "", engine.ErrAddress},
		{"bad e-mail", accounts.NewUser{Phone: phone, Email: "ada"}, "", engine.ErrAddress},
		{"external id, long", accounts.NewUser{ExternalID: long}, "external_id", accounts.ErrTooLarge},
		{"external id, space", accounts.NewUser{ExternalID: "a b"}, "external_id", accounts.ErrFormat},
		{"external id, slash", accounts.NewUser{ExternalID: "a/b"}, "external_id", accounts.ErrFormat},
		{"external id, not ASCII", accounts.NewUser{ExternalID: "ä"}, "external_id", accounts.ErrFormat},
		{"external id, not UTF-8", accounts.NewUser{ExternalID: "a\xff"}, "external_id", accounts.ErrFormat},
		{"external id, a user id", accounts.NewUser{ExternalID: accounts.UserID.New(false)}, "external_id", accounts.ErrFormat},
		{"external id, a live user id", accounts.NewUser{ExternalID: accounts.UserID.New(true)}, "external_id", accounts.ErrFormat},
		{"first name, long", accounts.NewUser{Name: store.Name{First: long}}, "name", accounts.ErrTooLarge},
		{"middle name, newline", accounts.NewUser{Name: store.Name{Middle: "a\nb"}}, "name", accounts.ErrFormat},
		{"last name, not UTF-8", accounts.NewUser{Name: store.Name{Last: "\xff"}}, "name", accounts.ErrFormat},
		{"name, bidi override", accounts.NewUser{Name: store.Name{Last: "a\u202eb"}}, "name", accounts.ErrFormat},
		{"role, empty", accounts.NewUser{Roles: []string{"a", ""}}, "roles", accounts.ErrFormat},
		{"role, long", accounts.NewUser{Roles: []string{long}}, "roles", accounts.ErrTooLarge},
		{"role, control", accounts.NewUser{Roles: []string{"a\x00"}}, "roles", accounts.ErrFormat},
		{"roles, 65", accounts.NewUser{Roles: strings.Split(strings.Repeat("a,", 64)+"a", ",")}, "roles", accounts.ErrTooLarge},
		{"trusted, 21 keys", accounts.NewUser{Trusted: object(21)}, "trusted_metadata", accounts.ErrTooManyKeys},
		{"trusted, 4097 bytes", accounts.NewUser{Trusted: sized(4097)}, "trusted_metadata", accounts.ErrTooLarge},
		{"trusted, list", accounts.NewUser{Trusted: json.RawMessage(`[1]`)}, "trusted_metadata", accounts.ErrFormat},
		{"untrusted, 21 keys", accounts.NewUser{Untrusted: object(21)}, "untrusted_metadata", accounts.ErrTooManyKeys},
		{"untrusted, 4097 bytes", accounts.NewUser{Untrusted: sized(4097)}, "untrusted_metadata", accounts.ErrTooLarge},
		{"untrusted, text", accounts.NewUser{Untrusted: json.RawMessage(`"a"`)}, "untrusted_metadata", accounts.ErrFormat},
		{"untrusted, cut", accounts.NewUser{Untrusted: json.RawMessage(`{"a":`)}, "untrusted_metadata", accounts.ErrFormat},
		{"untrusted, two", accounts.NewUser{Untrusted: json.RawMessage(`{}{}`)}, "untrusted_metadata", accounts.ErrFormat},
		{"untrusted, not UTF-8", accounts.NewUser{Untrusted: json.RawMessage("{\"a\":\"\xff\"}")}, "untrusted_metadata", accounts.ErrFormat},
	} {
		if test.field != "" {
			test.user.Phone = phone
		}
		user, err := b.Create(t.Context(), test.user)
		if !errors.Is(err, test.want) || user.ID != "" {
			t.Errorf("%s: %+v, %v; want %v", test.name, user, err, test.want)
		}
		var field *accounts.FieldError
		if errors.As(err, &field) != (test.field != "") || errors.Is(err, accounts.ErrField) != (test.field != "") {
			t.Errorf("%s: %v is or is not an ErrField", test.name, err)
		} else if field != nil && field.Field != test.field {
			t.Errorf("%s: field %q", test.name, field.Field)
		}
	}
	for channel, addresses := range hostile() {
		for _, to := range addresses {
			user := accounts.NewUser{Phone: to}
			if channel == delivery.Email {
				user = accounts.NewUser{Email: to}
			}
			if _, err := b.Create(t.Context(), user); err == nil {
				t.Errorf("%.40q accepted", to)
			}
		}
	}
	b.wantUntouched(t)

	for i, user := range []accounts.NewUser{
		{ExternalID: long[:128], Name: store.Name{First: long[:128]}, Roles: []string{long[:128]}},
		{Trusted: object(20), Untrusted: sized(4096)},
		{Trusted: json.RawMessage(`{}`), Untrusted: append(sized(4096), strings.Repeat(" ", 100)...)},
		{Name: store.Name{First: "Zoë", Last: "O’Neill 李"}, Roles: strings.Split(strings.Repeat("a,", 63)+"a", ",")},
	} {
		user.Email = fmt.Sprintf("ada%d@example.com", i)
		if _, err := b.Create(t.Context(), user); err != nil {
			t.Errorf("at the limits, %d: %v", i, err)
		}
	}
}

// TestChannelsOfAnEngine covers engines that lack channels.
func TestChannelsOfAnEngine(t *testing.T) {
	t.Parallel()
	only := func(channels ...delivery.Channel) func(*engine.Config) {
		return func(cfg *engine.Config) {
			all := cfg.Channels
			cfg.Channels = engine.Channels{}
			for _, channel := range channels {
				cfg.Channels[channel] = all[channel]
			}
		}
	}
	for _, test := range []struct {
		channels []delivery.Channel
		user     accounts.NewUser
		want     error
	}{
		{[]delivery.Channel{delivery.Email}, accounts.NewUser{Phone: phone}, engine.ErrRequest},
		{[]delivery.Channel{delivery.Email}, accounts.NewUser{Email: email}, nil},
		{[]delivery.Channel{delivery.SMS}, accounts.NewUser{Phone: phone, Email: email}, engine.ErrRequest},
		{[]delivery.Channel{delivery.SMS, delivery.WhatsApp}, accounts.NewUser{Phone: afghan}, engine.ErrCountry},
		{[]delivery.Channel{delivery.WhatsApp}, accounts.NewUser{Phone: afghan}, nil},
	} {
		b := newBench(t, only(test.channels...))
		if _, err := b.Create(t.Context(), test.user); !errors.Is(err, test.want) {
			t.Errorf("%q, %+v: %v, want %v", test.channels, test.user, err, test.want)
		}
	}

	// The number of a user from before the channel was taken away.
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	mailOnly := newAccounts(t, accounts.Config{Engine: newBench(t, only(delivery.Email)).kit.Engine, Directory: b.directory})
	if _, err := mailOnly.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: "123456"}); !errors.Is(err, engine.ErrRequest) {
		t.Error(err)
	}
}
