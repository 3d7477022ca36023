package sessions_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
)

func TestSigningKeysRotate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	old := b.jwt(g.Session)
	if err := b.SetKeys(b.config.Keys, []sessions.SigningKey{secondKey(), firstKey()}); err != nil {
		t.Fatal(err)
	}
	list := b.JWKS()
	if len(list) != 2 || list[0].KeyID != secondKey().ID || list[1].KeyID != firstKey().ID {
		t.Errorf("%+v", list)
	}
	for _, k := range list {
		if k.KeyType != "RSA" || k.Use != "sig" || len(k.KeyOps) != 1 || k.KeyOps[0] != "verify" || k.Alg != "RS256" || k.E != "AQAB" || len(k.N) < 342 || k.X5C == nil {
			t.Errorf("%+v", k)
		}
	}
	young := b.jwt(g.Session)
	for _, jwt := range []string{old, young} {
		if _, err := b.CheckJWT(jwt); err != nil {
			t.Error(err)
		}
	}
	if err := b.SetKeys(b.config.Keys, []sessions.SigningKey{secondKey()}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CheckJWT(old); !errors.Is(err, sessions.ErrJWT) {
		t.Errorf("a JWT of a key that is gone: %v", err)
	}
	b.authenticate(sessions.Credential{JWT: old}, sessions.ErrJWT)
	b.authenticate(sessions.Credential{JWT: young}, nil)
	b.authenticate(token(g), nil)
}

func TestSealingKeysRotate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	old := b.config.Keys.Ring[0]
	young := engine.Key{ID: 2, Secret: testKeys('n').Index.Secret}
	set := func(ring ...engine.Key) {
		t.Helper()
		if err := b.SetKeys(engine.Keys{Index: b.config.Keys.Index, Ring: ring}, b.config.Signing); err != nil {
			t.Fatal(err)
		}
	}
	set(young, old)
	b.authenticate(token(g), nil)
	added := b.grant(byEmail(token(g))) // sealed by the new key from here on
	stale := func() sessions.Granted { set(old, young); defer set(young, old); return b.grant(bySMS()) }()
	set(young)
	b.authenticate(token(added), nil)
	b.authenticate(token(stale), sessions.ErrNotFound)
	if n := len(b.list(user)); n != 1 {
		t.Errorf("%d sessions", n)
	}
	set(old) // and with the wrong key only, none
	b.authenticate(token(added), sessions.ErrNotFound)
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := b.grant(bySMS())
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	damaged := *firstKey().Key
	damaged.D = secondKey().Key.D
	keys := b.config.Keys
	for what, set := range map[string]func() error{
		"another index key": func() error {
			return b.SetKeys(engine.Keys{Index: testKeys('z').Index, Ring: keys.Ring}, b.config.Signing)
		},
		"no ring":     func() error { return b.SetKeys(engine.Keys{Index: keys.Index}, b.config.Signing) },
		"1024 bits":   func() error { return b.SetKeys(keys, []sessions.SigningKey{{ID: "small", Key: small}}) },
		"no id":       func() error { return b.SetKeys(keys, []sessions.SigningKey{{Key: firstKey().Key}}) },
		"blank in id": func() error { return b.SetKeys(keys, []sessions.SigningKey{{ID: "a b", Key: firstKey().Key}}) },
		"nil":         func() error { return b.SetKeys(keys, []sessions.SigningKey{{ID: "nil"}}) },
		"twice":       func() error { return b.SetKeys(keys, []sessions.SigningKey{firstKey(), firstKey()}) },
		"damaged":     func() error { return b.SetKeys(keys, []sessions.SigningKey{{ID: "damaged", Key: &damaged}}) },
	} {
		if err := set(); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	b.authenticate(token(g), nil) // the old keys stayed
	if _, err := b.CheckJWT(b.jwt(g.Session)); err != nil {
		t.Error(err)
	}
}
