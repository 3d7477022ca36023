package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Bodies that no call takes, at every call that has one, DELETE included.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	valid := bodyOf("sms", johnPhone)
	bodies := []string{
		" ", "{", "}", "[]", "null", "true", "1", `"x"`, "{}{}", "{} x", valid + valid, valid + "\x00", "\ufeff" + valid,
		`{"phone_number": "+12025550162",}`, `{phone_number: "+12025550162"}`, `{'phone_number': '+12025550162'}`,
		`{"phone_number": "+12025550162" /* x */}`, `{"a": 01}`, `{"a": NaN}`, `{"a": 1e400}`, `{"a": +1}`, "{\"a\": \"\n\"}", `{"a": "\x"}`,
		`{"phone_number": "+12025550162", "phone_number": "+12025550162"}`,
		`{"phone_number": "+12025550162", "phone_n\u0075mber": "+12025550163"}`,
		`{"phone_number": "+12025550162", "x": {"a": 1, "a": 1}}`, `{"phone_number": "+12025550162", "x": [[{"a": 1, "b": {}, "a": 1}]]}`,
		"{\"a\": \"\xff\"}", "{\"\xc0\xaf\": 1}", "{\"a\": \"\xed\xa0\x80\"}", `{"a": "\ud800"}`, `{"a": "\ud800\u0041"}`, `{"a": "\udc00\ud800"}`, `{"a": "\u0000"}`, `{"\u0000": 1}`,
		`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33),
		strings.Repeat("[", 16000), strings.Repeat("{", 16000),
		strings.Repeat("x", 10<<20),
		"phone_number=%2B12025550162", "<phone_number>+12025550162</phone_number>",
	}
	for _, rt := range b.api.routes {
		if rt.method == "GET" {
			continue
		}
		path, limit := parameter.ReplaceAllString(rt.pattern, "x"), cmp.Or(int(rt.body), 16384)
		long := []string{`{"phone_number": "+12025550162", "x": "` + strings.Repeat("x", limit) + `"}`, strings.Repeat(" ", limit-len(valid)+1) + valid}
		for _, body := range slices.Concat(bodies, long) {
			if r := b.do(rt.method, path, body); r.status != 400 || r.kind() != "bad_request" {
				t.Errorf("%s %s with %.80q: %d %s", rt.method, path, body, r.status, r.kind())
			}
		}
	}
	b.untouched()
}

// Fields of a wrong type, at every call that has them.
func TestHostileFields(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	phones := []string{smsLogin, smsSend, "/v1/otps/whatsapp/login_or_create", "/v1/otps/whatsapp/send"}
	emails := []string{emailLogin, emailSend}
	sends := slices.Concat(phones, emails)
	users := []string{"/v1/users"}
	codes := []string{checkCode, checkTOTP, recoverTOTP}
	minutes := []string{`"5"`, "5.0", "5e0", "2.5", "true", "[5]", "{}", `""`}
	text := []string{"1", "true", "{}", `["x"]`, `[]`, `{"$ne": null}`}
	object := []string{"1", "true", `"x"`, "[]"}
	flag := []string{"1", "0", `"true"`, "{}", "[]"}
	for _, c := range []struct {
		field  string
		paths  []string
		values []string
	}{
		{"phone_number", slices.Concat(phones, users), text},
		{"email", slices.Concat(emails, users), text},
		{"expiration_minutes", append(sends, createTOTP), minutes},
		{"locale", sends, text},
		{"login_template_id", emails, text},
		{"attributes", slices.Concat(sends, users, codes), append(object, `{"ip_address": 1}`, `{"user_agent": {}}`)},
		{"user_id", []string{smsSend, emailSend, createTOTP, recoveryCodes, checkTOTP, recoverTOTP}, text},
		{"session_token", append(codes, smsSend, emailSend, checkSession, revoke), text},
		{"session_jwt", append(codes, smsSend, emailSend, checkSession, revoke), text},
		{"session_id", []string{revoke}, text},
		{"session_duration_minutes", append(codes, checkSession), minutes},
		{"session_custom_claims", append(codes, checkSession), object},
		{"authorization_check", []string{checkSession}, append(object, `{"action": 1}`, `{"resource_id": []}`)},
		{"totp_code", []string{checkTOTP}, append(text, "123456")},
		{"recovery_code", []string{recoverTOTP}, text},
		{"create_user_as_pending", []string{smsLogin, emailLogin, "/v1/users"}, flag},
		{"name", users, append(object, `{"first_name": 1}`, `{"last_name": []}`)},
		{"external_id", users, text},
		{"roles", users, []string{"1", `"x"`, "{}", "[1]", `["x", null]`, `[["x"]]`}},
		{"method_id", []string{checkCode}, text},
		{"code", []string{checkCode}, append(text, "123456")},
		{"options", []string{checkCode}, append(object, `{"ip_match_required": 1}`)},
	} {
		for _, path := range c.paths {
			for _, value := range c.values {
				fields := map[string]json.RawMessage{
					"phone_number": []byte(`"` + johnPhone + `"`), "email": []byte(`"` + johnEmail + `"`),
					"method_id": []byte(`"` + sandboxPhoneID + `"`), "code": []byte(`"000000"`),
				}
				fields[c.field] = []byte(value)
				body, _ := json.Marshal(fields)
				if r := b.do("POST", path, string(body)); r.status != 400 || r.kind() != "bad_request" {
					t.Errorf("%s with %s: %d %s", path, body, r.status, r.kind())
				}
			}
		}
	}
	b.untouched()
}

// Bodies that are odd and yet fine.
func TestLenientBodies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"\t\r\n {\"phone_number\"\n:\"+12025550162\"} \n", `{"\u0070hone_number": "\u002b12025550162"}`, `{"phone_number": "+12025550162", "PHONE_NUMBER": 1}`,
		`{"phone_number": "+12025550162", "x": {"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}, "y": 123456789012345678901234567890}`,
		`{"phone_number": "+12025550162", "x": "\ud83d\ude00 \\ud800 \\u0000"}`, `{"phone_number": "+12025550162", "attributes": null, "locale": null}`,
		`{"phone_number": "+12025550162", "x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		strings.Repeat(" ", 16384-len(bodyOf("sms", johnPhone))) + bodyOf("sms", johnPhone),
	} {
		b := newBench(t, setup{})
		b.want(b.do("POST", smsLogin, body), 200, "")
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for header, ok := range map[string]bool{
		"": true, "application/json": true, "application/json; charset=utf-8": true, "Application/JSON;charset=UTF-8": true, "application/json; x=y": true,
		"text/plain": false, "application/x-www-form-urlencoded": false, "application/json; charset=utf-16": false, "application/json; charset": false,
		"multipart/form-data; boundary=x": false, "application/jsonp": false, "text/json": false, ";": false, "application/json, text/plain": false,
	} {
		b := newBench(t, setup{})
		r := b.request("POST", smsLogin, bodyOf("sms", johnPhone))
		r.Header.Set("Content-Type", header)
		if header == "" {
			r.Header.Del("Content-Type")
		}
		if got := b.send(r); ok && got.status != 200 || !ok && got.kind() != "bad_request" {
			t.Errorf("%q: %d %s", header, got.status, got.kind())
		}
	}
}

// A client that goes away in the middle of its body, and a request without
// any.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	r := b.request("POST", smsLogin, "")
	r.Body = io.NopCloser(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(bodyOf("sms", johnPhone)))))
	b.want(b.send(r), 400, "bad_request")
	r = b.request("POST", smsLogin, "")
	r.Body = nil
	b.want(b.send(r), 400, "invalid_phone_number")
	b.untouched()
}

func TestHostileAddresses(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	refuse := func(channel, address, kind string) {
		t.Helper()
		quoted, _ := json.Marshal(address)
		field := map[bool]string{true: "email", false: "phone_number"}[channel == "email"]
		body := fmt.Sprintf(`{%q: %s}`, field, quoted)
		paths := []string{"/v1/otps/" + channel + "/login_or_create", "/v1/otps/" + channel + "/send"}
		if address != "" {
			paths = append(paths, "/v1/users")
		}
		for _, path := range paths {
			if r := b.do("POST", path, body); r.status != 400 || r.kind() != kind {
				t.Errorf("%s with %q: %d %s, want %s", path, address, r.status, r.kind(), kind)
			}
		}
	}
	for _, number := range []string{
		"", "+", "++12025550162", "12025550162", "0012025550162", "+1 202 555 0162", "+1(202)5550162", "+1-202-555-0162", "+1202555016", "+120255501620000",
		"+1202555ABCD", "+12025550162x5", "+12025550162;ext=5", "+12025550162#5", "+12025550162,5", "tel:+12025550162", " +12025550162", "+12025550162 ", "+12025550162\n",
		"+１２０２５５５０１６２", "＋12025550162", "+٠١٢٣٤٥٦٧٨٩", "+1202555016\u0662", "\u202e+12025550162", "+1202555\u200b0162", "+12025550162\u200f", "+1202555\u00ad0162", "+12025550162\u0301",
		"+00000000000", "+1", "+999999999999999", "+12025550162'--", "+12025550162\" OR 1=1", "${jndi:ldap://x}", strings.Repeat("1", 8000), "+" + strings.Repeat("1", 8000),
	} {
		refuse("sms", number, "invalid_phone_number")
		refuse("whatsapp", number, "invalid_phone_number")
	}
	refuse("sms", "+881612345678", "invalid_phone_number_country_code") // satellites belong to no country
	for _, address := range []string{
		"", "@", "john", "john@", "@example.com", "john@example", "john@@example.com", "john@example.com@example.org", "john @example.com", "john@ example.com", "john@example.com ",
		"john(comment)@example.com", "john@(comment)example.com", "John <john@example.com>", "<john@example.com>", `"john"@example.com`, `"john@evil"@example.com`, `"a> ORCPT=b"@example.com`,
		"john@example.com\r\nBcc: jane@example.com", "john\r\n@example.com", "john@example.com\n", "john%0d%0a@example.com", "john@example.com,jane@example.com", "john@example.com;jane@example.com",
		"john@[127.0.0.1]", "john@[IPv6:::1]", "john@127.0.0.1", "john@example..com", ".john@example.com", "john.@example.com", "jo..hn@example.com", "john@-example.com", "john@example.com.",
		"jöhn@example.com", "john@exämple.com", "john\u200b@example.com", "\u202ejohn@example.com", "john@example。com", "john%example.org@example.com", "mailto:john@example.com@",
		"-oX@example.com", strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a.", 130) + "com", strings.Repeat("a", 8000) + "@example.com",
	} {
		refuse("email", address, "invalid_email")
	}
	for _, id := range []string{
		"", "x", "phone-number-test-", "PHONE-NUMBER-TEST-" + sandboxPhoneID[len("phone-number-test-"):], sandboxPhoneID + "0", " " + sandboxPhoneID, sandboxUserID,
		strings.ToUpper(sandboxPhoneID), strings.Replace(sandboxPhoneID, "-test-", "-live-", 1), strings.Replace(sandboxPhoneID, "-40c0-", "-40g0-", 1), strings.Replace(sandboxPhoneID, "-40c0-", "40c0--", 1), "../" + sandboxPhoneID, strings.Repeat("x", 9000),
	} {
		b.want(b.authenticate(id, "000000"), 400, "invalid_method_id")
	}
	b.untouched()
}

func TestHostileCodes(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	id := b.signUp()
	for _, code := range []string{"", "0", "12345", "1234567", "abcdef", "12 34", "-12345x", "1e5", "0x1234", "١٢٣", "12345\u200b6", "123456'", strings.Repeat("1", 9000), "null", "%d%d%d"} {
		quoted, _ := json.Marshal(code)
		b.want(b.post(checkCode, `{"method_id": %q, "code": %s}`, id, quoted), 400, "invalid_code")
	}
	b.want(b.authenticate(id, b.code(johnPhone)), 200, "") // none of them cost a guess
}
