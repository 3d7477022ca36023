package httpapi

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFlows(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{"sms", "whatsapp", "email"} {
		for _, call := range []string{"login_or_create", "send"} {
			t.Run(channel+"/"+call, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, setup{})
				address, id := johnPhone, "phone_id"
				if channel == "email" {
					address, id = johnEmail, "email_id"
				}
				body, path := bodyOf(channel, address), "/v1/otps/"+channel+"/"+call
				if call == "send" {
					b.want(b.do("POST", "/v1/users", body), 201, "")
				}
				first := b.want(b.do("POST", path, body), 200, "")
				early := b.code(address)
				if m, _ := b.kit.Inbox.Last(address); string(m.Channel) != channel {
					t.Errorf("sent by %s", m.Channel)
				}
				b.kit.Clock.Advance(2*time.Minute - time.Second)
				b.want(b.authenticate(first.text(id), early), 200, "")
				b.want(b.authenticate(first.text(id), early), 401, "unable_to_auth_otp_code")

				// A new code replaces the old one, for the same user.
				second := b.want(b.do("POST", path, body), 200, "")
				old := b.code(address)
				b.want(b.do("POST", path, body), 200, "")
				code := b.code(address)
				if old != code {
					b.want(b.authenticate(second.text(id), old), 404, "otp_code_not_found")
				}
				b.kit.Clock.Advance(2 * time.Minute)
				b.want(b.authenticate(second.text(id), code), 401, "unable_to_auth_otp_code")
				if second.text(id) != first.text(id) || second.text("user_id") != first.text("user_id") {
					t.Errorf("ids changed: %s", second.raw)
				}

				_, said := first.body["user_created"]
				if said != (call == "login_or_create") {
					t.Errorf("user_created is there: %t", said)
				}
				if said && (first.body["user_created"] != true || second.body["user_created"] != false) {
					t.Errorf("user_created: %v, then %v", first.body["user_created"], second.body["user_created"])
				}
			})
		}
	}
}

func TestExpirationMinutes(t *testing.T) {
	t.Parallel()
	for minutes := 1; minutes <= 10; minutes++ {
		b := newBench(t, setup{})
		for _, late := range []time.Duration{-time.Second, 0} {
			r := b.want(b.post("/v1/otps/email/login_or_create", `{"email": %q, "expiration_minutes": %d}`, johnEmail, minutes), 200, "")
			b.kit.Clock.Advance(time.Duration(minutes)*time.Minute + late)
			status, kind := 200, ""
			if late == 0 {
				status, kind = 401, "unable_to_auth_otp_code"
			}
			b.want(b.authenticate(r.text("email_id"), b.code(johnEmail)), status, kind)
		}
	}
}

// Fields reach the message and the user.
func TestFields(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	r := b.want(b.post("/v1/otps/sms/login_or_create", `{
		"phone_number": %q, "locale": "pt-br", "create_user_as_pending": true, "expiration_minutes": null, "Phone_Number": 5, "later": [{}],
		"attributes": {"ip_address": "2001:db8::1", "user_agent": "Mozilla/5.0", "other": null}}`, johnPhone), 200, "")
	if m, _ := b.kit.Inbox.Last(johnPhone); m.Locale != "pt-br" || !strings.Contains(m.Body.Reveal(), "Seu código") {
		t.Errorf("the message is in %q", m.Locale)
	}
	get := func() string { return b.want(b.do("GET", "/v1/users/"+r.text("user_id"), ""), 200, "").text("status") }
	if s := get(); s != "pending" {
		t.Errorf("the user is %s", s)
	}
	b.want(b.authenticate(r.text("phone_id"), b.code(johnPhone)), 200, "")
	if s := get(); s != "active" {
		t.Errorf("the user is %s after the code", s)
	}
}

// A code that a person typed with a gap is the code.
func TestCodeAsTyped(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	id := b.signUp()
	code := b.code(johnPhone)
	b.want(b.authenticate(id, code[:3]+" "+code[3:]), 200, "")
}

// What is malformed is refused, whether or not the code needs it, and uses up
// no code.
func TestRequestIsCheckedFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	id := b.signUp()
	code := b.code(johnPhone)
	for field, kind := range map[string]string{
		`"options": {"ip_match_required": 1}`:              "bad_request",
		`"options": {"user_agent_match_required": "true"}`: "bad_request",
		`"options": true`:                                   "bad_request",
		`"attributes": {"ip_address": "1.2.3"}`:             "invalid_ip_address",
		`"attributes": {"ip_address": "fe80::1%eth0"}`:      "invalid_ip_address",
		`"attributes": {"ip_address": "192.0.2.1:80"}`:      "invalid_ip_address",
		`"attributes": {"user_agent": "a\nb"}`:              "invalid_user_agent",
		`"attributes": {"user_agent": ["Mozilla/5.0 (X)"]}`: "bad_request",
	} {
		b.want(b.post("/v1/otps/authenticate", `{"method_id": %q, "code": %q, %s}`, id, code, field), 400, kind)
	}
	b.want(b.post("/v1/otps/authenticate", `{"method_id": %q, "code": %q, "telemetry_id": 5,
		"session_token": "", "session_jwt": null, "session_duration_minutes": 0, "session_custom_claims": { },
		"options": {"ip_match_required": false, "user_agent_match_required": null}}`, id, code), 200, "")
}

func TestSendToUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	john := b.want(b.post("/v1/users", `{"phone_number": %q, "external_id": "john|1"}`, johnPhone), 201, "")
	send := func(selector string) result {
		t.Helper()
		return b.post("/v1/otps/sms/send", `{"phone_number": %q, %s}`, johnPhone, selector)
	}
	for _, selector := range []string{
		fmt.Sprintf(`"user_id": %q`, john.text("user_id")),
		`"user_id": "john|1"`,
		`"user_id": "", "session_token": null`,
	} {
		r := b.want(send(selector), 200, "")
		if r.text("user_id") != john.text("user_id") || r.text("phone_id") != john.text("phone_id") {
			t.Errorf("%s: %s", selector, r.raw)
		}
	}
	sent := b.kit.Inbox.Len()
	b.want(send(`"user_id": "nobody"`), 404, "user_not_found")
	b.want(send(`"user_id": "no body"`), 400, "invalid_user_id")
	b.want(send(`"user_id": "john|1", "session_jwt": "x"`), 400, "too_many_user_selection_arguments")
	b.want(send(`"session_token": "x", "session_jwt": "x"`), 400, "too_many_user_selection_arguments")
	if n := b.kit.Inbox.Len(); n != sent {
		t.Errorf("%d messages were sent for refused requests", n-sent)
	}
}

// An address that is sent to for a user becomes the user's for five minutes,
// and for good with the code.
func TestSendAddsAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	b.signUp() // John has the phone
	jane := b.want(b.do("POST", emailLogin, bodyOf("email", johnEmail)), 200, "")
	user, other := jane.text("user_id"), "+12025550163"
	send := func(phone string) result {
		t.Helper()
		return b.post(smsSend, `{"phone_number": %q, "user_id": %q}`, phone, user)
	}
	phones := func() int {
		t.Helper()
		return len(b.do("GET", "/v1/users/"+user, "").body["phone_numbers"].([]any))
	}
	b.want(send(other), 400, "too_many_unverified_factors")
	b.want(b.authenticate(jane.text("email_id"), b.code(johnEmail)), 200, "")
	b.want(send(johnPhone), 400, "duplicate_phone_number")
	b.want(send("+46701234567"), 400, "invalid_phone_number_country_code")
	if n := phones(); n != 0 {
		t.Errorf("%d phone numbers", n)
	}
	sent := b.want(send(other), 200, "")
	if n := phones(); n != 1 || sent.text("user_id") != user {
		t.Errorf("%d phone numbers, %s", n, sent.raw)
	}
	b.want(send("+12025550164"), 400, "too_many_unverified_factors")
	b.kit.Clock.Advance(5 * time.Minute)
	if n := phones(); n != 0 {
		t.Errorf("%d phone numbers after five minutes", n)
	}
	b.want(b.authenticate(sent.text("phone_id"), b.code(other)), 404, "otp_code_not_found")
	b.want(b.do("POST", smsSend, bodyOf("sms", other)), 404, "phone_number_not_found")

	sent = b.want(send(other), 200, "")
	b.want(b.authenticate(sent.text("phone_id"), b.code(other)), 200, "")
	b.kit.Clock.Advance(5 * time.Minute)
	if login := b.want(b.do("POST", smsLogin, bodyOf("sms", other)), 200, ""); login.text("user_id") != user {
		t.Errorf("%s", login.raw)
	}
}

// Of any number of requests with one right code, one is accepted.
func TestAuthenticateRace(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	id := b.signUp()
	code := b.code(johnPhone)
	results := make([]result, 32)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = b.authenticate(id, code) })
	}
	group.Wait()
	accepted := 0
	for _, r := range results {
		if r.status == 200 {
			accepted++
			continue
		}
		b.want(r, 401, "unable_to_auth_otp_code")
	}
	if accepted != 1 {
		t.Errorf("%d of %d were accepted", accepted, len(results))
	}
}

// Racing sign-ups of one new address make one user.
func TestSignUpRace(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	results := make([]result, 5) // as many as the budget of sends allows
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = b.do("POST", "/v1/otps/sms/login_or_create", bodyOf("sms", johnPhone)) })
	}
	group.Wait()
	created := 0
	for _, r := range results {
		b.want(r, 200, "")
		if r.body["user_created"] == true {
			created++
		}
		if r.text("user_id") != results[0].text("user_id") {
			t.Errorf("users %s and %s", r.text("user_id"), results[0].text("user_id"))
		}
	}
	if created != 1 {
		t.Errorf("%d requests created the user", created)
	}
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// The bodies of successes, member by member.
func TestBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	check := func(what string, r result, want string) {
		t.Helper()
		want = regexp.MustCompile(`\n\s*`).ReplaceAllString(want, "")
		if got := uuid.ReplaceAllString(r.raw, "UUID"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, want)
		}
	}
	const rest = `"created_at":"2026-01-15T12:00:00Z","is_locked":false,"password":null,"totps":[],
		"webauthn_registrations":[],"biometric_registrations":[],"providers":[],"crypto_wallets":[]`
	const phone = `"user_id":"user-test-UUID","status":"active","name":{"first_name":"","middle_name":"","last_name":""},
		"emails":[],"phone_numbers":[{"phone_id":"phone-number-test-UUID","phone_number":"+12025550162","verified":false}],
		"external_id":null,"roles":[],"trusted_metadata":{},"untrusted_metadata":{},` + rest

	created := b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
	check("create", created, `{"request_id":"request-id-test-UUID","status_code":201,"user_id":"user-test-UUID","email_id":"",
		"phone_id":"phone-number-test-UUID","status":"active","user":{`+phone+`}}`)
	check("get", b.do("GET", "/v1/users/"+created.text("user_id"), ""),
		`{"request_id":"request-id-test-UUID","status_code":200,`+phone+`}`)
	check("send", b.do("POST", "/v1/otps/whatsapp/send", bodyOf("whatsapp", johnPhone)),
		`{"request_id":"request-id-test-UUID","status_code":200,"user_id":"user-test-UUID","phone_id":"phone-number-test-UUID"}`)
	check("authenticate", b.authenticate(created.text("phone_id"), b.code(johnPhone)),
		`{"request_id":"request-id-test-UUID","status_code":200,"user_id":"user-test-UUID","method_id":"phone-number-test-UUID",
		"session_token":"","session_jwt":"","session":null,"reset_sessions":false,"user":{`+
			strings.Replace(phone, `"verified":false`, `"verified":true`, 1)+`},"user_device":null}`)
	check("login", b.do("POST", "/v1/otps/email/login_or_create", bodyOf("email", johnEmail)),
		`{"request_id":"request-id-test-UUID","status_code":200,"user_id":"user-test-UUID","email_id":"email-test-UUID","user_created":true}`)

	full := b.do("POST", "/v1/users", `{"email":"Jane@Example.com","phone_number":"+12025550163","name":{"first_name":"Jane","middle_name":null,"last_name":"<Doe>"},
		"create_user_as_pending":true,"external_id":"a|b","trusted_metadata":{"n": 1e40, "x":{"y":null}},"untrusted_metadata":{},"roles":["admin"]}`)
	const jane = `"user_id":"user-test-UUID","status":"pending","name":{"first_name":"Jane","middle_name":"","last_name":"\u003cDoe\u003e"},
		"emails":[{"email_id":"email-test-UUID","email":"jane@example.com","verified":false}],
		"phone_numbers":[{"phone_id":"phone-number-test-UUID","phone_number":"+12025550163","verified":false}],
		"external_id":"a|b","roles":["admin"],"trusted_metadata":{"n":1e40,"x":{"y":null}},"untrusted_metadata":{},` + rest
	check("create in full", full, `{"request_id":"request-id-test-UUID","status_code":201,"user_id":"user-test-UUID","email_id":"email-test-UUID",
		"phone_id":"phone-number-test-UUID","status":"pending","user":{`+jane+`}}`)
	check("get by external id", b.do("GET", "/v1/users/a%7Cb", ""), `{"request_id":"request-id-test-UUID","status_code":200,`+jane+`}`)
}

// A server that is a real one adds nothing to an answer, and takes no body
// away.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	server := httptest.NewServer(b.api)
	defer server.Close()
	for _, path := range []string{"", "/", "//v1/users", "/v1//users", "/v1/users/", "/v1/../v1/users", "/v1/otps/sms/../email/send"} {
		c := curl{method: "POST", host: "localhost", path: "/" + strings.TrimPrefix(path, "/"), header: "Content-Type: application/json", body: "{}"}
		b.want(c.send(t, b, server), 404, "route_not_found")
	}
}
