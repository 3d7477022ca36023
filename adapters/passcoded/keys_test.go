package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine"
)

func TestKeysPath(t *testing.T) {
	t.Parallel()
	for db, want := range map[string]string{
		"passcode.db": "passcode.keys", "/var/lib/x.y/data": "/var/lib/x.y/data.keys", "a.b.db": "a.b.keys", ".db": ".keys",
	} {
		if got := keysPath(db); got != want {
			t.Errorf("keysPath(%q) = %q, want %q", db, got, want)
		}
	}
}

// TestKeysOnce lets many start at once, each of which makes the database when
// it has the keys: all must get the same keys, and no file may be left over.
func TestKeysOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := t.TempDir()
		db := filepath.Join(dir, "passcode.db")
		var got [8]keysFile
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				var err error
				if got[i], err = openKeys(db); err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(db, nil, 0o600); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range got {
			if !reflect.DeepEqual(got[i], got[0]) {
				t.Errorf("start %d has other keys", i)
			}
		}
		if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) != 2 {
			t.Errorf("files %q, %v", names, err)
		}
		again, err := openKeys(db)
		if err != nil || !reflect.DeepEqual(again, got[0]) {
			t.Errorf("a later start has other keys, or %v", err)
		}
	}
}

func TestNewKeys(t *testing.T) {
	t.Parallel()
	a, b := newKeys(time.Now()), newKeys(time.Now())
	if bytes.Equal(a.Index, b.Index) || bytes.Equal(a.Ring[0].Key, b.Ring[0].Key) || bytes.Equal(a.Index, a.Ring[0].Key) ||
		a.ProjectID == b.ProjectID || a.Secret == b.Secret {
		t.Error("keys are not new")
	}
	if len(a.Index) != engine.MinSecret || a.credentials().live() || a.credentials().check() != nil {
		t.Errorf("bad keys: %+v", a.credentials().check())
	}
}

func TestLostKeys(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	p.cancel()
	p.end(t)
	keys := filepath.Join(p.dir, "passcode.keys")
	if err := os.Rename(keys, keys+".away"); err != nil {
		t.Fatal(err)
	}
	line := fails(t, 1, nil, arguments(p.dir, nil)[:4]...)
	wantText(t, line, "passcode.db is there", "passcode.keys, are not")
	if _, err := os.Stat(keys); err == nil {
		t.Error("new keys were made")
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	sound := newKeys(now)
	sound.Ring = append([]ringKey{{ID: 7, Created: now, Key: random()}}, sound.Ring...)
	content := func(change func(*keysFile)) []byte {
		k := sound
		k.Ring = append([]ringKey(nil), sound.Ring...)
		change(&k)
		text, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		return text
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
		"newer":          {content(func(k *keysFile) { k.Version = 2 }), 0o600, "version 2"},
		"unknown field":  {bytes.Replace(whole, []byte(`"ring"`), []byte(`"old":[],"ring"`), 1), 0o600, "unknown"},
		"not base64":     {bytes.Replace(whole, []byte(`"index_key":"`), []byte(`"index_key":"?`), 1), 0o600, "malformed"},
		"short index":    {content(func(k *keysFile) { k.Index = k.Index[1:] }), 0o600, "index_key has 31 bytes"},
		"no ring":        {content(func(k *keysFile) { k.Ring = nil }), 0o600, "ring is empty"},
		"short key":      {content(func(k *keysFile) { k.Ring[1].Key = k.Ring[1].Key[1:] }), 0o600, "key 1 of the ring has 31 bytes"},
		"id twice":       {content(func(k *keysFile) { k.Ring[1].ID = 7 }), 0o600, "key 7 stands twice"},
		"index in ring":  {content(func(k *keysFile) { k.Ring[0].Key = k.Index }), 0o600, "is the index key"},
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
				if err != nil || !reflect.DeepEqual(got, sound) {
					t.Errorf("read %v, %v", got.Version, err)
				}
				if ring := got.engine().Ring; len(ring) != 2 || ring[0].ID != 7 || ring[1].ID != 1 {
					t.Errorf("the engine's ring is %v", ring)
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

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("nothing is read-only here")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	wantText(t, fails(t, 1, nil, arguments(dir, nil)[:4]...), "make keys", "permission denied")
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
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, text, 0o600)
	p = launch(t, p.dir, nil)
	p.authenticate(t, 200, sent.PhoneID, code)
}
