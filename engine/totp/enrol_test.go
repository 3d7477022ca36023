package totp_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/pquerna/otp"
)

const uuidForm = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

func TestEnrolment(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		b := newBench(t, func(c *totp.Config) { c.Live = live })
		env := "test"
		if live {
			env = "live"
		}
		e := b.enrol(ada)
		for _, tc := range []struct{ what, got, form string }{
			{"id", e.ID, "totp-" + env + "-" + uuidForm},
			{"secret", e.Secret.Reveal(), "[A-Z2-7]{32}"},
		} {
			if !regexp.MustCompile("^" + tc.form + "$").MatchString(tc.got) {
				t.Errorf("%s: %s", tc.what, tc.got)
			}
		}
		if len(e.RecoveryCodes) != totp.RecoveryCodes || totp.RecoveryCodes != 10 {
			t.Errorf("%d recovery codes", len(e.RecoveryCodes))
		}
		for _, code := range e.RecoveryCodes {
			if !regexp.MustCompile("^[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}$").MatchString(code.Reveal()) {
				t.Errorf("recovery code: %s", code.Reveal())
			}
		}
		proof, _ := b.verify(ada, b.code(e, 0), nil)
		if proof != (totp.Proof{ID: e.ID, Enrolled: true, At: start}) {
			t.Errorf("%+v", proof)
		}
		proof, _ = b.recover(ada, e.RecoveryCodes[9].Reveal(), nil)
		if want := regexp.MustCompile("^totp-recovery-code-" + env + "-[0-9a-f]{8}-[0-9a-f]{4}-8"); !want.MatchString(proof.Recovery) {
			t.Errorf("%+v", proof)
		}
	}
}

// The URI reads back whatever the names hold, by the library and as a URI.
func TestKeyURI(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Example", "Acme Corp", "A&B", "A+B", "A=B", "100%", "%3A", "a/b", "//", "../x", "who?", "#1", "a;b", `"'<>\`,
		"ada+login@example.com", "Ünïcode – 東京", "🔑", "X&secret=AAAA&issuer=Eve", " spaced ",
		strings.Repeat("ü", 32),
	} {
		b := newBench(t, func(c *totp.Config) { c.Issuer = name })
		account := name
		if len(name) == 64 {
			account = strings.Repeat("€", 106) // as long as may be
		}
		e, err := b.Apps.Enrol(t.Context(), totp.Request{UserID: ada, Account: account})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		uri := e.URI.Reveal()
		key, err := otp.NewKeyFromURL(uri)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if key.Type() != "totp" || key.Issuer() != name || key.AccountName() != account || key.Secret() != e.Secret.Reveal() ||
			key.Algorithm() != otp.AlgorithmSHA1 || key.Digits() != otp.DigitsSix || key.Period() != 30 {
			t.Errorf("%q reads back from %s", name, uri)
		}
		u, err := url.ParseRequestURI(uri)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		query, err := url.ParseQuery(u.RawQuery)
		if err != nil || len(query) != 5 || query.Get("issuer") != name || query.Get("secret") != e.Secret.Reveal() {
			t.Errorf("%q: query %v, %v", name, query, err)
		}
		for parameter, values := range query {
			if len(values) != 1 {
				t.Errorf("%q: %s stands %d times", name, parameter, len(values))
			}
		}
		// For readers that split before they decode, or take + for a space.
		label := strings.TrimPrefix(strings.Split(uri, "?")[0], "otpauth://totp/")
		if strings.Count(label, ":") != 1 || strings.ContainsAny(label, "/+& ") || strings.Contains(u.RawQuery, "+") {
			t.Errorf("%q stands in %s", name, uri)
		}
		if _, err := e.QRCode(); err != nil {
			t.Errorf("%q: QRCode: %v", name, err)
		}
	}
}

func TestEnrolRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tc := range []struct {
		name string
		r    totp.Request
		want error
	}{
		{"least", totp.Request{UserID: "u"}, nil},
		{"no user", totp.Request{Account: "ada"}, engine.ErrRequest},
		{"longest user", totp.Request{UserID: strings.Repeat("u", 256)}, nil},
		{"long user", totp.Request{UserID: strings.Repeat("u", 257), Account: "ada"}, engine.ErrRequest},
		{"a megabyte of user", totp.Request{UserID: strings.Repeat("u", 1<<20), Account: "ada"}, engine.ErrRequest},
		{"binary user with an account", totp.Request{UserID: "\x00\xff:", Account: "ada"}, nil},
		{"binary user", totp.Request{UserID: "\x00\xff"}, engine.ErrRequest},
		{"user with a colon", totp.Request{UserID: "a:b"}, engine.ErrRequest},
		{"longest account", totp.Request{UserID: "u", Account: strings.Repeat("a", 320)}, nil},
		{"long account", totp.Request{UserID: "u", Account: strings.Repeat("a", 321)}, engine.ErrRequest},
		{"a megabyte of account", totp.Request{UserID: "u", Account: strings.Repeat("a", 1<<20)}, engine.ErrRequest},
		{"account with a colon", totp.Request{UserID: "u", Account: "a:b"}, engine.ErrRequest},
		{"account with NUL", totp.Request{UserID: "u", Account: "a\x00"}, engine.ErrRequest},
		{"account with a line break", totp.Request{UserID: "u", Account: "a\r\nb"}, engine.ErrRequest},
		{"account not UTF-8", totp.Request{UserID: "u", Account: "\xc3\x28"}, engine.ErrRequest},
		{"shortest window", totp.Request{UserID: "u", Window: totp.MinWindow}, nil},
		{"short window", totp.Request{UserID: "u", Window: totp.MinWindow - 1}, engine.ErrRequest},
		{"longest window", totp.Request{UserID: "u", Window: totp.MaxWindow}, nil},
		{"long window", totp.Request{UserID: "u", Window: totp.MaxWindow + 1}, engine.ErrRequest},
		{"negative window", totp.Request{UserID: "u", Window: -time.Hour}, engine.ErrRequest},
	} {
		e, err := b.Apps.Enrol(t.Context(), tc.r)
		b.check(tc.name, err, tc.want)
		if (e.ID == "") != (err != nil) {
			t.Errorf("%s: %v with %v", tc.name, e, err)
		}
	}
}

// Ids that Enrol refuses have no app, and cost no look into the store.
func TestHostileUserIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *totp.Config) { c.Store = nobody{} })
	for _, id := range []string{"", strings.Repeat("u", 257), strings.Repeat("\x00", 1<<20)} {
		b.verify(id, "123456", totp.ErrNone)
		b.recover(id, wrongRecovery, totp.ErrNone)
		b.status(id, totp.ErrNone)
		b.remove(id, "totp-test-00000000-0000-4000-8000-000000000000")
		b.unlock(id)
	}
	for _, id := range []string{"", "totp-test-", "totp-live-00000000-0000-4000-8000-000000000000", "totp-test-00000000-0000-4000-8000-00000000000X", strings.Repeat("x", 1<<20)} {
		b.remove(ada, id)
	}
	// Neither does what can be no code.
	b.verify(ada, "12345", engine.ErrFormat)
	b.verify(ada, "a1b2-c3d4-e5f6", totp.ErrRecoveryCode)
	b.recover(ada, "123456", totp.ErrAppCode)
	b.recover(ada, "a1b2", engine.ErrFormat)
}
