package sessions

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/internal/uuid"
)

// A SigningKey signs JWTs. It does not print its secret.
type SigningKey struct {
	ID  string          // "kid": 1 to 128 bytes of visible ASCII, unique, and never to be given to another key
	Key *rsa.PrivateKey // RSA of 2048 bits or more
}

// keyBits is the size of new keys, and the least of any (NIST SP 800-131A).
const keyBits = 2048

// NewSigningKey makes a key: RSA of 2048 bits, with an id of the form
// "jwk-test-" or "jwk-live-" and a UUID. It takes a moment.
func NewSigningKey(live bool) (SigningKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return SigningKey{}, fmt.Errorf("sessions: %w", err)
	}
	return SigningKey{ID: prefix("jwk", live) + uuid.New(), Key: key}, nil
}

func prefix(kind string, live bool) string {
	if live {
		return kind + "-live-"
	}
	return kind + "-test-"
}

// Format prints the key's id whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "signing key %s [redacted]", k.ID) }

// MarshalText returns what Format prints; encoding/json calls it too.
func (k SigningKey) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", k), nil }

// A JWK is the public half of a signing key, as JSON (RFC 7517). The members
// that this package does not fill are there for clients that want them.
type JWK struct {
	KeyType string   `json:"kty"`
	Use     string   `json:"use"`
	KeyOps  []string `json:"key_ops"`
	Alg     string   `json:"alg"`
	KeyID   string   `json:"kid"`
	N       string   `json:"n"`
	E       string   `json:"e"`
	X5C     []string `json:"x5c"`
	X5TS256 string   `json:"x5tS256"`
}

// JWKS returns the public halves of the signing keys, the newest first. Serve
// them without asking for credentials: who checks JWTs has none.
func (s *Sessions) JWKS() []JWK {
	list := []JWK{}
	for _, k := range s.keys.Load().signing {
		list = append(list, JWK{
			KeyType: "RSA",
			Use:     "sig",
			KeyOps:  []string{"verify"},
			Alg:     "RS256",
			KeyID:   k.id,
			N:       base64.RawURLEncoding.EncodeToString(k.public.N.Bytes()),
			E:       base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.public.E)).Bytes()),
			X5C:     []string{},
		})
	}
	return list
}

// A keySet is all keys, ready for use. It does not change.
type keySet struct {
	ring    *seal.Ring
	tenant  string // what stands for the tenant in the store's keys
	signing []signingKey
}

type signingKey struct {
	id     string
	signer jose.Signer
	public *rsa.PublicKey
}

// SetKeys replaces keys while the program runs: new ones at the front, or old
// ones gone. The index key cannot change. On error the old keys stay.
func (s *Sessions) SetKeys(keys engine.Keys, signing []SigningKey) error {
	ring, err := seal.NewRing(keys, "sessions")
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	old := s.keys.Load()
	if old != nil && !old.ring.SameNames(ring) {
		return errors.New("sessions: the index key cannot change while the program runs")
	}
	if len(signing) > 0 && s.project == "" {
		return errors.New("sessions: there are signing keys and no Config.ProjectID")
	}
	set := &keySet{ring: ring, tenant: seal.Text(ring.Name(s.tenant))[:8]}
	seen := make(map[string]bool)
	for _, k := range signing {
		switch {
		case !plain(k.ID, 128):
			return errors.New("sessions: the id of a signing key is empty, too long, or not visible ASCII")
		case seen[k.ID]:
			return fmt.Errorf("sessions: signing key %s stands twice", k.ID)
		case k.Key == nil || k.Key.N == nil:
			return fmt.Errorf("sessions: signing key %s has no key", k.ID)
		case k.Key.N.BitLen() < keyBits:
			return fmt.Errorf("sessions: signing key %s has %d bits, fewer than %d", k.ID, k.Key.N.BitLen(), keyBits)
		}
		if err := k.Key.Validate(); err != nil {
			return fmt.Errorf("sessions: signing key %s is damaged", k.ID)
		}
		seen[k.ID] = true
		signer, err := jose.NewSigner(
			jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.Key, KeyID: k.ID}},
			(&jose.SignerOptions{}).WithType("JWT"))
		if err != nil {
			return fmt.Errorf("sessions: signing key %s: %w", k.ID, err)
		}
		set.signing = append(set.signing, signingKey{k.ID, signer, &k.Key.PublicKey})
	}
	s.keys.Store(set)
	return nil
}

// plain reports whether s has 1 to n bytes, all of them visible ASCII.
func plain(s string, n int) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= n
}
