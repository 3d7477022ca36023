package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/engine/accounts"
)

func TestSandbox(t *testing.T) {
	t.Parallel()
	b := newBench(t, storeDown) // nothing may touch it
	for _, c := range []struct{ channel, address, id, value string }{
		{"sms", sandboxPhone, "phone_id", sandboxPhoneID},
		{"whatsapp", sandboxPhone, "phone_id", sandboxPhoneID},
		{"email", sandboxEmail, "email_id", sandboxEmailID},
		{"email", "Sandbox@STYTCH.com", "email_id", sandboxEmailID},
	} {
		for range 30 { // more than any budget
			r := b.want(b.do("POST", "/v1/otps/"+c.channel+"/login_or_create", bodyOf(c.channel, c.address)), 200, "")
			if r.text("user_id") != sandboxUserID || r.text(c.id) != c.value || r.body["user_created"] != false {
				t.Fatalf("%s", r.raw)
			}
		}
		r := b.want(b.do("POST", "/v1/otps/"+c.channel+"/send", bodyOf(c.channel, c.address)), 200, "")
		if r.text("user_id") != sandboxUserID || r.text(c.id) != c.value {
			t.Errorf("%s", r.raw)
		}
		for range 30 {
			b.want(b.authenticate(c.value, "000001"), 404, "otp_code_not_found")
			b.want(b.authenticate(c.value, "00000"), 400, "invalid_code")
			b.want(b.authenticate(c.value, "00000a"), 400, "invalid_code")
			b.want(b.authenticate(c.value, ""), 400, "invalid_code")
		}
		for range 2 {
			r := b.want(b.authenticate(c.value, "000000"), 200, "")
			if r.text("user_id") != sandboxUserID || r.text("method_id") != c.value {
				t.Errorf("%s", r.raw)
			}
		}
		b.want(b.do("POST", "/v1/users", bodyOf(c.channel, c.address)), 400, map[string]string{
			"phone_id": "duplicate_phone_number", "email_id": "duplicate_email"}[c.id])
	}
	b.want(b.do("GET", "/v1/users/"+sandboxUserID, ""), 200, "")
	b.want(b.post(smsSend, `{"phone_number": %q, "user_id": %q}`, sandboxPhone, sandboxUserID), 200, "")
	b.want(b.post(smsSend, `{"phone_number": %q, "user_id": "x"}`, sandboxPhone), 400, "duplicate_phone_number")
	b.want(b.post(emailSend, `{"email": %q, "user_id": "x"}`, sandboxEmail), 400, "duplicate_email")
	b.want(b.post(smsSend, `{"phone_number": %q, "user_id": %q}`, johnPhone, sandboxUserID), 404, "user_not_found")

	// Fields are checked as for anybody.
	b.want(b.post(smsLogin, `{"phone_number": %q, "locale": "xx"}`, sandboxPhone), 400, "invalid_locale")
	b.want(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_duration_minutes": 4}`, sandboxPhoneID), 400, "invalid_session_duration_minutes")
	b.untouched()
}

// In a live project the sandbox is closed: neither its addresses nor its code
// nor its ids are worth anything.
func TestSandboxLive(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{live: true})
	for _, call := range []string{"login_or_create", "send"} {
		for _, channel := range []string{"sms", "whatsapp"} {
			b.want(b.do("POST", "/v1/otps/"+channel+"/"+call, bodyOf(channel, sandboxPhone)), 400, "invalid_phone_number_sandbox")
		}
		for _, address := range []string{sandboxEmail, "SANDBOX@stytch.com"} {
			b.want(b.do("POST", "/v1/otps/email/"+call, bodyOf("email", address)), 400, "invalid_email_sandbox")
		}
	}
	b.want(b.do("POST", "/v1/users", bodyOf("sms", sandboxPhone)), 400, "invalid_phone_number_sandbox")
	b.want(b.do("POST", "/v1/users", bodyOf("email", sandboxEmail)), 400, "invalid_email_sandbox")
	b.want(b.post("/v1/users", `{"email": %q, "phone_number": %q}`, johnEmail, sandboxPhone), 400, "invalid_phone_number_sandbox")
	b.want(b.do("GET", "/v1/users/"+sandboxUserID, ""), 404, "user_not_found")
	for _, id := range []string{sandboxPhoneID, sandboxEmailID} {
		b.want(b.authenticate(id, sandboxCode), 400, "invalid_method_id")
	}
	for _, token := range []string{sandboxToken, sandboxDeadToken} {
		b.want(b.checkToken(token), 400, "invalid_session_token")
		b.want(b.post(revoke, `{"session_token": %q}`, token), 400, "invalid_session_token")
		b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, token), 400, "invalid_session_token")
	}
	b.want(b.post(revoke, `{"session_id": %q}`, sandboxSessionID), 400, "invalid_session_id")
	b.want(b.do("GET", listSessions+sandboxUserID, ""), 404, "user_not_found")
	b.want(b.post(createTOTP, `{"user_id": %q}`, sandboxUserID), 404, "user_not_found")
	b.want(b.post(recoveryCodes, `{"user_id": %q}`, sandboxUserID), 404, "user_not_found")
	b.want(b.enterTOTP(sandboxUserID, sandboxCode), 404, "user_not_found")
	b.want(b.enterRecovery(sandboxUserID, sandboxRecoveryCode), 404, "user_not_found")
	b.untouched()

	// Behind the handler's own checks the sandbox is as closed.
	s := b.api.accounts
	if _, err := s.Authenticate(t.Context(), accounts.AuthRequest{MethodID: sandboxPhoneID, Code: sandboxCode}); err == nil {
		t.Error("a live project takes the sandbox code")
	}
	if _, err := s.User(t.Context(), sandboxUserID); err == nil {
		t.Error("a live project has the sandbox user")
	}
}

// In a test project the code is worth something with the sandbox's ids only.
func TestSandboxCodeOfOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for n := range 3 {
		phone := fmt.Sprintf("+120255501%02d", 70+n)
		r := b.want(b.do("POST", smsLogin, bodyOf("sms", phone)), 200, "")
		if b.code(phone) != sandboxCode {
			b.want(b.authenticate(r.text("phone_id"), sandboxCode), 404, "otp_code_not_found")
		}
	}
}

// The sandbox user stays as it is.
func TestSandboxUserStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/v1/users/" + sandboxUserID, `{"external_id": "x"}`},
		{"PUT", "/v1/users/" + sandboxUserID + "/exchange_primary_factor", bodyOf("sms", johnPhone)},
		{"DELETE", "/v1/users/" + sandboxUserID, ""},
		{"DELETE", "/v1/users/" + sandboxUserID + "/external_id", ""},
		{"DELETE", "/v1/users/phone_numbers/" + sandboxPhoneID, ""},
		{"DELETE", "/v1/users/emails/" + sandboxEmailID, ""},
		{"DELETE", "/v1/users/totps/" + sandboxTOTPID, ""},
	} {
		if r := b.do(c.method, c.path, c.body); r.status != 404 || r.kind() == "route_not_found" {
			t.Errorf("%s %s: %s", c.method, c.path, r.raw)
		}
	}
	found := b.want(b.post("/v1/users/search", `{"query": {"operator": "AND", "operands": [{"filter_name": "phone_number", "filter_value": [%q]}]}}`, sandboxPhone), 200, "")
	if n := len(found.body["results"].([]any)); n != 0 {
		t.Errorf("%d users found", n)
	}
	b.want(b.do("GET", "/v1/users/"+sandboxUserID, ""), 200, "")
	b.untouched()
}

// Nobody gets a sandbox address in the place of another.
func TestSandboxExchange(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		b := newBench(t, setup{live: live})
		user := b.want(b.do("POST", "/v1/users", bodyOf("email", johnEmail)), 201, "").text("user_id")
		path, phone, email := "/v1/users/"+user+"/exchange_primary_factor", "duplicate_phone_number", "duplicate_email"
		if live {
			phone, email = "invalid_phone_number_sandbox", "invalid_email_sandbox"
		}
		b.want(b.do("PUT", path, `{"phone_number": "`+sandboxPhone+`"}`), 400, phone)
		b.want(b.do("PUT", path, `{"email_address": "Sandbox@stytch.com"}`), 400, email)
	}
}

// The sandbox user's session: always the same, always alive, and nowhere kept.
func TestSandboxSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, storeDown)
	check := func(r result, method, expires string) {
		t.Helper()
		b.want(r, 200, "")
		if r.text("session_token") != sandboxToken || r.session("session_id") != sandboxSessionID || r.session("user_id") != sandboxUserID ||
			r.session("started_at") != "2021-08-28T00:41:58.935673Z" || r.session("expires_at") != expires || !reflect.DeepEqual(r.factors(), []string{method}) {
			t.Errorf("%s", r.raw)
		}
		if user := r.body["user"].(map[string]any); user["user_id"] != sandboxUserID {
			t.Errorf("%s", r.raw)
		}
		inner := payload(t, r.text("session_jwt"))["https://stytch.com/session"].(map[string]any)
		if inner["id"] != sandboxSessionID || !strings.Contains(r.raw, `"last_authenticated_at":"2026-01-15T12:00:00Z","created_at":"2026-01-15T12:00:00Z"`) {
			t.Errorf("the JWT says %v", inner)
		}
	}
	for range 2 {
		r := b.checkToken(sandboxToken)
		check(r, "email", "2026-01-15T13:00:00Z")
		check(b.checkJWT(r.text("session_jwt")), "email", "2026-01-15T13:00:00Z")
		check(b.post(checkSession, `{"session_token": %q, "session_duration_minutes": 5}`, sandboxToken), "email", "2026-01-15T12:05:00Z")
		check(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_duration_minutes": 30}`, sandboxPhoneID), "sms", "2026-01-15T12:30:00Z")
		check(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_token": %q}`, sandboxEmailID, sandboxToken), "email", "2026-01-15T13:00:00Z")
		check(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_jwt": %q}`, sandboxEmailID, r.text("session_jwt")), "email", "2026-01-15T13:00:00Z")
		check(b.post(checkTOTP, `{"user_id": %q, "totp_code": "000000", "session_duration_minutes": 60}`, sandboxUserID), "authenticator_app", "2026-01-15T13:00:00Z")
		check(b.post(recoverTOTP, `{"user_id": %q, "recovery_code": "a1b2-c3d4-e5f6", "session_token": %q}`, sandboxUserID, sandboxToken), "recovery_code", "2026-01-15T13:00:00Z")
		for _, by := range []string{`"session_token": "` + sandboxToken + `"`, `"session_id": "` + sandboxSessionID + `"`, `"session_jwt": "` + r.text("session_jwt") + `"`} {
			b.want(b.post(revoke, `{%s}`, by), 200, "")
		}
		b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, sandboxEmail, sandboxToken), 200, "")
		b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": {}}`, sandboxToken), 403, "consumer_session_authorization_error")
	}
	b.want(b.checkToken(sandboxDeadToken), 404, "session_not_found")
	b.want(b.post(revoke, `{"session_token": %q}`, sandboxDeadToken), 404, "session_not_found")
	b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, sandboxDeadToken), 404, "session_not_found")
	b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, sandboxToken), 404, "session_not_found")
	b.want(b.do("GET", listSessions+sandboxUserID, ""), 404, "user_not_found")

	// Requests are checked as anybody's, before the code is.
	for fields, kind := range map[string]string{
		`"session_duration_minutes": 4`:                               "invalid_session_duration_minutes",
		`"session_duration_minutes": 60, "session_custom_claims": []`: "bad_request",
		`"session_token": "x"`:                                        "invalid_session_token",
		`"session_token": "` + sandboxDeadToken + `"`:                 "session_not_found",
		`"session_jwt": "x"`:                                          "unable_to_parse_session_jwt",
		`"session_duration_minutes": 60, "session_custom_claims": {"a": "` + strings.Repeat("x", 4096) + `"}`:  "custom_claims_too_large",
		`"session_token": "` + sandboxToken + `", "session_custom_claims": {"https://stytch.com/session": {}}`: "stytch_claims_in_custom_claims",
	} {
		for _, code := range []string{"000000", "000001"} {
			if r := b.post(checkCode, `{"method_id": %q, "code": %q, %s}`, sandboxPhoneID, code, fields); r.kind() != kind {
				t.Errorf("%.80s: %s", fields, r.raw)
			}
		}
	}

	// What a client puts into the JWT of the sandbox does not get there.
	r := b.want(b.post(checkSession, `{"session_token": %q, "session_custom_claims": {"sub": %q, "a": 1}}`, sandboxToken, accounts.UserID.New(false)), 200, "")
	if claims := payload(t, r.text("session_jwt")); claims["sub"] != sandboxUserID || claims["a"] != nil {
		t.Errorf("%v", claims)
	}
	b.untouched()
}

// Sessions of others are not the sandbox user's, nor the other way round.
func TestSandboxSessionOfOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	login := b.login(`"session_duration_minutes": 60`)
	token := login.text("session_token")
	b.want(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_token": %q}`, sandboxPhoneID, token), 400, "user_id_mismatch")
	b.want(b.post(checkTOTP, `{"user_id": %q, "totp_code": "000000", "session_token": %q}`, sandboxUserID, token), 400, "user_id_mismatch")
	b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, sandboxEmail, token), 400, "duplicate_email")
	b.want(b.post(smsSend, `{"phone_number": %q, "session_jwt": %q}`, sandboxPhone, login.text("session_jwt")), 400, "duplicate_phone_number")
	b.want(b.post(smsSend, `{"phone_number": %q, "session_token": %q}`, sandboxPhone, spoiled(token)), 404, "session_not_found")
	b.want(b.post(checkTOTP, `{"user_id": %q, "totp_code": "000000", "session_token": %q}`, login.text("user_id"), sandboxToken), 400, "user_id_mismatch")
	b.want(b.post(recoverTOTP, `{"user_id": %q, "recovery_code": "a1b2-c3d4-e5f6", "session_token": %q}`, login.text("user_id"), sandboxDeadToken), 404, "session_not_found")
	b.want(b.enterTOTP(login.text("user_id"), sandboxCode), 404, "totps_not_found_for_user")
	b.want(b.checkToken(token), 200, "")
}

func TestSandboxTOTP(t *testing.T) {
	t.Parallel()
	b := newBench(t, storeDown)
	for range 30 { // more than any lock allows
		r := b.want(b.post(createTOTP, `{"user_id": %q}`, sandboxUserID), 200, "")
		if r.text("totp_id") != sandboxTOTPID || len(r.text("secret")) != 32 || !strings.HasPrefix(r.text("qr_code"), "data:image/png;base64,") || r.text("user_id") != sandboxUserID {
			t.Fatalf("%s", r.raw)
		}
		b.want(b.enterTOTP(sandboxUserID, "000001"), 401, "unable_to_authenticate_totp")
		b.want(b.enterTOTP(sandboxUserID, "00000"), 400, "invalid_totp_code")
		b.want(b.enterTOTP(sandboxUserID, sandboxRecoveryCode), 400, "recovery_code_used_as_totp_code")
		b.want(b.enterRecovery(sandboxUserID, "a1b2-c3d4-e5f7"), 401, "unable_to_authenticate_recovery_code")
		b.want(b.enterRecovery(sandboxUserID, "a1b2"), 400, "invalid_recovery_code")
		b.want(b.enterRecovery(sandboxUserID, sandboxCode), 400, "totp_code_used_as_recovery_code")
		if r := b.want(b.enterTOTP(sandboxUserID, sandboxCode), 200, ""); r.text("totp_id") != sandboxTOTPID {
			t.Errorf("%s", r.raw)
		}
		b.want(b.enterRecovery(sandboxUserID, sandboxRecoveryCode), 200, "")
		if r := b.want(b.post(recoveryCodes, `{"user_id": %q}`, sandboxUserID), 200, ""); !strings.Contains(r.raw, `"recovery_codes":["a1b2-c3d4-e5f6"]`) {
			t.Errorf("%s", r.raw)
		}
	}
	b.want(b.post(createTOTP, `{"user_id": %q, "expiration_minutes": 1}`, sandboxUserID), 400, "invalid_expiration")
	b.untouched()
}
