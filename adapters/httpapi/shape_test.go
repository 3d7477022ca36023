package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// shape says what of a decoded answer a typed client could not read: a list
// that is null, a time that is none, a user with a member missing. The name is
// that of the value in the object around it.
func shape(name string, value any) error {
	lists := []string{
		"emails", "phone_numbers", "totps", "webauthn_registrations", "biometric_registrations", "providers", "crypto_wallets", "roles",
		"results", "sessions", "authentication_factors", "connected_apps", "recovery_codes", "granting_roles", "keys", "key_ops", "x5c",
	}
	user := append(lists[:8:8], "user_id", "status", "name", "is_locked", "created_at", "trusted_metadata", "untrusted_metadata", "external_id", "password")
	switch list, isList := value.([]any); {
	case slices.Contains([]string{"trusted_metadata", "untrusted_metadata", "custom_claims"}, name):
		if _, ok := value.(map[string]any); !ok && (name != "custom_claims" || value != nil) {
			return fmt.Errorf("%s is %v", name, value)
		}
		return nil // what is in there is the client's
	case strings.HasSuffix(name, "_at"):
		s, _ := value.(string)
		if _, err := time.Parse(time.RFC3339, s); err != nil || !strings.HasSuffix(s, "Z") {
			return fmt.Errorf("%s is %q", name, value)
		}
	case slices.Contains(lists, name) && !isList:
		return fmt.Errorf("%s is %v", name, value)
	case isList:
		for _, element := range list {
			if err := shape(strings.TrimSuffix(name, "s"), element); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	object, _ := value.(map[string]any)
	if name == "user" || name == "result" {
		for _, member := range user {
			if _, ok := object[member]; !ok {
				return fmt.Errorf("%s has no %s", name, member)
			}
		}
	}
	for member, inner := range object {
		if err := shape(member, inner); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// The check itself finds what it is for.
func TestShape(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user := b.want(b.post("/v1/users", `{"email": %q, "trusted_metadata": {"emails": null, "seen_at": ""}}`, johnEmail), 201, "")
	if err := shape("", user.body); err != nil {
		t.Fatal(err)
	}
	for old, new := range map[string]string{
		`"roles":[]`:                             `"roles":null`,
		`"totps":[]`:                             `"totps":{}`,
		`"providers":[],`:                        ``,
		`"created_at":"2026-01-15T12:00:00Z"`:    `"created_at":""`,
		`"password":null,`:                       ``,
		`"untrusted_metadata":{}`:                `"untrusted_metadata":null`,
		`"is_locked":false`:                      `"is_locked":false,"lock_expires_at":null`,
		`"created_at":"2026-01-15T12:00:00Z",`:   `"created_at":"2026-01-15T13:00:00+01:00",`,
		`"user":{"user_id"`:                      `"results":[{}],"user":{"user_id"`,
		`"status_code":201`:                      `"status_code":201,"sessions":null`,
		`"name":{"first_name":"","middle_name":`: `"x":{"y":[{"keys":null}]},"name":{"first_name":"","middle_name":`,
	} {
		var body any
		spoiled := strings.Replace(user.raw, old, new, 1)
		if err := json.Unmarshal([]byte(spoiled), &body); err != nil || spoiled == user.raw {
			t.Fatalf("%s: %v", old, err)
		}
		if shape("", body) == nil {
			t.Errorf("%s in place of %s is not noticed", new, old)
		}
	}
}
