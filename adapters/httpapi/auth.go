package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/passcode-go/passcode/engine/accounts"
)

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
