package accounts

import (
	"strings"

	"github.com/passcode-go/passcode/internal/uuid"
)

// An IDKind is the kind of thing that an id names, as the id's first word.
type IDKind string

// The kinds of id.
const (
	UserID    IDKind = "user"
	PhoneID   IDKind = "phone-number"
	EmailID   IDKind = "email"
	TOTPID    IDKind = "totp"
	SessionID IDKind = "session"
	RequestID IDKind = "request-id"
	ProjectID IDKind = "project"
)

// New returns a new id: the kind, "live" or "test", and a random UUID (RFC
// 9562 version 4, of 122 random bits), joined by hyphens, as in
// "user-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53".
func (k IDKind) New(live bool) string { return k.prefix(live) + uuid.New() }

// Match reports whether id has the form that New returns, with a UUID of any
// version in small letters: ids may come from elsewhere. It does not tell
// whether there is such a thing.
func (k IDKind) Match(id string, live bool) bool {
	rest, ok := strings.CutPrefix(id, k.prefix(live))
	if ok {
		_, ok = uuid.Parse(rest)
	}
	return ok
}

// IsUserID reports whether id has the form of an external id, of which that of
// a user id is a case: 1 to 128 of [A-Za-z0-9._|-].
func IsUserID(id string) bool {
	if len(id) == 0 || len(id) > maxText {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._|-", c) >= 0) {
			return false
		}
	}
	return true
}

func (k IDKind) prefix(live bool) string {
	if live {
		return string(k) + "-live-"
	}
	return string(k) + "-test-"
}
