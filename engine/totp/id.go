package totp

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/passcode-go/passcode/internal/uuid"
)

// Prefixes of ids, before "test-" or "live-".
const (
	appPrefix      = "totp-"
	recoveryPrefix = "totp-recovery-code-"
)

// newID returns the bytes of a random UUID (version 4).
func newID() (id appID) {
	rand.Read(id[:])
	return withVersion(id, 4)
}

// withVersion makes bytes those of a UUID.
func withVersion(b [16]byte, version byte) [16]byte {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	return b
}

func (a *Apps) appID(id appID) string { return appPrefix + a.env + uuid.Format(id) }

// parseAppID reads what appID returns.
func (a *Apps) parseAppID(s string) (appID, bool) {
	s, ok := strings.CutPrefix(s, appPrefix+a.env)
	if !ok {
		return appID{}, false
	}
	return uuid.Parse(s)
}

// recoveryID returns the id of the recovery code in a place. It is made from
// the app's, so that it need not be kept, by a key, so that it tells nothing.
func (a *Apps) recoveryID(o *owner, id appID, place int) string {
	name := o.ring.Name("recovery code", uuid.Format(id), strconv.Itoa(place))
	return recoveryPrefix + a.env + uuid.Format(withVersion(name, 8)) // RFC 9562 §5.8: of one's own making
}
