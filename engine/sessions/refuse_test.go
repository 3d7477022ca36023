package sessions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *sessions.Config) { c.MaxDuration = 30 * 24 * hour })
	g := b.grant(bySMS())
	for d, want := range map[time.Duration]error{
		5*time.Minute - 1: sessions.ErrDuration, 5 * time.Minute: nil, 30 * 24 * hour: nil, 30*24*hour + 1: sessions.ErrTooLong,
		sessions.MaxDuration: sessions.ErrTooLong, sessions.MaxDuration + 1: sessions.ErrDuration, -hour: sessions.ErrDuration,
	} {
		fresh := bySMS()
		fresh.Duration = d
		if _, err := b.Grant(t.Context(), fresh); !errors.Is(err, want) {
			t.Errorf("Grant of %v: %v, want %v", d, err, want)
		}
		if err := b.CheckGrant(t.Context(), fresh); !errors.Is(err, want) {
			t.Errorf("CheckGrant of %v: %v, want %v", d, err, want)
		}
		r := sessions.Request{Credential: token(g), Duration: d}
		if _, err := b.Authenticate(t.Context(), r); !errors.Is(err, want) {
			t.Errorf("Authenticate for %v: %v, want %v", d, err, want)
		}
	}
	none := bySMS()
	none.Duration = 0
	if _, err := b.Grant(t.Context(), none); !errors.Is(err, sessions.ErrDuration) {
		t.Errorf("a new session without a duration: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	good := g.Token.Reveal()
	other := newBench(t, func(c *sessions.Config) { c.Keys = testKeys('x') }).grant(bySMS()).Token.Reveal()
	for what, test := range map[string]struct {
		c    sessions.Credential
		want error
	}{
		"none":           {sessions.Credential{}, sessions.ErrCredential},
		"both":           {sessions.Credential{Token: good, JWT: b.jwt(g.Session)}, sessions.ErrCredential},
		"short":          {sessions.Credential{Token: good[1:]}, sessions.ErrToken},
		"long":           {sessions.Credential{Token: good + "A"}, sessions.ErrToken},
		"padded":         {sessions.Credential{Token: good[:55] + "="}, sessions.ErrToken},
		"other alphabet": {sessions.Credential{Token: "+" + good[1:]}, sessions.ErrToken},
		"line end":       {sessions.Credential{Token: good[:28] + "\n" + good[28:55]}, sessions.ErrToken},
		"megabyte":       {sessions.Credential{Token: strings.Repeat("A", 1<<20)}, sessions.ErrToken},
		"of other keys":  {sessions.Credential{Token: other}, sessions.ErrNotFound},
		"guessed secret": {sessions.Credential{Token: good[:14] + strings.Repeat("A", 42)}, sessions.ErrNotFound},
		"other record":   {sessions.Credential{Token: strings.Repeat("A", 14) + good[14:]}, sessions.ErrNotFound},
		"one bit is off": {sessions.Credential{Token: good[:55] + flip(good[55])}, sessions.ErrNotFound},
		"JWT is no JWT":  {sessions.Credential{JWT: good}, sessions.ErrJWT},
		"token is a JWT": {sessions.Credential{Token: b.jwt(g.Session)}, sessions.ErrToken},
		"JWT of a kilo":  {sessions.Credential{JWT: strings.Repeat("a.", 1<<10)}, sessions.ErrJWT},
		"NUL":            {sessions.Credential{Token: "\x00" + good[1:]}, sessions.ErrToken},
	} {
		b.authenticate(test.c, test.want)
		if s, err := b.Lookup(t.Context(), test.c); !errors.Is(err, test.want) || s.ID != "" {
			t.Errorf("%s: Lookup: %v", what, err)
		}
		if err := b.Revoke(t.Context(), test.c); !errors.Is(err, test.want) {
			t.Errorf("%s: Revoke: %v", what, err)
		}
		if what != "none" { // which begins a session
			if err := b.CheckGrant(t.Context(), byEmail(test.c)); !errors.Is(err, test.want) {
				t.Errorf("%s: CheckGrant: %v", what, err)
			}
		}
	}
	b.authenticate(token(g), nil)
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// A grant of unreasonable size is refused, whatever part it is.
func TestUnreasonableGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for what, spoil := range map[string]func(*sessions.Grant){
		"no user":         func(g *sessions.Grant) { g.UserID = "" },
		"long user":       func(g *sessions.Grant) { g.UserID = strings.Repeat("u", 257) },
		"no method":       func(g *sessions.Grant) { g.Factor.Method = "" },
		"unknown method":  func(g *sessions.Grant) { g.Factor.Method = "fax" },
		"no factor id":    func(g *sessions.Grant) { g.Factor.ID = "" },
		"long factor id":  func(g *sessions.Grant) { g.Factor.ID = strings.Repeat("i", 257) },
		"long address":    func(g *sessions.Grant) { g.Factor.Address = strings.Repeat("a", 321) },
		"long IP":         func(g *sessions.Grant) { g.Attributes.IPAddress = strings.Repeat("1", 65) },
		"long user agent": func(g *sessions.Grant) { g.Attributes.UserAgent = strings.Repeat("a", 1025) },
		"not UTF-8":       func(g *sessions.Grant) { g.Attributes.UserAgent = "\xff" },
		"many roles":      func(g *sessions.Grant) { g.Roles = make([]string, 65) },
		"long role":       func(g *sessions.Grant) { g.Roles = []string{strings.Repeat("r", 129)} },
	} {
		g := bySMS()
		spoil(&g)
		if _, err := b.Grant(t.Context(), g); !errors.Is(err, sessions.ErrFull) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(b.list(user)); n != 0 {
		t.Errorf("%d sessions began", n)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := newBench(t).config
	for what, spoil := range map[string]func(*sessions.Config){
		"no store":      func(c *sessions.Config) { c.Store = nil },
		"no keys":       func(c *sessions.Config) { c.Keys = engine.Keys{} },
		"no project":    func(c *sessions.Config) { c.ProjectID = "" },
		"long tenant":   func(c *sessions.Config) { c.Tenant = strings.Repeat("t", 129) },
		"short maximum": func(c *sessions.Config) { c.MaxDuration = time.Minute },
		"long maximum":  func(c *sessions.Config) { c.MaxDuration = sessions.MaxDuration + 1 },
		"short idle":    func(c *sessions.Config) { c.Idle = time.Second },
		"negative idle": func(c *sessions.Config) { c.Idle = -hour },
		"negative max":  func(c *sessions.Config) { c.MaxPerUser = -1 },
		"large max":     func(c *sessions.Config) { c.MaxPerUser = 101 },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := sessions.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "sessions: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	bare := good
	bare.Signing, bare.ProjectID, bare.Now = nil, "", nil
	s, err := sessions.New(bare)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Grant(t.Context(), bySMS())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.JWT(g.Session); !errors.Is(err, sessions.ErrNoKeys) || len(s.JWKS()) != 0 {
		t.Errorf("without signing keys: %v, %v", err, s.JWKS())
	}
	if err := s.SetKeys(good.Keys, good.Signing); err == nil {
		t.Error("signing keys without a project were taken")
	}
}
