package httpapi

import (
	"fmt"
	"slices"
	"testing"
)

// Fields of a wrong type in the calls that change users and search for them.
// What is refused changes nobody.
func TestHostileUserFields(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	john := b.want(b.post("/v1/users", `{"email": %q, "name": {"first_name": "John"}, "roles": ["admin"], "external_id": "john", "trusted_metadata": {"a": 1}}`, johnEmail), 201, "")
	path := "/v1/users/" + john.text("user_id")
	before := b.do("GET", path, "").body
	text := []string{"1", "true", "{}", `["x"]`, "[]", `{"$ne": null}`}
	object := []string{"1", "true", `"x"`, "[]"}
	objects := []string{"1", "true", `"x"`, "{}", "[1]", `["x"]`, "[null]", "[[]]", "[[{}]]"}
	integer := []string{`"5"`, "5.0", "5e0", "2.5", "true", "[5]", "{}", `""`}
	for _, c := range []struct {
		method, path, field string
		values              []string
		kind                string
	}{
		{"PUT", path, "name", append(object, `{"first_name": 1}`, `{"middle_name": {}}`, `{"last_name": []}`), "bad_request"},
		{"PUT", path, "attributes", append(object, `{"ip_address": 1}`, `{"user_agent": {}}`), "bad_request"},
		{"PUT", path, "external_id", text, "bad_request"},
		{"PUT", path, "roles", []string{"1", `"x"`, "{}", "[1]", `["x", null]`, `[["x"]]`}, "bad_request"},
		{"PUT", path, "trusted_metadata", object, "metadata_invalid_format"},
		{"PUT", path, "untrusted_metadata", object, "metadata_invalid_format"},
		{"PUT", path, "email", text, "bad_request"},
		{"PUT", path, "phone_number", text, "bad_request"},
		{"PUT", path, "emails", append(objects, "[{}]", `[{"email": null}]`, `[{"email": ""}]`, `[{"email": 1}]`, `[{"email_address": "a@example.com"}]`), "bad_request"},
		{"PUT", path, "phone_numbers", append(objects, "[{}]", `[{"phone_number": 1}]`, `[{"phone_number": ["+12025550162"]}]`), "bad_request"},
		{"PUT", path + "/exchange_primary_factor", "email_address", text, "bad_request"},
		{"PUT", path + "/exchange_primary_factor", "phone_number", text, "bad_request"},
		{"POST", search, "cursor", text, "bad_request"},
		{"POST", search, "limit", integer, "bad_request"},
		{"POST", search, "query", append(object, `{"operator": 1}`, `{"operator": ["AND"]}`), "bad_request"},
		{"POST", search, "query", []string{`{"operator": "and"}`, `{"operator": " AND"}`, `{"operator": "NOT"}`}, "user_search_invalid_operator"},
	} {
		for _, value := range c.values {
			r := b.do(c.method, c.path, fmt.Sprintf(`{"name": {"first_name": "X"}, %q: %s}`, c.field, value))
			if c.field == "name" {
				r = b.do(c.method, c.path, fmt.Sprintf(`{"roles": ["x"], %q: %s}`, c.field, value))
			}
			if r.status != 400 || r.kind() != c.kind {
				t.Errorf("%s %s with %s %s: %d %s", c.method, c.path, c.field, value, r.status, r.kind())
			}
		}
	}
	for _, value := range objects {
		r := b.post(search, `{"query": {"operands": %s}}`, value)
		if r.status != 400 || r.kind() != "bad_request" {
			t.Errorf("operands %s: %d %s", value, r.status, r.kind())
		}
	}
	after := b.do("GET", path, "").body
	delete(before, "request_id")
	delete(after, "request_id")
	if fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the user was\n%v, is\n%v", before, after)
	}
}

// Each kind of filter takes values of its own kind only.
func TestHostileFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	all := []string{"1", "true", `"x"`, "{}", "[1]", `["x"]`, "[[]]", `"2026-01-01"`, `"2026-01-01T00:00:00Z"`}
	list, flag, fuzzy, moment := []string{`["x"]`}, []string{"true"}, []string{`"2026-01-01"`, `"2026-01-01T00:00:00Z"`}, []string{`"2026-01-01T00:00:00Z"`}
	for _, c := range []struct {
		names []string
		takes []string
		kinds []string // what the others are answered with
	}{
		{[]string{"user_id", "phone_number", "phone_id", "email_address", "email_id", "totp_id", "oauth_provider", "webauthn_registration_id", "crypto_wallet_id", "crypto_wallet_address", "biometric_registration_id"},
			list, []string{"user_search_expected_array_of_string"}},
		{[]string{"phone_verified", "email_verified", "totp_verified", "webauthn_registration_verified", "crypto_wallet_verified", "biometric_registration_verified", "password_exists"},
			flag, []string{"user_search_expected_bool"}},
		{[]string{"full_name_fuzzy"}, fuzzy, []string{"user_search_expected_string", "user_search_full_name_fuzzy_too_short"}},
		{[]string{"phone_number_fuzzy"}, fuzzy, []string{"user_search_expected_string", "user_search_phone_number_fuzzy_too_short"}},
		{[]string{"email_address_fuzzy"}, fuzzy, []string{"user_search_expected_string", "user_search_email_address_fuzzy_too_short"}},
		{[]string{"created_at_greater_than", "created_at_less_than"}, moment, []string{"user_search_expected_timestamp"}},
		{[]string{"created_at_between"}, nil, []string{"user_search_expected_object", "user_search_expected_timestamp"}},
		{[]string{"status"}, nil, []string{"user_search_invalid_status_filter"}},
	} {
		for _, name := range c.names {
			for _, value := range all {
				r := b.filter(name, value)
				taken := slices.Contains(c.takes, value)
				if taken && r.status != 200 || !taken && (r.status != 400 || !slices.Contains(c.kinds, r.kind())) {
					t.Errorf("%s %s: %d %s", name, value, r.status, r.kind())
				}
			}
		}
	}
}
