package accounts_test

import (
	"errors"
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
