package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A server outlives the files beside this program, and several programs share
// it. So which keys its records were made with is written in it, as a MAC: who
// comes with other keys would find no wrong guess, no lock, no session and no
// authenticator app of before.
const (
	claimKey = "passcoded.keys"
	claimTag = "passcoded keys 1"
	claimFor = 100 * 366 * 24 * time.Hour
)

// claim returns what the store has of these keys.
func (k *keysFile) claim() []byte {
	mac := hmac.New(sha256.New, k.Index)
	mac.Write([]byte(claimTag))
	return mac.Sum(nil)
}

// claimStore marks a store as one of these keys, or refuses if it is one of
// others.
func claimStore(ctx context.Context, s store.Store, cfg config, keys keysFile) error {
	current, swapped, err := s.CompareAndSwap(ctx, claimKey, nil, keys.claim(), time.Now().Add(claimFor))
	if err != nil {
		return err
	}
	if written, _ := store.CutRewound(current); !swapped && !hmac.Equal(written, keys.claim()) {
		return fmt.Errorf("the records in %v were made with other keys than those in %s: copy the keys file that belongs to them", cfg.store, cfg.keys)
	}
	return nil
}

// sharedKeys reads the keys of a program that keeps nothing in a file, and
// makes them first if neither they nor any records are there.
func sharedKeys(ctx context.Context, s store.Store, cfg config) (keysFile, error) {
	keys, err := readKeys(cfg.keys)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	value, err := s.Get(ctx, claimKey)
	if err != nil {
		return keysFile{}, err
	}
	if value != nil {
		return keysFile{}, fmt.Errorf("%s is not there, and %v has records: copy the keys file that belongs to them", cfg.keys, cfg.store)
	}
	return makeKeys(cfg.keys)
}
