package accounts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/store"
)

// Limits of a user's fields. maxKeys counts the keys at the top of an object.
const (
	maxText     = 128 // bytes: part of a name, role, external id
	maxMetadata = 4096
	maxKeys     = 20
	maxRoles    = 64
)

// fill copies a user's fields but the addresses into u, sharing no memory, and
// merges the metadata into u's. Or it returns a *FieldError.
func fill(u *store.User, n NewUser) error {
	if err := checkExternalID(n.ExternalID); err != nil {
		return &FieldError{"external_id", err}
	}
	for _, part := range []string{n.Name.First, n.Name.Middle, n.Name.Last} {
		if err := checkText(part); err != nil {
			return &FieldError{"name", err}
		}
	}
	if len(n.Roles) > maxRoles {
		return &FieldError{"roles", ErrTooLarge}
	}
	for _, role := range n.Roles {
		if role == "" {
			return &FieldError{"roles", ErrFormat}
		}
		if err := checkText(role); err != nil {
			return &FieldError{"roles", err}
		}
	}
	var err error
	if u.Trusted, err = mergeMetadata(u.Trusted, n.Trusted); err != nil {
		return &FieldError{"trusted_metadata", err}
	}
	if u.Untrusted, err = mergeMetadata(u.Untrusted, n.Untrusted); err != nil {
		return &FieldError{"untrusted_metadata", err}
	}
	u.ExternalID, u.Name, u.Roles = n.ExternalID, n.Name, slices.Clone(n.Roles)
	return nil
}

// checkExternalID refuses also what could be the id of a user, so that an id
// names one user whichever of the two it is.
func checkExternalID(id string) error {
	if len(id) > maxText {
		return ErrTooLarge
	}
	if id != "" && !IsUserID(id) || UserID.Match(id, true) || UserID.Match(id, false) {
		return ErrFormat
	}
	return nil
}

func checkText(s string) error {
	switch {
	case len(s) > maxText:
		return ErrTooLarge
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return ErrFormat
	}
	return nil
}

// mergeMetadata returns old with the members of patch, a JSON object, and
// without those that are null there; nil for an object without members. Keys
// are in order, and no space stands between tokens.
func mergeMetadata(old, patch json.RawMessage) (json.RawMessage, error) {
	if len(patch) == 0 {
		return old, nil
	}
	var changes map[string]json.RawMessage
	if !utf8.Valid(patch) || json.Unmarshal(patch, &changes) != nil {
		return nil, ErrFormat
	}
	object := make(map[string]json.RawMessage)
	if len(old) > 0 {
		if err := json.Unmarshal(old, &object); err != nil {
			return nil, ErrFormat
		}
	}
	for key, value := range changes {
		if string(value) == "null" {
			delete(object, key)
		} else {
			object[key] = value
		}
	}
	if len(object) == 0 {
		return nil, nil
	}
	var merged bytes.Buffer
	encoder := json.NewEncoder(&merged)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return nil, ErrFormat
	}
	compact := bytes.TrimSuffix(merged.Bytes(), []byte("\n"))
	switch {
	case len(compact) > maxMetadata:
		return nil, ErrTooLarge
	case len(object) > maxKeys:
		return nil, ErrTooManyKeys
	}
	return compact, nil
}
