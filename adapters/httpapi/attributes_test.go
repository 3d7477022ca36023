package httpapi

import (
	"testing"
	"time"
)

// The client that asked for the code and the one that enters it.
func TestMatchedAttributes(t *testing.T) {
	t.Parallel()
	const ip, agent = `"ip_address": "192.0.2.7"`, `"user_agent": "Mozilla/5.0"`
	for _, call := range []string{"login_or_create", "send"} {
		b := newBench(t, setup{})
		b.signUp()
		b.kit.Clock.Advance(time.Hour)
		for _, c := range []struct {
			asked, entered, options string
			ok                      bool
		}{
			{ip, ip, `"ip_match_required": true`, true},
			{ip, `"ip_address": "::ffff:192.0.2.7"`, `"ip_match_required": true`, true},
			{`"ip_address": "2001:DB8:0::1"`, `"ip_address": "2001:db8::0:1"`, `"ip_match_required": true`, true},
			{ip, `"ip_address": "192.0.2.8"`, `"ip_match_required": true`, false},
			{ip, agent, `"ip_match_required": true`, false},
			{agent, ip, `"ip_match_required": true`, false},
			{agent, agent, `"ip_match_required": true`, false},
			{agent, agent, `"user_agent_match_required": true`, true},
			{agent, `"user_agent": "mozilla/5.0"`, `"user_agent_match_required": true`, false},
			{ip + "," + agent, ip + "," + agent, `"ip_match_required": true, "user_agent_match_required": true`, true},
			{ip + "," + agent, ip, `"ip_match_required": true, "user_agent_match_required": true`, false},
			{ip, `"ip_address": "192.0.2.8"`, `"ip_match_required": false, "user_agent_match_required": null`, true},
			{"", ip, ``, true},
		} {
			b.kit.Clock.Advance(24 * time.Hour)
			sent := b.want(b.post("/v1/otps/sms/"+call, `{"phone_number": %q, "attributes": {%s}}`, johnPhone, c.asked), 200, "")
			r := b.post(checkCode, `{"method_id": %q, "code": %q, "attributes": {%s}, "options": {%s}}`, sent.text("phone_id"), b.code(johnPhone), c.entered, c.options)
			if c.ok {
				b.want(r, 200, "")
				continue
			}
			b.want(r, 401, "attribute_mismatch")
			if r.header.Get("WWW-Authenticate") != "" {
				t.Error("clients would ask again")
			}
			b.want(b.authenticate(sent.text("phone_id"), b.code(johnPhone)), 200, "") // the code is still good
		}
	}
}
