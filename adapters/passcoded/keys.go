package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

// keysVersion is the version of the keys file that this program writes. It
// also reads version 1, which has neither seal_ring nor signing_keys, and
// completes it.
const keysVersion = 2

// A keysFile is the content of the keys file. All lists have the newest first.
type keysFile struct {
	Version   int          `json:"version"`
	Index     []byte       `json:"index_key"`
	Ring      []ringKey    `json:"ring"` // for codes
	SealRing  []ringKey    `json:"seal_ring,omitempty"`
	Signing   []signingKey `json:"signing_keys,omitempty"`
	ProjectID string       `json:"project_id"`
	Secret    string       `json:"secret"`
}

type ringKey struct {
	ID      uint32    `json:"id"`
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"`
}

type signingKey struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"` // PKCS #8 in DER
}

func newKeys(now time.Time) (keysFile, error) {
	keys := keysFile{
		Version:   1,
		Index:     random(),
		Ring:      []ringKey{newRingKey(now)},
		ProjectID: accounts.ProjectID.New(false),
		Secret:    "secret-test-" + base64.RawURLEncoding.EncodeToString(random()),
	}
	return keys, keys.complete(now)
}

// complete makes a file of version 1 one of this version.
func (k *keysFile) complete(now time.Time) error {
	key, err := newSigningKey(now, k.credentials().live())
	if err != nil {
		return err
	}
	k.Version = keysVersion
	k.SealRing = []ringKey{newRingKey(now)}
	k.Signing = []signingKey{key}
	return nil
}

func newRingKey(now time.Time) ringKey {
	return ringKey{ID: 1, Created: now.UTC().Truncate(time.Second), Key: random()}
}

func newSigningKey(now time.Time, live bool) (signingKey, error) {
	key, err := sessions.NewSigningKey(live)
	if err != nil {
		return signingKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Key)
	return signingKey{ID: key.ID, Created: now.UTC().Truncate(time.Second), Key: der}, err
}

func random() []byte {
	b := make([]byte, engine.MinSecret)
	rand.Read(b)
	return b
}

// decode reads and checks the content of a keys file. Its error repeats no
// secret.
func (k *keysFile) decode(content []byte) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(content, &head) != nil {
		return errors.New("not a keys file, or damaged")
	}
	if head.Version < 1 || head.Version > keysVersion {
		return fmt.Errorf("a keys file of version %d: this program reads up to version %d", head.Version, keysVersion)
	}
	if repeats(json.NewDecoder(bytes.NewReader(content))) {
		return errors.New("a keys file with a field that stands twice")
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil {
		return errors.New("a keys file with a field that is unknown or malformed")
	}
	if k.Version == 1 && (k.SealRing != nil || k.Signing != nil) {
		return errors.New("a keys file of version 1 with seal_ring or signing_keys: those need version 2")
	}
	if len(k.Index) < engine.MinSecret {
		return fmt.Errorf("index_key has %d bytes, fewer than %d", len(k.Index), engine.MinSecret)
	}
	used := [][]byte{k.Index}
	if err := checkRing("ring", k.Ring, &used); err != nil {
		return err
	}
	if k.Version > 1 {
		if err := checkRing("seal_ring", k.SealRing, &used); err != nil {
			return err
		}
		if _, err := k.signing(); err != nil {
			return err
		}
	}
	return k.credentials().check()
}

// repeats reports whether an object in a valid JSON text has a name twice: the
// decoder would make one of the two, in which an entry pasted in by hand could
// get half of another.
func repeats(d *json.Decoder) bool {
	token, _ := d.Token()
	opening, nested := token.(json.Delim)
	if !nested {
		return false
	}
	var names []string
	for d.More() {
		if opening == '{' {
			token, _ := d.Token()
			name, _ := token.(string)
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) { // as the decoder compares
				return true
			}
			names = append(names, name)
		}
		if repeats(d) {
			return true
		}
	}
	_, _ = d.Token() // the end
	return false
}

// checkRing checks a ring. Used are the keys that no ring may have, to which
// it adds this one's: a key that does two things can be changed for neither.
func checkRing(name string, ring []ringKey, used *[][]byte) error {
	if len(ring) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	seen := make(map[uint32]bool)
	for _, key := range ring {
		switch {
		case len(key.Key) < engine.MinSecret:
			return fmt.Errorf("key %d of %s has %d bytes, fewer than %d", key.ID, name, len(key.Key), engine.MinSecret)
		case seen[key.ID]:
			return fmt.Errorf("key %d stands twice in %s", key.ID, name)
		case slices.ContainsFunc(*used, func(k []byte) bool { return bytes.Equal(k, key.Key) }):
			return fmt.Errorf("key %d of %s is used elsewhere in the file too", key.ID, name)
		}
		seen[key.ID] = true
		*used = append(*used, key.Key)
	}
	return nil
}

func (k *keysFile) credentials() credentials { return credentials{k.ProjectID, k.Secret} }

// engine returns the keys as the engine takes them.
func (k *keysFile) engine() engine.Keys { return engineKeys(k.Index, k.Ring) }

// seal returns the keys as sessions and authenticator apps take them.
func (k *keysFile) seal() engine.Keys { return engineKeys(k.Index, k.SealRing) }

func engineKeys(index []byte, ring []ringKey) engine.Keys {
	keys := engine.Keys{Index: engine.Key{Secret: index}}
	for _, key := range ring {
		keys.Ring = append(keys.Ring, engine.Key{ID: key.ID, Secret: key.Key})
	}
	return keys
}

// minModulus is the least length of an RSA modulus, in bits.
const minModulus = 2048

// signing checks the signing keys and returns them as sessions take them.
func (k *keysFile) signing() ([]sessions.SigningKey, error) {
	if len(k.Signing) == 0 {
		return nil, errors.New("signing_keys is empty")
	}
	var keys []sessions.SigningKey
	for i, key := range k.Signing {
		parsed, err := x509.ParsePKCS8PrivateKey(key.Key)
		private, ok := parsed.(*rsa.PrivateKey)
		switch {
		case key.ID == "" || len(key.ID) > 128 || strings.ContainsFunc(key.ID, func(r rune) bool { return r < '!' || r > '~' }):
			return nil, fmt.Errorf("entry %d of signing_keys has an id that is not 1 to 128 visible characters of ASCII", i+1)
		case err != nil || !ok:
			return nil, fmt.Errorf("entry %d of signing_keys is not an RSA key in PKCS #8", i+1)
		case private.N.BitLen() < minModulus:
			return nil, fmt.Errorf("entry %d of signing_keys has %d bits, fewer than %d", i+1, private.N.BitLen(), minModulus)
		}
		for j, other := range keys {
			if other.ID == key.ID {
				return nil, fmt.Errorf("entries %d and %d of signing_keys have the same id", j+1, i+1)
			}
			if other.Key.N.Cmp(private.N) == 0 {
				return nil, fmt.Errorf("entries %d and %d of signing_keys are the same key", j+1, i+1)
			}
		}
		keys = append(keys, sessions.SigningKey{ID: key.ID, Key: private})
	}
	return keys, nil
}
