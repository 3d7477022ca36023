package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// Every byte at every place of keys of every length.
func TestCheckKey(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 7, 8, 9, 15, 16, 17, 24, 31, store.MaxKey} {
		for at := range n {
			for b := range 256 {
				key := []byte(strings.Repeat("~", at) + "x" + strings.Repeat("!", n-at-1))
				key[at] = byte(b)
				want := b >= '!' && b <= '~'
				if err := store.CheckKey(string(key)); (err == nil) != want || err != nil && !errors.Is(err, store.ErrKey) {
					t.Fatalf("byte %#x at %d of %d: %v", b, at, n, err)
				}
			}
		}
	}
	for _, n := range []int{0, store.MaxKey + 1} {
		if err := store.CheckKey(strings.Repeat("x", n)); !errors.Is(err, store.ErrKey) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestUserCheck(t *testing.T) {
	t.Parallel()
	method := func(id, address string) []store.Method { return []store.Method{{ID: id, Address: address}} }
	for name, tc := range map[string]struct {
		user store.User
		ok   bool
	}{
		"only an id":             {store.User{ID: "u"}, true},
		"everything":             {store.User{ID: "u", Phones: method("p", "+1"), Emails: method("e", "a@b.c"), ExternalID: "x"}, true},
		"one id for two kinds":   {store.User{ID: "u", Phones: method("m", "+1"), Emails: method("m", "a@b.c")}, false},
		"one text for two kinds": {store.User{ID: "u", Phones: method("p", "x"), Emails: method("e", "x")}, true},
		"no id":                  {store.User{}, false},
		"empty address":          {store.User{ID: "u", Phones: method("p", "")}, false},
		"empty method id":        {store.User{ID: "u", Emails: method("", "a@b.c")}, false},
		"address twice":          {store.User{ID: "u", Phones: append(method("p", "+1"), method("q", "+1")...)}, false},
		"id not UTF-8":           {store.User{ID: "\xff"}, false},
		"NUL in an external id":  {store.User{ID: "u", ExternalID: "a\x00"}, false},
		"name not UTF-8":         {store.User{ID: "u", Name: store.Name{Last: "\xff"}}, false},
		"NUL in a role":          {store.User{ID: "u", Roles: []string{"a\x00"}}, false},
		"metadata not UTF-8":     {store.User{ID: "u", Trusted: []byte("\xff")}, false},
	} {
		if err := tc.user.Check(); (err == nil) != tc.ok || err != nil && !errors.Is(err, store.ErrUser) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
