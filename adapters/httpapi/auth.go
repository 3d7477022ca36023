package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/passcode-go/passcode/engine/accounts"
)

// minTestSecret and minLiveSecret are how many characters a secret has at the
// least. That of a live project has its prefix and 16 random ones.
const (
	minTestSecret = 8
	minLiveSecret = 28
)

// CheckCredentials returns nil if a project can have this id and this secret.
// The id is "project-test-" or "project-live-" and a UUID in small letters.
// The secret is visible ASCII: by custom "secret-test-" or "secret-live-" and
// 36 random characters, in a live project at least 28 characters, in a test
// project at least 8, and never one with the other environment's prefix. The
// error repeats neither.
func CheckCredentials(projectID, secret string) error {
	live := accounts.ProjectID.Match(projectID, true)
	least, other := minTestSecret, "secret-live-"
	if live {
		least, other = minLiveSecret, "secret-test-"
	}
	switch {
	case !isProject(projectID):
		return errors.New(`httpapi: the project id is not "project-test-" or "project-live-" and a UUID in small letters`)
	case len(secret) < least:
		return fmt.Errorf("httpapi: the secret of this project has fewer than %d characters", least)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("httpapi: the secret has characters other than visible ASCII")
	case strings.HasPrefix(secret, other):
		return fmt.Errorf("httpapi: a secret that begins with %q is not for this project", other)
	}
	return nil
}

// authorize refuses a request that does not carry the project's credentials.
//
// Both halves are compared as digests, in constant time and always both, so
// that time tells neither which half was wrong nor how far it was right.
func (h *Handler) authorize(r *http.Request) error {
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		return errUnauthorized
	}
	user, password, ok := r.BasicAuth()
	if !ok || len(headers) > 1 {
		return errAuthorizationHeader
	}
	project, secret := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(project[:], h.project[:])&subtle.ConstantTimeCompare(secret[:], h.secret[:]) == 1 {
		return nil
	}
	if !isProject(user) {
		return errProjectID
	}
	return errUnauthorized
}

func isProject(id string) bool {
	return accounts.ProjectID.Match(id, false) || accounts.ProjectID.Match(id, true)
}
