package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// rotateSigningKey puts a new signing key before the others in the keys file
// at path, and tells what to do next.
func rotateSigningKey(path string, now time.Time, stdout io.Writer) error {
	keys, err := changeKeys(path, func(k *keysFile) error {
		key, err := newSigningKey(now, k.credentials().live())
		k.Signing = append([]signingKey{key}, k.Signing...)
		return err
	})
	if err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "%s has a new signing key:\n", path)
	listSigningKeys(&t, keys)
	t.WriteString(`
A server that runs goes on with the keys that it read: restart it. From then on
the new key signs, and JWTs of the others are good still. The last of those
expires 5 minutes after the restart; then an old key may go, by

  passcoded -keys ` + quote(path) + ` -remove-signing-key ID

and another restart. By custom it stays for a month, for those who verify JWTs
with a copy of the key set. A key that somebody else may have goes at once.
`)
	_, err = io.WriteString(stdout, t.String())
	return err
}

// removeSigningKey takes a signing key out of the keys file at path, and tells
// what that means.
func removeSigningKey(path, id string, stdout io.Writer) error {
	keys, err := changeKeys(path, func(k *keysFile) error {
		i := slices.IndexFunc(k.Signing, func(key signingKey) bool { return key.ID == id })
		switch {
		case i < 0:
			return fmt.Errorf("%s has no signing key %q", path, id)
		case len(k.Signing) == 1:
			return fmt.Errorf("%q is the only signing key in %s: make another one first, by -rotate-signing-key", id, path)
		}
		k.Signing = slices.Delete(k.Signing, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "%s is out of %s. Left:\n", id, path)
	listSigningKeys(&t, keys)
	t.WriteString(`
A server that runs goes on with the keys that it read: restart it. From then on
JWTs of the removed key are refused. Who verifies JWTs with a copy of the key
set takes them until the copy is renewed, or they expire.
`)
	_, err = io.WriteString(stdout, t.String())
	return err
}

func listSigningKeys(w io.Writer, keys keysFile) {
	for i, key := range keys.Signing {
		does := "verifies"
		if i == 0 {
			does = "signs, verifies"
		}
		fmt.Fprintf(w, "  %s  made %s  %s\n", key.ID, key.Created.Format(time.DateOnly), does)
	}
}

// changeKeys changes the keys file, which a server may be reading, and returns
// what is in it then. The new file is the lock: of several programs that change
// the keys at once one does, and the others fail.
func changeKeys(path string, change func(*keysFile) error) (keysFile, error) {
	real, err := filepath.EvalSymlinks(path) // a link stays one
	if errors.Is(err, fs.ErrNotExist) {
		return keysFile{}, fmt.Errorf("there is no %s: passcoded makes it when it serves for the first time", path)
	}
	if err != nil {
		return keysFile{}, err
	}
	f, err := os.OpenFile(real+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keysFile{}, fmt.Errorf("%s.new is there: somebody is changing the keys, or was cut off doing so, and then it can be deleted", real)
	}
	if err != nil {
		return keysFile{}, err
	}
	keys, err := readKeys(real)
	switch {
	case err != nil:
	case keys.Version != keysVersion:
		err = fmt.Errorf("%s is of an earlier release: let passcoded serve once, which completes it", path)
	default:
		err = change(&keys)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return keysFile{}, err
	}
	return keys, replaceKeys(real, f, keys)
}
