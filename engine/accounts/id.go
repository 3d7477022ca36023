package accounts

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// An IDKind is the kind of thing that an id names, as the id's first word.
type IDKind string

// The kinds of id.
const (
	UserID    IDKind = "user"
	PhoneID   IDKind = "phone-number"
	EmailID   IDKind = "email"
	RequestID IDKind = "request-id"
	ProjectID IDKind = "project"
)

// New returns a new id: the kind, "live" or "test", and a random UUID (RFC
// 9562 version 4, of 122 random bits), joined by hyphens, as in
// "user-test-2cf6f8a1-7a3c-4f0e-9d5b-0e4c1b7a9f53".
func (k IDKind) New(live bool) string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40 // version
	b[8] = b[8]&0x3f | 0x80 // variant
	var id [36]byte
	hex.Encode(id[0:], b[0:4])
	hex.Encode(id[9:], b[4:6])
	hex.Encode(id[14:], b[6:8])
	hex.Encode(id[19:], b[8:10])
	hex.Encode(id[24:], b[10:])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
	return k.prefix(live) + string(id[:])
}

// Match reports whether id has the form that New returns, with a UUID of any
// version in small letters: ids may come from elsewhere. It does not tell
// whether there is such a thing.
func (k IDKind) Match(id string, live bool) bool {
	uuid, ok := strings.CutPrefix(id, k.prefix(live))
	if !ok || len(uuid) != 36 {
		return false
	}
	for i := range len(uuid) {
		allowed := "0123456789abcdef"
		if i == 8 || i == 13 || i == 18 || i == 23 {
			allowed = "-"
		}
		if strings.IndexByte(allowed, uuid[i]) < 0 {
			return false
		}
	}
	return true
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
