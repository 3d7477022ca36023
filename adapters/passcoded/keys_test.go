package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
)

func TestNewKeys(t *testing.T) {
	t.Parallel()
	a, b := testKeys(t), testKeys(t)
	secrets := [][]byte{a.Index, b.Index, a.Ring[0].Key, b.Ring[0].Key, a.SealRing[0].Key, b.SealRing[0].Key, a.Signing[0].Key, b.Signing[0].Key}
	for i, secret := range secrets {
		for j := range i {
			if bytes.Equal(secret, secrets[j]) {
				t.Errorf("secrets %d and %d are the same", i, j)
			}
		}
	}
	if a.ProjectID == b.ProjectID || a.Secret == b.Secret || a.Signing[0].ID == b.Signing[0].ID {
		t.Error("ids are not new")
	}
	if len(a.Index) != engine.MinSecret || a.credentials().live() || a.credentials().check() != nil {
		t.Errorf("bad keys: %+v", a.credentials().check())
	}
	var again keysFile
	if err := again.decode(marshal(t, a)); err != nil {
		t.Error(err)
	}
	wantSame(t, again, a)
}

func testKeys(t testing.TB) keysFile {
	t.Helper()
	keys, err := newKeys(time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func marshal(t testing.TB, keys keysFile) []byte {
	t.Helper()
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantSame compares keys without printing them.
func wantSame(t *testing.T, got, want keysFile) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Error("the keys are others")
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	sound := testKeys(t)
	sound.Ring = append([]ringKey{{ID: 7, Created: sound.Ring[0].Created, Key: random()}}, sound.Ring...)
	sound.SealRing = append([]ringKey{{ID: 9, Created: sound.Ring[0].Created, Key: random()}}, sound.SealRing...)
	sound.Signing = append(testKeys(t).Signing, sound.Signing...)
	content := func(change func(*keysFile)) []byte {
		k := sound
		k.Ring, k.SealRing, k.Signing = slices.Clone(k.Ring), slices.Clone(k.SealRing), slices.Clone(k.Signing)
		change(&k)
		return marshal(t, k)
	}
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	_, elliptic, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := content(func(*keysFile) {})
	for name, c := range map[string]struct {
		content []byte
		perm    os.FileMode
		want    string // "": no error
	}{
		"sound":          {whole, 0o600, ""},
		"read only":      {whole, 0o400, ""},
		"group reads":    {whole, 0o640, "permissions are 0640"},
		"others read":    {whole, 0o604, "permissions are 0604"},
		"others write":   {whole, 0o602, "permissions are 0602"},
		"empty":          {nil, 0o600, "damaged"},
		"cut":            {whole[:len(whole)-9], 0o600, "damaged"},
		"more after it":  {append(whole[:len(whole):len(whole)], "{}"...), 0o600, "damaged"},
		"other JSON":     {[]byte(`{"name": "x"}`), 0o600, "version 0"},
		"newer":          {content(func(k *keysFile) { k.Version = 3 }), 0o600, "version 3"},
		"negative":       {content(func(k *keysFile) { k.Version = -1 }), 0o600, "version -1"},
		"older, new key": {content(func(k *keysFile) { k.Version, k.SealRing = 1, nil }), 0o600, "need version 2"},
		"older, sealing": {content(func(k *keysFile) { k.Version, k.Signing = 1, nil }), 0o600, "need version 2"},
		"unknown field":  {bytes.Replace(whole, []byte(`"ring"`), []byte(`"old":[],"ring"`), 1), 0o600, "unknown"},
		"field twice":    {bytes.Replace(whole, []byte(`"ring"`), []byte(`"ring":[{"id":5}],"ring"`), 1), 0o600, "twice"},
		"other case":     {bytes.Replace(whole, []byte(`"ring"`), []byte(`"Ring":[{"id":5}],"ring"`), 1), 0o600, "twice"},
		"id and id":      {bytes.Replace(whole, []byte(`"id":7`), []byte(`"id":5,"id":7`), 1), 0o600, "twice"},
		"not base64":     {bytes.Replace(whole, []byte(`"index_key":"`), []byte(`"index_key":"?`), 1), 0o600, "malformed"},
		"short index":    {content(func(k *keysFile) { k.Index = k.Index[1:] }), 0o600, "index_key has 31 bytes"},
		"no ring":        {content(func(k *keysFile) { k.Ring = nil }), 0o600, "ring is empty"},
		"short key":      {content(func(k *keysFile) { k.Ring[1].Key = k.Ring[1].Key[1:] }), 0o600, "key 1 of ring has 31 bytes"},
		"id twice":       {content(func(k *keysFile) { k.Ring[1].ID = 7 }), 0o600, "key 7 stands twice"},
		"index in ring":  {content(func(k *keysFile) { k.Ring[0].Key = k.Index }), 0o600, "used elsewhere"},
		"no seal ring":   {content(func(k *keysFile) { k.SealRing = nil }), 0o600, "seal_ring is empty"},
		"short seal key": {content(func(k *keysFile) { k.SealRing[0].Key = nil }), 0o600, "key 9 of seal_ring has 0 bytes"},
		"seal id twice":  {content(func(k *keysFile) { k.SealRing[0].ID = 1 }), 0o600, "key 1 stands twice in seal_ring"},
		"same ring":      {content(func(k *keysFile) { k.SealRing[1].Key = k.Ring[1].Key }), 0o600, "key 1 of seal_ring is used elsewhere"},
		"no signing":     {content(func(k *keysFile) { k.Signing = nil }), 0o600, "signing_keys is empty"},
		"no id":          {content(func(k *keysFile) { k.Signing[1].ID = "" }), 0o600, "entry 2 of signing_keys has an id"},
		"id of a line":   {content(func(k *keysFile) { k.Signing[1].ID = "a\nb" }), 0o600, "entry 2 of signing_keys has an id"},
		"long id":        {content(func(k *keysFile) { k.Signing[1].ID = strings.Repeat("x", 129) }), 0o600, "entry 2 of signing_keys has an id"},
		"same id":        {content(func(k *keysFile) { k.Signing[1].ID = k.Signing[0].ID }), 0o600, "entries 1 and 2 of signing_keys have the same id"},
		"same key":       {content(func(k *keysFile) { k.Signing[1].Key = k.Signing[0].Key }), 0o600, "entries 1 and 2 of signing_keys are the same key"},
		"cut key":        {content(func(k *keysFile) { k.Signing[0].Key = k.Signing[0].Key[:900] }), 0o600, "entry 1 of signing_keys is not an RSA key"},
		"no key":         {content(func(k *keysFile) { k.Signing[0].Key = nil }), 0o600, "entry 1 of signing_keys is not an RSA key"},
		"other kind":     {content(func(k *keysFile) { k.Signing[0].Key = pkcs8(elliptic) }), 0o600, "entry 1 of signing_keys is not an RSA key"},
		"weak key":       {content(func(k *keysFile) { k.Signing[0].Key = pkcs8(weakKey(t)) }), 0o600, "entry 1 of signing_keys has 1024 bits"},
		"no project":     {content(func(k *keysFile) { k.ProjectID = "" }), 0o600, "project id"},
		"bad project":    {content(func(k *keysFile) { k.ProjectID = "acme" }), 0o600, "project id"},
		"other's secret": {content(func(k *keysFile) { k.Secret = liveSecret }), 0o600, "secret-live-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "passcode.keys")
			write(t, path, c.content, c.perm)
			if c.want == "" {
				got, err := readKeys(path)
				if err != nil {
					t.Fatal(err)
				}
				wantSame(t, got, sound)
				for _, keys := range []struct {
					got   engine.Keys
					want  []ringKey
					first uint32
				}{{got.engine(), sound.Ring, 7}, {got.seal(), sound.SealRing, 9}} {
					ring := keys.got.Ring
					if len(ring) != 2 || ring[0].ID != keys.first || ring[1].ID != 1 || !bytes.Equal(ring[0].Secret, keys.want[0].Key) ||
						!bytes.Equal(ring[1].Secret, keys.want[1].Key) || !bytes.Equal(keys.got.Index.Secret, sound.Index) {
						t.Errorf("another ring than that of key %d", keys.first)
					}
				}
				signing, err := got.signing()
				if err != nil || len(signing) != 2 || signing[0].ID != sound.Signing[0].ID || !bytes.Equal(pkcs8(signing[1].Key), sound.Signing[1].Key) {
					t.Errorf("%d signing keys, %v", len(signing), err)
				}
				return
			}
			if runtime.GOOS == "windows" && c.perm != 0o600 {
				t.Skip("no such permissions")
			}
			line := fails(t, 1, nil, arguments(dir, nil)[:4]...)
			wantText(t, line, path, c.want)
			if strings.Contains(line, sound.Secret) {
				t.Errorf("%q has the secret", line)
			}
			wantNoKeys(t, line, sound)
			if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, c.content) {
				t.Errorf("the file was touched, or %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "passcode.db")); err == nil {
				t.Error("a database was made")
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "passcode.keys"), 0o700); err != nil {
			t.Fatal(err)
		}
		wantText(t, fails(t, 1, nil, arguments(dir, nil)[:4]...), "passcode.keys is not a file")
	})
}

// TestNewKeyInRing changes the key of the codes as the manual says: a code
// that the old key signed is accepted still.
func TestNewKeyInRing(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	code := p.code(t)
	p.cancel()
	p.end(t)

	path := filepath.Join(p.dir, "passcode.keys")
	keys, err := readKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	keys.Ring = append([]ringKey{{ID: 2, Created: time.Now(), Key: random()}}, keys.Ring...)
	write(t, path, marshal(t, keys), 0o600)
	p = launch(t, p.dir, nil)
	p.authenticate(t, 200, sent.PhoneID, code)
}

// wantNoKeys fails if a text has any of the keys, in whole or in part.
func wantNoKeys(t *testing.T, text string, keys keysFile) {
	t.Helper()
	secrets := [][]byte{keys.Index}
	for _, key := range slices.Concat(keys.Ring, keys.SealRing) {
		secrets = append(secrets, key.Key)
	}
	for _, key := range keys.Signing {
		secrets = append(secrets, key.Key)
	}
	signing, err := keys.signing()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range signing {
		secrets = append(secrets, key.Key.D.Bytes(), key.Key.Primes[0].Bytes(), key.Key.Primes[1].Bytes())
	}
	for i, secret := range secrets {
		secret = secret[len(secret)/3 : len(secret)/3+12] // enough to tell, wherever it was cut
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
		} {
			if strings.Contains(text, form) {
				t.Errorf("secret %d is printed", i)
			}
		}
	}
	// The file's own base64, which need not begin where a part of it does.
	for _, secret := range secrets[:1+len(keys.Ring)+len(keys.SealRing)+len(keys.Signing)] {
		if part := base64.StdEncoding.EncodeToString(secret)[20:40]; strings.Contains(text, part) {
			t.Errorf("a part of the file is printed")
		}
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"a": 1, "b": [{"a": 2}, {"a": {"b": 3}}]}`: false,
		`[{"a": 1}, {"a": 2}]`:                       false,
		`"a"`:                                        false,
		`{"a": 1, "b": 2, "A": 3}`:                   true,
		`[{"b": {"a": 1, "a": 2}}]`:                  true,
		`{"b": [1, {"a": 1, "a": 2}]}`:               true,
	} {
		if got := repeats(json.NewDecoder(strings.NewReader(text))); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzKeys wants a keys file to be refused or to come back as it was.
func FuzzKeys(f *testing.F) {
	whole := marshal(f, testKeys(f))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, content []byte) {
		var keys keysFile
		if keys.decode(content) != nil {
			return
		}
		if keys.Version != 1 && keys.Version != keysVersion || len(keys.Ring) == 0 || keys.Version == keysVersion && len(keys.SealRing) == 0 {
			t.Fatal("not a keys file")
		}
		var again keysFile
		if err := again.decode(marshal(t, keys)); err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2][]byte{{again.Index, keys.Index}, {again.Ring[0].Key, keys.Ring[0].Key}} {
			if !bytes.Equal(pair[0], pair[1]) {
				t.Error("the keys are others")
			}
		}
		wantSame(t, again, keys)
	})
}
