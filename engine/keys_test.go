package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine"
)

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	set := func(ring ...engine.Key) {
		t.Helper()
		if err := b.Engine.SetKeys(engine.Keys{Index: testKey(0, 'i'), Ring: ring}); err != nil {
			t.Fatal(err)
		}
	}
	one, two := testKey(1, 'a'), testKey(2, 'b')
	old, code := b.start(someone)
	set(two, one)
	b.verify(old.ID, code, nil)

	set(one)
	old, code = b.start(someone)
	set(two)
	b.verify(old.ID, code, engine.ErrUsed)
	set(one)
	b.verify(old.ID, code, nil)

	// The same id with another secret is another key.
	old, code = b.start(someone)
	set(testKey(1, 'x'))
	b.verify(old.ID, code, engine.ErrWrong)
}

func TestSetKeysRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	challenge, code := b.start(someone)
	good := testKey(1, 'a')
	for name, keys := range map[string]engine.Keys{
		"another index key": {Index: testKey(0, 'j'), Ring: []engine.Key{good}},
		"empty ring":        {Index: testKey(0, 'i')},
		"short secret":      {Index: testKey(0, 'i'), Ring: []engine.Key{{ID: 1, Secret: make([]byte, 31)}}},
		"short index":       {Index: engine.Key{Secret: make([]byte, 31)}, Ring: []engine.Key{good}},
		"id twice":          {Index: testKey(0, 'i'), Ring: []engine.Key{good, testKey(1, 'b')}},
		"index in the ring": {Index: testKey(0, 'i'), Ring: []engine.Key{testKey(1, 'i')}},
	} {
		if err := b.Engine.SetKeys(keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b.verify(challenge.ID, code, nil)
}

func TestNewKeepsNoSecretOfTheCaller(t *testing.T) {
	t.Parallel()
	b, other := newBench(t), newBench(t)
	clear(b.Config.Keys.Ring[0].Secret)
	clear(b.Config.Keys.Index.Secret)
	mine, err := b.Engine.Subject(someone)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, _ := other.Engine.Subject(someone); mine != theirs {
		t.Error("the index key changed")
	}
	challenge, code := b.start(someone)
	if err := b.Engine.SetKeys(other.Config.Keys); err != nil {
		t.Fatal(err)
	}
	b.verify(challenge.ID, code, nil)
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	keys := engine.Keys{Index: testKey(0, 'i'), Ring: []engine.Key{testKey(7, 'S')}}
	encoded, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	printed := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		printed += fmt.Sprintf(verb, keys) + fmt.Sprintf(verb, &keys) + fmt.Sprintf(verb, keys.Ring[0])
	}
	for _, secret := range []string{"SSSS", "5353", "83 83", "iiii", "0x53", "U1NT"} {
		if strings.Contains(printed, secret) {
			t.Errorf("the secret is printed as %s: %s", secret, printed)
		}
	}
	if !bytes.Contains(encoded, []byte("key 7")) {
		t.Errorf("the id is not printed: %s", encoded)
	}
}
