package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandOK runs the program for one of the changes of the keys file, and
// returns what it prints.
func commandOK(t *testing.T, dir string, args ...string) string {
	t.Helper()
	stdout, stderr := newOutput(), newOutput()
	args = append([]string{"-db", filepath.Join(dir, "passcode.db")}, args...)
	if status := run(t.Context(), args, lookup(nil), stdout, stderr); status != 0 || stderr.String() != "" {
		t.Fatalf("%q: exit status %d, stderr %q", args, status, stderr)
	}
	return stdout.String()
}

func signingKeys(t *testing.T, dir string) []signingKey {
	t.Helper()
	keys, err := readKeys(filepath.Join(dir, "passcode.keys"))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Signing
}

// keySet returns the ids of the keys that the server publishes.
func (p *program) keySet(t *testing.T) (ids []string) {
	t.Helper()
	resp, err := http.Get(p.url + "/v1/sessions/jwks/" + p.project.projectID)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

// kid returns which key signed a JWT.
func kid(t *testing.T, jwt string) string {
	t.Helper()
	head, _, _ := strings.Cut(jwt, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		ID string `json:"kid"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		t.Fatalf("no JWT: %v", err)
	}
	return header.ID
}

// login begins a session.
func (p *program) login(t *testing.T) reply {
	t.Helper()
	sent := p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
	auth := p.post(t, 200, "/v1/otps/authenticate", `{"method_id": "`+sent.PhoneID+`", "code": "`+p.code(t)+`", "session_duration_minutes": 60}`)
	if auth.SessionToken == "" || auth.SessionJWT == "" {
		t.Fatal("no session")
	}
	return auth
}

// restart ends a program that runs in the test's process and starts another
// on its files.
func (p *program) restart(t *testing.T, args ...string) *program {
	t.Helper()
	p.cancel()
	p.end(t)
	return launch(t, p.dir, nil, append(slices.Clone(p.args), args...)...)
}

// TestRotate changes the key of the JWTs as the manual says.
func TestRotate(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		p := launch(t, t.TempDir(), nil, where()...)
		auth := p.login(t)
		old := kid(t, auth.SessionJWT)
		before, err := readKeys(filepath.Join(p.dir, "passcode.keys"))
		if err != nil {
			t.Fatal(err)
		}
		told := commandOK(t, p.dir, "-rotate-signing-key")
		after, err := readKeys(filepath.Join(p.dir, "passcode.keys"))
		if err != nil || len(after.Signing) != 2 || after.Signing[1].ID != old {
			t.Fatalf("%d signing keys, %v", len(after.Signing), err)
		}
		if set := p.keySet(t); len(set) != 1 || set[0] != old { // the server was not restarted
			t.Errorf("keys %q", set)
		}
		wantText(t, told, old, after.Signing[0].ID, "restart", "5 minutes", "a month", "-remove-signing-key ID", filepath.Join(p.dir, "passcode.keys"))
		after.Signing = after.Signing[1:]
		wantSame(t, after, before)

		p = p.restart(t)
		if set := p.keySet(t); len(set) != 2 || set[1] != old {
			t.Errorf("keys %q, want two, %s last", set, old)
		}
		seen := p.post(t, 200, "/v1/sessions/authenticate", `{"session_jwt": "`+auth.SessionJWT+`"}`)
		if id := kid(t, seen.SessionJWT); id == old || id != p.keySet(t)[0] {
			t.Errorf("signed by %s", id)
		}
		p.post(t, 200, "/v1/sessions/authenticate", `{"session_token": "`+auth.SessionToken+`"}`)

		told = commandOK(t, p.dir, "-remove-signing-key", old)
		wantText(t, told, old+" is out of ", "restart", "refused")
		p = p.restart(t)
		if set := p.keySet(t); len(set) != 1 || set[0] == old {
			t.Errorf("keys %q", set)
		}
		if r := p.post(t, 400, "/v1/sessions/authenticate", `{"session_jwt": "`+auth.SessionJWT+`"}`); r.ErrorType != "unable_to_parse_session_jwt" {
			t.Errorf("error %q", r.ErrorType)
		}
		p.post(t, 200, "/v1/sessions/authenticate", `{"session_jwt": "`+seen.SessionJWT+`"}`)
		p.post(t, 200, "/v1/sessions/authenticate", `{"session_token": "`+auth.SessionToken+`"}`)
	})
}

// TestRemoveSealKey puts a key into seal_ring and takes the old one out: what
// that sealed ends, and nothing else does.
func TestRemoveSealKey(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, where func() []string) {
		p := launch(t, t.TempDir(), nil, where()...)
		path := filepath.Join(p.dir, "passcode.keys")
		change := func(change func(*keysFile)) {
			keys, err := readKeys(path)
			if err != nil {
				t.Fatal(err)
			}
			change(&keys)
			write(t, path, marshal(t, keys), 0o600)
			p = p.restart(t)
		}
		authenticate := func(want int, auth reply) {
			t.Helper()
			p.post(t, want, "/v1/sessions/authenticate", `{"session_token": "`+auth.SessionToken+`"}`)
		}
		idle, active := p.login(t), p.login(t)
		change(func(k *keysFile) {
			k.SealRing = append([]ringKey{{ID: 2, Created: time.Now(), Key: random()}}, k.SealRing...)
		})
		authenticate(200, active) // which seals it anew
		young := p.login(t)
		change(func(k *keysFile) { k.SealRing = k.SealRing[:1] })
		authenticate(404, idle)
		authenticate(200, active)
		authenticate(200, young)
	})
}

func TestSigningKeyErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, path := filepath.Join(dir, "passcode.db"), filepath.Join(dir, "passcode.keys")
	wantText(t, fails(t, 1, nil, "-db", db, "-rotate-signing-key"), "there is no "+path)
	wantText(t, fails(t, 1, nil, "-db", db, "-remove-signing-key", "x"), "there is no "+path)
	wantText(t, fails(t, 2, nil, "-db", db, "-remove-signing-key="), "no id")
	wantText(t, fails(t, 2, nil, "-db", db, "-remove-signing-key", "x", "-rotate-signing-key"), "two steps")

	keys := testKeys(t)
	sound := marshal(t, keys)
	old := keys
	old.Version, old.SealRing, old.Signing = 1, nil, nil
	for name, c := range map[string]struct {
		content []byte
		args    []string
		want    []string
	}{
		"unknown": {sound, []string{"-remove-signing-key", "jwk-x"}, []string{path + " has no signing key", "jwk-x"}},
		"only":    {sound, []string{"-remove-signing-key", keys.Signing[0].ID}, []string{"the only signing key in " + path}},
		"earlier": {marshal(t, old), []string{"-rotate-signing-key"}, []string{path, "earlier release"}},
		"damaged": {sound[:len(sound)/2], []string{"-rotate-signing-key"}, []string{path, "damaged"}},
	} {
		write(t, path, c.content, 0o600)
		line := fails(t, 1, nil, append([]string{"-db", db}, c.args...)...)
		wantText(t, line, c.want...)
		if left, err := os.ReadFile(path); err != nil || string(left) != string(c.content) {
			t.Errorf("%s: the file was touched, or %v", name, err)
		}
	}
	write(t, path+".new", nil, 0o600) // as of a program that was cut off
	wantText(t, fails(t, 1, nil, "-db", db, "-rotate-signing-key"), path+".new is there", "deleted")
	if err := os.Remove(path + ".new"); err != nil {
		t.Error(err)
	}
	write(t, path, sound, 0o644)
	if runtime.GOOS != "windows" {
		wantText(t, fails(t, 1, nil, "-db", db, "-rotate-signing-key"), "open to others")
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 1 {
		t.Errorf("files %q, %v", files, err)
	}
}

// TestRotateOnce lets many rotate at once: every one that says so has put its
// key in, and the file is whole all the time.
func TestRotateOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, path := filepath.Join(dir, "passcode.db"), filepath.Join(dir, "passcode.keys")
	write(t, path, marshal(t, testKeys(t)), 0o600)
	told := make([]*output, 4)
	var all sync.WaitGroup
	for i := range told {
		told[i] = newOutput()
		all.Go(func() {
			run(t.Context(), []string{"-db", db, "-rotate-signing-key"}, lookup(nil), told[i], newOutput())
			if _, err := readKeys(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	done := 0
	for _, out := range told {
		if out.String() != "" {
			done++
		}
	}
	if n := len(signingKeys(t, dir)); done == 0 || n != done+1 {
		t.Errorf("%d keys after %d rotations", n, done)
	}
}

// TestKeepsFile wants permissions and links to stay as they are, whether the
// keys are completed or changed.
func TestKeepsFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions")
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	real, link := filepath.Join(elsewhere, "secret"), filepath.Join(dir, "passcode.keys")
	keys := testKeys(t)
	keys.Version, keys.SealRing, keys.Signing = 1, nil, nil
	write(t, real, marshal(t, keys), 0o400)
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if _, err := completeKeys(link, time.Now()); err != nil {
		t.Fatal(err)
	}
	commandOK(t, dir, "-rotate-signing-key")
	if n := len(signingKeys(t, dir)); n != 2 {
		t.Errorf("%d signing keys", n)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link: %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode() != 0o400 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

// TestReplaceFails wants no new file left over.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "passcode.keys")
	if err := os.Mkdir(path, 0o700); err != nil { // nothing is renamed over that
		t.Fatal(err)
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	if replaceKeys(path, f, testKeys(t)) == nil {
		t.Error("a directory was replaced")
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 1 {
		t.Errorf("files %q, %v", files, err)
	}
}

// weakKey is an RSA key that is too short.
func weakKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
