// Package cursor writes the cursors of a directory's search, the same for
// every directory.
package cursor

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/passcode-go/passcode/store"
)

// After returns the cursor for what comes after a user's id, which is not
// empty: a checksum and the id, in base64url. It holds through any change, that
// user's end included, and reveals no more than the page did. The checksum is
// against mistakes, not against forgery: a cursor gives nothing that a search
// does not.
func After(id string) string {
	b := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(id)))
	return base64.RawURLEncoding.EncodeToString(append(b, id...))
}

// Parse returns the id in a cursor, empty for the empty cursor of the first
// page, or [store.ErrCursor] for what After never returned.
func Parse(cursor string) (id string, err error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	// The decoder skips line ends and takes stray bits; no cursor has them.
	if err != nil || len(b) <= 4 || After(string(b[4:])) != cursor {
		return "", store.ErrCursor
	}
	return string(b[4:]), nil
}
