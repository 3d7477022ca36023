package httpapi

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/passcode-go/passcode/engine/accounts"
)

// A user's life over HTTP.
func TestUserLife(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	created := b.want(b.post("/v1/users", `{"phone_number": %q, "name": {"first_name": "John", "middle_name": "Q."}, "trusted_metadata": {"a": 1, "b": {"c": 2}}}`, johnPhone), 201, "")
	id := created.text("user_id")
	path := "/v1/users/" + id
	// The client for Go repeats the id, and other clients send nulls.
	r := b.want(b.do("PUT", path, `{"user_id": "`+id+`", "external_id": "john|1", "name": {"last_name": "Doe", "middle_name": null}, "roles": ["admin"],
		"trusted_metadata": {"a": null, "b": {"d": 3}}, "untrusted_metadata": {"x": "<é>"}, "attributes": {"ip_address": "192.0.2.1"}}`), 200, "")
	user := r.body["user"].(map[string]any)
	for name, want := range map[string]string{
		"name": `{"first_name":"John","last_name":"Doe","middle_name":"Q."}`, "external_id": `"john|1"`, "roles": `["admin"]`,
		"trusted_metadata": `{"b":{"d":3}}`, "untrusted_metadata": `{"x":"\u003cé\u003e"}`, "is_locked": "false", "totps": "[]",
	} {
		if got, _ := json.Marshal(user[name]); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if len(r.body["phone_numbers"].([]any)) != 1 || r.body["emails"] == nil || r.body["crypto_wallets"] == nil || r.text("user_id") != id {
		t.Errorf("%s", r.raw)
	}
	b.want(b.do("GET", "/v1/users/john%7C1", ""), 200, "")
	r = b.want(b.do("PUT", "/v1/users/john%7C1", `{"roles": []}`), 200, "")
	user = r.body["user"].(map[string]any)
	if roles := user["roles"].([]any); len(roles) != 0 || user["external_id"] != "john|1" {
		t.Errorf("roles are %v, the external id is %v", roles, user["external_id"])
	}
	b.want(b.do("PUT", "/v1/users/john%7C1", `{"roles": ["reader"], "name": {"middle_name": "R."}}`), 200, "")
	// What is absent stays, whichever way it is absent; of names, "" is a value.
	for _, body := range []string{``, `{}`, `{"external_id": "", "roles": null, "name": null, "trusted_metadata": null, "untrusted_metadata": {}}`, `{"name": {"last_name": ""}}`} {
		r = b.want(b.do("PUT", path, body), 200, "")
	}
	user = r.body["user"].(map[string]any)
	for name, want := range map[string]string{
		"name": `{"first_name":"John","last_name":"","middle_name":"R."}`, "external_id": `"john|1"`, "roles": `["reader"]`,
		"trusted_metadata": `{"b":{"d":3}}`, "untrusted_metadata": `{"x":"\u003cé\u003e"}`,
	} {
		if got, _ := json.Marshal(user[name]); string(got) != want {
			t.Errorf("%s is %s after updates without it, want %s", name, got, want)
		}
	}
	r = b.want(b.do("DELETE", path+"/external_id", "{}"), 200, "")
	if r.body["user"].(map[string]any)["external_id"] != nil {
		t.Errorf("%s", r.raw)
	}
	b.want(b.do("GET", path+"/connected_apps", ""), 200, "")

	// The overview's way to a second factor: an address by update, then a code.
	b.want(b.do("POST", smsSend, bodyOf("sms", johnPhone)), 200, "")
	b.want(b.authenticate(created.text("phone_id"), b.code(johnPhone)), 200, "")
	r = b.want(b.do("PUT", path, `{"email": "jane@example.com", "phone_number": ""}`), 200, "")
	b.want(b.do("DELETE", "/v1/users/emails/"+r.body["emails"].([]any)[0].(map[string]any)["email_id"].(string), "{}"), 200, "")
	r = b.want(b.do("PUT", path, `{"emails": [{"email": "John@Example.com"}], "phone_numbers": []}`), 200, "")
	email := r.body["emails"].([]any)[0].(map[string]any)
	if email["verified"] != false || email["email"] != johnEmail {
		t.Fatalf("%s", r.raw)
	}
	b.want(b.do("POST", emailSend, bodyOf("email", johnEmail)), 200, "")
	r = b.want(b.authenticate(email["email_id"].(string), b.code(johnEmail)), 200, "")
	if r.text("user_id") != id {
		t.Errorf("%s", r.raw)
	}

	r = b.want(b.do("DELETE", "/v1/users/phone_numbers/"+created.text("phone_id"), "{}"), 200, "")
	if n := len(r.body["user"].(map[string]any)["phone_numbers"].([]any)); n != 0 || r.text("user_id") != id {
		t.Errorf("%s", r.raw)
	}
	r = b.want(b.do("PUT", path+"/exchange_primary_factor", fmt.Sprintf(`{"phone_number": %q}`, johnPhone)), 200, "")
	user = r.body["user"].(map[string]any)
	if len(user["emails"].([]any)) != 0 || user["phone_numbers"].([]any)[0].(map[string]any)["verified"] != false {
		t.Errorf("%s", r.raw)
	}
	totp := b.want(b.do("POST", "/v1/totps", fmt.Sprintf(`{"user_id": %q}`, id)), 200, "").text("totp_id")
	r = b.want(b.do("DELETE", "/v1/users/totps/"+totp, "{}"), 200, "")
	if n := len(r.body["user"].(map[string]any)["totps"].([]any)); n != 0 {
		t.Errorf("%s", r.raw)
	}
	if r = b.want(b.do("DELETE", path, "{}"), 200, ""); r.text("user_id") != id || len(r.body) != 3 {
		t.Errorf("%s", r.raw)
	}
	b.want(b.do("GET", path, ""), 404, "user_not_found")
	for _, c := range [][2]string{
		{"PUT", ""}, {"DELETE", ""}, {"DELETE", "/external_id"}, {"GET", "/connected_apps"}, {"POST", "/connected_apps/x/revoke"},
	} {
		b.want(b.do(c[0], path+c[1], "{}"), 404, "user_not_found")
		b.want(b.do(c[0], "/v1/users/a%20b"+c[1], "{}"), 400, "invalid_user_id")
	}
	if sent := b.want(b.do("POST", smsLogin, bodyOf("sms", johnPhone)), 200, ""); sent.body["user_created"] != true || sent.text("user_id") == id {
		t.Errorf("%s", sent.raw)
	}
}

// A lock is told for as long as it holds.
func TestLockedUserIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	var id string
	for range 2 {
		sent := b.want(b.do("POST", smsLogin, bodyOf("sms", johnPhone)), 200, "")
		id = sent.text("user_id")
		for range 5 {
			b.want(b.authenticate(sent.text("phone_id"), wrong(b.code(johnPhone))), 404, "otp_code_not_found")
		}
	}
	user := b.want(b.do("GET", "/v1/users/"+id, ""), 200, "").body
	if user["is_locked"] != true || user["lock_created_at"] != "2026-01-15T12:00:00Z" || user["lock_expires_at"] != "2026-01-15T13:00:00Z" {
		t.Errorf("%v %v %v", user["is_locked"], user["lock_created_at"], user["lock_expires_at"])
	}
	b.kit.Clock.Advance(3600e9)
	user = b.want(b.do("GET", "/v1/users/"+id, ""), 200, "").body
	if _, told := user["lock_expires_at"]; told || user["is_locked"] != false {
		t.Errorf("%v", user)
	}
}

// A refused change changes nothing.
func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	created := b.want(b.post("/v1/users", `{"phone_number": %q, "external_id": "john"}`, johnPhone), 201, "")
	b.want(b.post("/v1/users", `{"email": %q, "external_id": "jane"}`, johnEmail), 201, "")
	path := "/v1/users/" + created.text("user_id")
	before := b.do("GET", path, "").body["name"]
	for body, want := range map[string]string{
		`{"name": {"first_name": "X"}, "external_id": "jane"}`:                                           "duplicate_user_external_id",
		`{"name": {"first_name": "X"}, "trusted_metadata": []}`:                                          "metadata_invalid_format",
		`{"name": {"first_name": "X"}, "roles": "admin"}`:                                                "bad_request",
		`{"name": {"first_name": "X"}, "roles": [null]}`:                                                 "bad_request",
		`{"name": {"first_name": "\u0007"}}`:                                                             "bad_request",
		`{"name": {"first_name": "X"}, "external_id": "a b"}`:                                            "bad_request",
		`{"name": {"first_name": "X"}, "emails": [{}]}`:                                                  "bad_request",
		`{"name": {"first_name": "X"}, "emails": [{"email": "a@b.cd"}], "email": "a@b.cd"}`:              "bad_request",
		`{"name": {"first_name": "X"}, "emails": [{"email": "a@b.cd"}], "phone_number": "+12025550163"}`: "bad_request",
		`{"name": {"first_name": "X"}, "emails": [null]}`:                                                "bad_request",
		`{"name": {"first_name": "X"}, "emails": {}}`:                                                    "bad_request",
		`{"name": {"first_name": "X"}, "emails": [{"email": "a@b.cd"}, {"email": "c@d.ef"}]}`:            "bad_request",
		`{"name": {"first_name": "X"}, "phone_numbers": [{"phone_number": "+93701234567"}]}`:             "invalid_phone_number_country_code",
		`{"name": {"first_name": "X"}, "attributes": {"ip_address": "x"}}`:                               "invalid_ip_address",
		`{"name": {"first_name": "X"}, "emails": [{"email": "john@example.com"}]}`:                       "too_many_unverified_factors",
		`{"name": {"first_name": "X"}, "external_id": "` + accounts.UserID.New(false) + `"}`:             "bad_request",
	} {
		b.want(b.do("PUT", path, body), 400, want)
	}
	if after := b.do("GET", path, "").body["name"]; fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the name is %v", after)
	}
	// Of the other environment, and of nobody.
	b.want(b.do("PUT", "/v1/users/"+accounts.UserID.New(true), `{}`), 404, "user_not_found")
	b.want(b.do("PUT", "/v1/users/nobody/exchange_primary_factor", `{"email_address": "a@example.com"}`), 404, "user_not_found")
}
