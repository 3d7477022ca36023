package sessions

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how many objects and arrays may stand inside each other.
const maxDepth = 32

// ownClaims are the names that a JWT has for itself (RFC 7519 §4.1). A custom
// claim of such a name is dropped, as clients of the wire API expect.
var ownClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// ownPrefix begins the names of what this package writes into JWTs.
const (
	ownPrefix    = "https://stytch.com/"
	sessionClaim = ownPrefix + "session"
)

// mergeClaims merges patch into claims and returns them as JSON with its keys
// in order and no space: objects are merged at every depth, null takes a
// member away, anything else replaces what was there. Claims that were nil
// stay nil if patch is nothing. Numbers keep their digits.
func mergeClaims(claims []byte, patch json.RawMessage) ([]byte, error) {
	if len(patch) == 0 || string(bytes.TrimSpace(patch)) == "null" {
		return claims, nil
	}
	changes, err := readClaims(patch)
	if err != nil {
		return nil, err
	}
	for name := range changes {
		// Readers of JWTs, those written in Go among them, take names for the same
		// that differ in case, or in letters that are the same in another case.
		folded := strings.ToLower(strings.ToUpper(name))
		if strings.HasPrefix(folded, ownPrefix) {
			return nil, ErrReserved
		}
		if slices.Contains(ownClaims, folded) {
			delete(changes, name)
		}
	}
	object := make(map[string]any)
	if claims != nil {
		if object, err = readClaims(claims); err != nil {
			return nil, err
		}
	}
	merge(object, changes)
	merged, err := writeJSON(object)
	switch {
	case err != nil:
		return nil, ErrClaims
	case len(merged) > MaxClaims:
		return nil, ErrTooLarge
	}
	return merged, nil
}

func merge(object, changes map[string]any) {
	for name, value := range changes {
		switch value := value.(type) {
		case nil:
			delete(object, name)
		case map[string]any:
			inner, ok := object[name].(map[string]any)
			if !ok {
				inner = make(map[string]any)
			}
			merge(inner, value) // also where nothing was, to lose its nulls
			object[name] = inner
		default:
			object[name] = value
		}
	}
}

// readClaims reads one JSON object. No name may stand twice in it or in one
// that it holds: readers differ in which of the two they take.
func readClaims(raw []byte) (map[string]any, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, ErrClaims
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	value, _ := readValue(d, maxDepth)
	object, ok := value.(map[string]any)
	if !ok {
		return nil, ErrClaims
	}
	return object, nil
}

// readValue reads the next value of what is known to be JSON. ok is false if a
// name stands twice, or more than left objects and arrays inside each other.
func readValue(d *json.Decoder, left int) (value any, ok bool) {
	token, err := d.Token()
	if err != nil {
		return nil, false
	}
	begin, nested := token.(json.Delim)
	if !nested {
		return token, true
	}
	if left == 0 {
		return nil, false
	}
	object, list := make(map[string]any), []any{}
	for d.More() {
		if begin == '[' {
			inner, ok := readValue(d, left-1)
			if !ok {
				return nil, false
			}
			list = append(list, inner)
			continue
		}
		token, err := d.Token()
		name, isName := token.(string)
		if _, twice := object[name]; err != nil || !isName || twice {
			return nil, false
		}
		if object[name], ok = readValue(d, left-1); !ok {
			return nil, false
		}
	}
	if _, err := d.Token(); err != nil { // the end
		return nil, false
	}
	if begin == '[' {
		return list, true
	}
	return object, true
}

// writeJSON encodes a value as it is, without escapes for HTML.
func writeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, errors.New("sessions: value is not JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
