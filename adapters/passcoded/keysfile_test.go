package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
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
	for range 4 { // each makes eight RSA keys
		dir := t.TempDir()
		db := filepath.Join(dir, "passcode.db")
		var got [8]keysFile
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				var err error
				if got[i], err = openKeys(db, keysPath(db)); err != nil {
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
		again, err := openKeys(db, keysPath(db))
		if err != nil || !reflect.DeepEqual(again, got[0]) {
			t.Errorf("a later start has other keys, or %v", err)
		}
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

// TestComplete starts on the keys of an earlier release: what is in them
// stays, and what was made with them is good.
func TestComplete(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil)
	sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	code := p.code(t)
	p.cancel()
	p.end(t)
	path := filepath.Join(p.dir, "passcode.keys")
	before, err := readKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	before.Version, before.SealRing, before.Signing = 1, nil, nil
	if text := marshal(t, before); bytes.Contains(text, []byte("seal")) || bytes.Contains(text, []byte("signing")) {
		t.Fatal("not what an earlier release wrote")
	}
	write(t, path, marshal(t, before), 0o600)

	p = launch(t, p.dir, nil)
	wantText(t, p.stderr.String(), "keys file was completed", path)
	after, err := readKeys(path)
	if err != nil || after.Version != 2 || len(after.SealRing) != 1 || len(after.Signing) != 1 {
		t.Fatalf("version %d, %v", after.Version, err)
	}
	wantNoKeys(t, p.stdout.String()+p.stderr.String(), after)
	old := after
	old.Version, old.SealRing, old.Signing = 1, nil, nil
	wantSame(t, old, before)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, err := filepath.Glob(filepath.Join(p.dir, "*")); err != nil || len(files) != 3 {
		t.Errorf("files %q, %v", files, err)
	}
	p.authenticate(t, 200, sent.PhoneID, code)
	auth := p.login(t)

	// A start that does not get the database leaves the keys alone: the server
	// that runs goes on with those that it read.
	write(t, path, marshal(t, before), 0o600)
	wantText(t, fails(t, 1, nil, arguments(p.dir, nil)[:4]...), "in use by another process")
	left, err := readKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, left, before)

	// Complete ones stay as they are.
	write(t, path, marshal(t, after), 0o600)
	again, err := completeKeys(path, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, again, after)
	p = p.restart(t)
	if strings.Contains(p.stderr.String(), "completed") {
		t.Error("completed once more")
	}
	p.post(t, 200, "/v1/sessions/authenticate", `{"session_token": "`+auth.SessionToken+`"}`)
}

func TestCompleteReadOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("nothing is read-only here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "passcode.keys")
	keys := testKeys(t)
	keys.Version, keys.SealRing, keys.Signing = 1, nil, nil
	write(t, path, marshal(t, keys), 0o600)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	_, err := completeKeys(path, time.Now())
	if err == nil {
		t.Fatal("completed in a directory that is read-only")
	}
	wantText(t, err.Error(), "complete the keys", "permission denied")
}
