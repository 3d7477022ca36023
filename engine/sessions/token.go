package sessions

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/seal"
	"github.com/passcode-go/passcode/internal/uuid"
)

// A name is a keyed digest of tenant and user: where the user's record is. It
// stands in every token and session id, so that these lead to the record
// without a search.
type name [10]byte

// secretSize is in bytes: 256 bits, more than any standard asks (OWASP ASVS
// 7.2.3: 128).
const secretSize = 32

// tokenLen is the length of a token: name and secret in base64url.
const tokenLen = (len(name{}) + secretSize) * 4 / 3

func nameOf(ring *seal.Ring, tenant, userID string) (n name) {
	full := ring.Name(tenant, userID)
	copy(n[:], full[:])
	return n
}

// key returns the store's key of a record. The tenant stands in it besides, so
// that a token of another tenant leads nowhere.
func (k *keySet) key(n name) string {
	b := make([]byte, 0, 32)
	b = append(b, "s."...)
	b = base64.RawURLEncoding.AppendEncode(b, n[:])
	b = append(b, '.')
	return string(append(b, k.tenant...))
}

// newToken returns a token of a record and what is kept of it.
func newToken(n name) (delivery.Secret, digest) {
	var b [len(n) + secretSize]byte
	copy(b[:], n[:])
	rand.Read(b[len(n):])
	return delivery.NewSecret(base64.RawURLEncoding.EncodeToString(b[:])), digestOf(b[len(n):])
}

// parseToken returns the record of a token and what is kept of it. A token has
// one spelling.
func parseToken(token string) (n name, d digest, ok bool) {
	var b [len(n) + secretSize]byte
	if len(token) != tokenLen {
		return n, d, false
	}
	// The decoder would skip line ends; then the length is not that of b.
	if size, err := base64.RawURLEncoding.Decode(b[:], []byte(token)); err != nil || size != len(b) {
		return n, d, false
	}
	copy(n[:], b[:])
	return n, digestOf(b[len(n):]), true
}

// digestOf hashes a secret. It has 256 random bits, so that nothing slower is
// needed.
func digestOf(secret []byte) digest {
	var b [1 + secretSize]byte
	b[0] = 't'
	copy(b[1:], secret)
	return sha256.Sum256(b[:])
}

// has reports whether a token is one of the entry's.
func (e *entry) has(d *digest) bool {
	found := 0
	for tokens := e.tokens; len(tokens) > 0; tokens = tokens[len(d):] {
		found |= subtle.ConstantTimeCompare(tokens[:len(d)], d[:])
	}
	return found == 1
}

// newID returns the UUID of a new session: of version 8 (RFC 9562 §5.8), made
// of the record's name and 42 random bits. A user has few sessions, and an id
// is no secret.
func newID(n name) (b [16]byte) {
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x80 // version
	b[8] = b[8]&0x3f | 0x80 // variant
	copy(b[0:6], n[0:6])
	b[7] = n[6]
	copy(b[9:12], n[7:10])
	return b
}

// nameIn returns the record of a session.
func nameIn(id [16]byte) (n name) {
	copy(n[0:6], id[0:6])
	n[6] = id[7]
	copy(n[7:10], id[9:12])
	return n
}

func (s *Sessions) sessionID(id [16]byte) string {
	return prefix("session", s.live) + uuid.Format(id)
}

func (s *Sessions) parseID(id string) (b [16]byte, ok bool) {
	rest, ok := strings.CutPrefix(id, prefix("session", s.live))
	if !ok {
		return b, false
	}
	return uuid.Parse(rest)
}
