package accounts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/store/memstore"
)

func TestNew(t *testing.T) {
	t.Parallel()
	kit, users := enginetest.New(t), memstore.NewDirectory()
	long := strings.Repeat("x", 129)
	for _, test := range []struct {
		cfg  accounts.Config
		want string // in the error; "" for none
	}{
		{accounts.Config{Directory: users}, "Engine"},
		{accounts.Config{Engine: kit.Engine}, "Directory"},
		{accounts.Config{Engine: kit.Engine, Directory: users, Tenant: long}, "Tenant"},
		{accounts.Config{Engine: kit.Engine, Directory: users, Purpose: long}, "Purpose"},
		{accounts.Config{Engine: kit.Engine, Directory: users, Tenant: long[1:], Purpose: long[1:]}, ""},
	} {
		a, err := accounts.New(test.cfg)
		if (err == nil) != (test.want == "") || (err == nil) != (a != nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
		if a == nil {
			continue
		}
		if _, err := a.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: delivery.SMS, To: phone}); err != nil {
			t.Errorf("accepted, but cannot send: %v", err)
		}
	}
}

// Tenant and purpose reach the engine: a code is good for both of its own
// only, and the default purpose is "login".
func TestTenantAndPurpose(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sent := b.login(t, delivery.SMS, phone)
	want, err := b.kit.Engine.Subject(engine.Request{Channel: delivery.SMS, To: phone, Purpose: "login"})
	if err != nil || sent.Challenge.Subject != want {
		t.Errorf("subject %s, want %s, %v", sent.Challenge.Subject, want, err)
	}
	for _, cfg := range []accounts.Config{{Tenant: "acme"}, {Purpose: "payment"}} {
		cfg.Engine, cfg.Directory = b.kit.Engine, b.directory
		if _, err := newAccounts(t, cfg).Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: b.kit.Code(phone)}); !errors.Is(err, engine.ErrUsed) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		b := newBench(t)
		a := newAccounts(t, accounts.Config{Engine: b.kit.Engine, Directory: b.directory, Live: live})
		user, err := a.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email})
		if err != nil {
			t.Fatal(err)
		}
		if !accounts.UserID.Match(user.ID, live) || !accounts.PhoneID.Match(user.Phones[0].ID, live) || !accounts.EmailID.Match(user.Emails[0].ID, live) {
			t.Errorf("live %v: %+v", live, user)
		}
	}
}

var idForm = regexp.MustCompile(`^(user|phone-number|email|request-id|project)-(live|test)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

var kinds = []accounts.IDKind{accounts.UserID, accounts.PhoneID, accounts.EmailID, accounts.RequestID, accounts.ProjectID}

func TestIDs(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	var varied [36]map[byte]bool // the characters seen at each place of the UUID
	var differ [36][36]bool      // whether two places were ever seen to differ
	for i := range varied {
		varied[i] = make(map[byte]bool)
	}
	for _, kind := range kinds {
		for _, live := range []bool{false, true} {
			for range 500 {
				id := kind.New(live)
				if !idForm.MatchString(id) || seen[id] {
					t.Fatalf("%s: malformed, or not the first", id)
				}
				seen[id] = true
				for _, other := range kinds {
					if other.Match(id, live) != (other == kind) || other.Match(id, !live) {
						t.Fatalf("%s matches as %s", id, other)
					}
				}
				uuid := id[len(id)-36:]
				for i := range uuid {
					varied[i][uuid[i]] = true
					for j := range i {
						differ[i][j] = differ[i][j] || uuid[i] != uuid[j]
					}
				}
			}
		}
	}
	for i, chars := range varied {
		want := 16
		switch i {
		case 8, 13, 14, 18, 23:
			want = 1
		case 19:
			want = 4
		}
		if len(chars) != want {
			t.Errorf("place %d of the UUID takes %d values, want %d", i, len(chars), want)
		}
		for j := range i {
			if want > 1 && !differ[i][j] {
				t.Errorf("places %d and %d of the UUID are always the same", j, i)
			}
		}
	}
}

// anyIDForm is idForm with a UUID of any version.
var anyIDForm = regexp.MustCompile(`\A(user|phone-number|email|request-id|project)-(test|live)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\z`)

func FuzzMatch(f *testing.F) {
	id := accounts.UserID.New(false)
	for _, seed := range []string{"", id, id + "\n", id + "0", strings.ToUpper(id), accounts.PhoneID.New(true), "user-test-", "user-test-00000000-0000-1000-8000-000000000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		matches := 0
		for _, kind := range kinds {
			for _, live := range []bool{false, true} {
				if kind.Match(id, live) {
					matches++
				}
			}
		}
		if want := anyIDForm.MatchString(id); matches > 1 || (matches == 1) != want {
			t.Errorf("%q matches %d times; well formed: %v", id, matches, want)
		}
	})
}

// TestErrorsHoldNoAddress has a directory that repeats whatever it was asked
// for, as databases do, and looks for it in everything that is returned.
func TestErrorsHoldNoAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Create(t.Context(), accounts.NewUser{Phone: phone, Email: email}); err != nil {
		t.Fatal(err)
	}
	sent := b.login(t, delivery.SMS, phone)
	code := b.kit.Code(phone)
	var errs []error
	collect := func() {
		for channel, to := range map[delivery.Channel]string{delivery.SMS: phone, delivery.WhatsApp: otherPhone, delivery.Email: otherEmail} {
			_, err1 := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: channel, To: to})
			_, err2 := b.Send(t.Context(), accounts.SendRequest{Channel: channel, To: to})
			_, err3 := b.Send(t.Context(), accounts.SendRequest{Channel: channel, To: to, UserID: email})
			_, err4 := b.LoginOrCreate(t.Context(), accounts.SendRequest{Channel: channel, To: to + "x@"})
			errs = append(errs, err1, err2, err3, err4)
		}
		_, err1 := b.Create(t.Context(), accounts.NewUser{Phone: phone, Email: otherEmail})
		_, err2 := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, Email: email})
		_, err3 := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, Email: strings.ToUpper(otherEmail)})
		_, err4 := b.Create(t.Context(), accounts.NewUser{Phone: otherPhone, ExternalID: email})
		_, err5 := b.User(t.Context(), email)
		_, err6 := b.User(t.Context(), phone)
		_, err7 := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: phone, Code: code})
		_, err8 := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: wrong(code)})
		errs = append(errs, err1, err2, err3, err4, err5, err6, err7, err8)
	}
	echo := func(call, value string) error {
		return fmt.Errorf("duplicate key: (%s)=(%s), (%s)", call, value, strings.ToUpper(value))
	}
	b.directory.before = echo
	collect()
	b.directory.before = func(call, value string) error {
		if call == "create" {
			return echo(call, value)
		}
		return nil
	}
	collect()
	b.directory.before = func(call, value string) error {
		if call == "update" {
			return fmt.Errorf("%s of %s failed: phone %s, e-mail %s", call, value, phone, email)
		}
		return nil
	}
	_, err := b.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sent.MethodID, Code: code})
	errs = append(errs, err)
	collect()
	b.directory.before = nil
	b.directory.after = echo
	collect()

	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	failures := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		failures++
		fmt.Fprintf(&log, "%v %+v %#v %q %x\n", err, err, err, err, err)
		logger.Info("failed", "err", err)
		data, _ := json.Marshal(err)
		log.Write(append(data, '\n'))
	}
	if failures < 50 {
		t.Errorf("only %d errors to look at", failures)
	}
	for _, line := range strings.Split(log.String(), "\n") {
		for _, secret := range []string{phone, otherPhone, email, otherEmail, code} {
			for _, form := range []string{secret, strings.TrimPrefix(secret, "+"), fmt.Sprintf("%x", secret)} {
				if strings.Contains(strings.ToLower(line), form) {
					t.Errorf("%s in %s", form, line)
				}
			}
		}
	}
}
