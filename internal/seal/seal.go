// Package seal keeps what has to be read again: it encrypts values before they
// go to a store, and names the records they stand in. A [Ring] is made from the
// same kind of keys as the engine's, and gives every purpose keys of its own.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/passcode-go/passcode/engine"
)

// ErrOpen is returned for a value that was not sealed by a key of the ring for
// this purpose and context.
var ErrOpen = errors.New("seal: cannot be opened")

// A Ring names and seals. It does not change and is safe for concurrent use.
type Ring struct {
	index []byte
	keys  []key // the newest first
}

type key struct {
	id   uint32
	aead cipher.AEAD
}

// Overhead is how many bytes a sealed value is longer than what it holds: the
// key's id, a nonce of 12 bytes and a tag of 16.
const Overhead = 4 + 12 + 16

// NewRing returns the ring of a purpose, which is a constant of the program.
// Another purpose has other names, and cannot open what this one sealed.
func NewRing(keys engine.Keys, purpose string) (*Ring, error) {
	if len(keys.Index.Secret) < engine.MinSecret {
		return nil, fmt.Errorf("Keys.Index has %d bytes, fewer than %d", len(keys.Index.Secret), engine.MinSecret)
	}
	if len(keys.Ring) == 0 {
		return nil, errors.New("Keys.Ring is empty")
	}
	r := &Ring{index: derive(keys.Index.Secret, "passcode index 1 "+purpose)}
	seen := make(map[uint32]bool)
	for _, k := range keys.Ring {
		switch {
		case len(k.Secret) < engine.MinSecret:
			return nil, fmt.Errorf("key %d has %d bytes, fewer than %d", k.ID, len(k.Secret), engine.MinSecret)
		case seen[k.ID]:
			return nil, fmt.Errorf("key id %d stands twice in the ring", k.ID)
		}
		seen[k.ID] = true
		block, err := aes.NewCipher(derive(k.Secret, "passcode seal 1 "+purpose))
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, key{k.ID, aead})
	}
	return r, nil
}

// derive returns a key of 32 bytes for one use of a secret. The secret is
// random already, so one HMAC is enough (RFC 5869 §3.3).
func derive(secret []byte, use string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(use))
	return m.Sum(nil)
}

// NameSize is how many bytes Name fills: 2^64 names until two are likely to
// meet.
const NameSize = 16

// Name returns the keyed digest of the parts: the same for the same parts, and
// telling nothing about them. Each part is preceded by its length, so that no
// two lists give the same input.
func (r *Ring) Name(parts ...string) (name [NameSize]byte) {
	m := hmac.New(sha256.New, r.index)
	for _, part := range parts {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		m.Write([]byte(part))
	}
	copy(name[:], m.Sum(nil))
	return name
}

// Text returns a name as 22 characters of base64url, fit for a store's key.
func Text(name [NameSize]byte) string { return base64.RawURLEncoding.EncodeToString(name[:]) }

// SameNames reports whether two rings name alike.
func (r *Ring) SameNames(other *Ring) bool { return hmac.Equal(r.index, other.index) }

// Seal appends the sealed plain to dst. Only the same context opens it again:
// say there what the value belongs to, so that nobody who can write to the
// store can move it elsewhere. The newest key seals. One key seals 2^32 values
// at the most (NIST SP 800-38D §8.3).
func (r *Ring) Seal(dst, plain, context []byte) []byte {
	k := r.keys[0]
	return k.aead.Seal(binary.BigEndian.AppendUint32(dst, k.id), nil, plain, context)
}

// Open appends what was sealed to dst. Errors: ErrOpen.
func (r *Ring) Open(dst, sealed, context []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrOpen
	}
	id := binary.BigEndian.Uint32(sealed)
	for _, k := range r.keys {
		if k.id == id {
			plain, err := k.aead.Open(dst, nil, sealed[4:], context)
			if err != nil {
				return nil, ErrOpen
			}
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// Has reports whether the key that sealed a value is in the ring.
func (r *Ring) Has(sealed []byte) bool {
	if len(sealed) < Overhead {
		return false
	}
	id := binary.BigEndian.Uint32(sealed)
	for _, k := range r.keys {
		if k.id == id {
			return true
		}
	}
	return false
}

// Newest reports whether sealed was sealed by the newest key.
func (r *Ring) Newest(sealed []byte) bool {
	return len(sealed) >= 4 && binary.BigEndian.Uint32(sealed) == r.keys[0].id
}
