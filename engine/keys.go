package engine

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/passcode-go/passcode/delivery"
)

// Keys are the secrets of an engine. They come from the host and are never
// kept in the store: who steals the store without them learns neither codes
// nor addresses.
type Keys struct {
	// Index turns addresses into the names of their records. It stays the
	// same for the life of the data: with another one every address starts
	// anew, its wrong guesses forgotten.
	Index Key

	// Ring are the keys of the codes, the newest first. The first one signs
	// new codes, all of them verify. Taking a key out kills the codes that it
	// signed; since no code lives longer than 10 minutes, a key that has not
	// signed for so long can go without anybody noticing.
	Ring []Key
}

// A Key is one secret with the id under which records remember it. It does
// not print its secret.
type Key struct {
	ID     uint32 // unique in the ring; never to be given to another secret
	Secret []byte // at least 32 random bytes
}

// MinSecret is the least number of bytes in a key's secret.
const MinSecret = 32

// Format prints the key's id whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key %d [redacted]", k.ID) }

// MarshalText returns what Format prints; encoding/json calls it too.
func (k Key) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", k), nil }

// RandomKeys returns new keys: an index key, and a ring of one key with id 1.
// A program makes them once, keeps them outside the store, and gives them to
// New at every start; with other keys no address is known and no code valid.
func RandomKeys() Keys {
	secret := func() []byte {
		b := make([]byte, MinSecret)
		rand.Read(b)
		return b
	}
	return Keys{Index: Key{Secret: secret()}, Ring: []Key{{ID: 1, Secret: secret()}}}
}

// Sizes in bytes. A MAC cut to half of its hash is the least that RFC 2104 §5
// advises.
const (
	subjectSize = 16
	macSize     = 16
)

// A keySet is a ring made ready for use. It does not change.
type keySet struct {
	index *sync.Pool // of *mac
	ring  []ringKey
}

type ringKey struct {
	id   uint32
	pool *sync.Pool // of *mac
}

// A mac is a keyed hash with room to work in: Reset restores the keyed state,
// which costs a third of building it.
type mac struct {
	hash hash.Hash
	in   []byte
	out  []byte
}

func newMACPool(secret []byte) *sync.Pool {
	secret = append([]byte(nil), secret...)
	return &sync.Pool{New: func() any {
		return &mac{hmac.New(sha256.New, secret), make([]byte, 0, sha256.BlockSize), make([]byte, 0, sha256.Size)}
	}}
}

// sum computes the MAC over m.in into m.out.
func (m *mac) sum() {
	m.hash.Reset()
	m.hash.Write(m.in)
	m.out = m.hash.Sum(m.out[:0])
}

func newKeySet(keys Keys) (*keySet, error) {
	if len(keys.Ring) == 0 {
		return nil, errors.New("passcode: Keys.Ring is empty")
	}
	seen := make(map[uint32]bool)
	set := &keySet{index: newMACPool(keys.Index.Secret)}
	if len(keys.Index.Secret) < MinSecret {
		return nil, fmt.Errorf("passcode: Keys.Index has %d bytes, fewer than %d", len(keys.Index.Secret), MinSecret)
	}
	for _, key := range keys.Ring {
		if len(key.Secret) < MinSecret {
			return nil, fmt.Errorf("passcode: key %d has %d bytes, fewer than %d", key.ID, len(key.Secret), MinSecret)
		}
		if seen[key.ID] {
			return nil, fmt.Errorf("passcode: key id %d stands twice in the ring", key.ID)
		}
		if hmac.Equal(key.Secret, keys.Index.Secret) {
			return nil, fmt.Errorf("passcode: key %d is the index key", key.ID)
		}
		seen[key.ID] = true
		set.ring = append(set.ring, ringKey{key.ID, newMACPool(key.Secret)})
	}
	return set, nil
}

// subjectTag separates this use of the index key from any other, and its
// version from later ones.
const subjectTag = "passcode subject 1"

// subject returns the name of the record of an address: 22 characters of
// base64url. Every part is preceded by its length, so that no two lists of
// parts give the same input.
func (s *keySet) subject(tenant, purpose string, class delivery.Class, address string) string {
	m := s.index.Get().(*mac)
	defer s.index.Put(m)
	m.in = m.in[:0]
	for _, part := range [...]string{subjectTag, tenant, purpose, string(class), address} {
		m.in = binary.BigEndian.AppendUint16(m.in, uint16(len(part)))
		m.in = append(m.in, part...)
	}
	m.sum()
	clear(m.in[:cap(m.in)]) // the address
	return base64.RawURLEncoding.EncodeToString(m.out[:subjectSize])
}

// codeTag and the channel make the first byte of the message of a code's MAC.
// With subject, nonce and the longest code it takes 55 bytes, which is all that
// fits into one block of SHA-256; a second one would cost a fifth more.
const codeTag = 0x10

// codeMAC writes into sum the MAC that binds a code to the subject it was
// sent to, the channel it went by, and its challenge. It reports whether the
// ring has the key.
func (s *keySet) codeMAC(sum *[macSize]byte, id uint32, channel byte, subject string, n *nonce, code string) bool {
	for i := range s.ring {
		if s.ring[i].id != id {
			continue
		}
		m := s.ring[i].pool.Get().(*mac)
		m.in = append(m.in[:0], codeTag|channel)
		m.in = append(m.in, subject...)
		m.in = append(m.in, n[:]...)
		m.in = append(m.in, code...)
		m.sum()
		copy(sum[:], m.out)
		clear(m.in) // the code
		s.ring[i].pool.Put(m)
		return true
	}
	return false
}
