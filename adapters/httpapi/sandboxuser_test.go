package httpapi

import "testing"

// Nobody gets a sandbox address besides another, however it is spelled.
func TestSandboxUpdate(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		b := newBench(t, setup{live: live})
		sent := b.want(b.do("POST", smsLogin, bodyOf("sms", johnPhone)), 200, "")
		b.want(b.authenticate(sent.text("phone_id"), b.code(johnPhone)), 200, "") // an address may be added
		path, phone, email := "/v1/users/"+sent.text("user_id"), "duplicate_phone_number", "duplicate_email"
		if live {
			phone, email = "invalid_phone_number_sandbox", "invalid_email_sandbox"
		}
		b.want(b.do("PUT", path, `{"phone_numbers": [{"phone_number": "`+sandboxPhone+`"}]}`), 400, phone)
		b.want(b.do("PUT", path, `{"phone_number": "`+sandboxPhone+`"}`), 400, phone)
		b.want(b.do("PUT", path, `{"emails": [{"email": "`+sandboxEmail+`"}]}`), 400, email)
		b.want(b.do("PUT", path, `{"email": "Sandbox@stytch.com"}`), 400, email)
		if emails := b.do("GET", path, "").body["emails"].([]any); len(emails) != 0 {
			t.Errorf("live %t: %v", live, emails)
		}
		for _, body := range []string{"", bodyOf("sms", sandboxPhone), bodyOf("email", sandboxEmail), bodyOf("email", johnEmail)} {
			if !live {
				b.want(b.do("PUT", "/v1/users/"+sandboxUserID, body), 404, "user_not_found")
			}
		}
	}
}
