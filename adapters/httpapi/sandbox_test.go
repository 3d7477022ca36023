package httpapi

import (
	"fmt"
	"testing"
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
	b.want(b.post(smsSend, `{"phone_number": %q, "user_id": "x"}`, sandboxPhone), 400, "bad_request")
	b.want(b.post(smsSend, `{"phone_number": %q, "user_id": %q}`, johnPhone, sandboxUserID), 404, "user_not_found")

	// Fields are checked as for anybody.
	b.want(b.post(smsLogin, `{"phone_number": %q, "locale": "xx"}`, sandboxPhone), 400, "invalid_locale")
	b.want(b.post(checkCode, `{"method_id": %q, "code": "000000", "session_duration_minutes": 5}`, sandboxPhoneID), 400, "bad_request")
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
	b.untouched()

	// Behind the handler's own checks the sandbox is as closed.
	s := b.api.accounts
	if _, err := s.Authenticate(t.Context(), sandboxPhoneID, sandboxCode); err == nil {
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
