package httpapi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A generator makes requests of which most are wrong in some way.
type generator struct {
	*rand.Rand
	project, secret string
}

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

// spoil changes some bytes of s, now and then.
func (g *generator) spoil(s string) string {
	if g.IntN(3) > 0 {
		return s
	}
	b := []byte(s)
	for range 1 + g.IntN(4) {
		i := g.IntN(len(b) + 1)
		switch g.IntN(4) {
		case 0:
			b = append(b[:i:i], append([]byte{byte(g.IntN(256))}, b[i:]...)...)
		case 1:
			b = b[:i]
		case 2:
			b = append(b[:i:i], append([]byte(g.pick("%2F", "%00", "%", "//", "\\u0000", "\\ud800", `"`, "{", "\xff", "\u202e", "\r\n", ",")), b[i:]...)...)
		case 3:
			b = append(b, b[i:]...)
		}
		if len(b) == 0 {
			break
		}
	}
	return string(b)
}

func (g *generator) path() string {
	if g.IntN(10) == 0 {
		return "/" + g.spoil(g.pick("", "v1", "v1/users/emails/x", "v1/sessions/jwks/x", "v1/sessions/jwks/"+testProject, "v2/otps/sms/send", "../../etc/passwd", "v1//users"))
	}
	return g.spoil(g.pick(smsLogin, smsSend, emailLogin, emailSend, checkCode, checkSession, revoke, listSessions+sandboxUserID, createTOTP, checkTOTP, recoverTOTP, recoveryCodes, "/v1/users", "/v1/users", "/v1/users", "/v1/users/search",
		"/v1/users/"+sandboxUserID, "/v1/users/a%7Cb", "/v1/users/a%7Cb/exchange_primary_factor", "/v1/users/emails/"+sandboxEmailID))
}

// usual are values that the fields take.
var usual = map[string]string{
	"phone_number": `"+12025550162"`, "email": `"john@example.com"`, "code": `"000000"`, "method_id": `"` + sandboxPhoneID + `"`, "user_id": `"` + sandboxUserID + `"`,
	"expiration_minutes": "5", "locale": `"fr"`, "attributes": `{"ip_address":"::1"}`, "options": "{}", "name": `{"first_name":"x"}`, "external_id": `"a|b"`,
	"totp_code": `"000000"`, "recovery_code": `"a1b2-c3d4-e5f6"`, "session_token": `"` + sandboxToken + `"`, "session_id": `"` + sandboxSessionID + `"`,
	"session_duration_minutes": "60", "session_custom_claims": `{"a":{"b":null}}`,
	"trusted_metadata": `{"a":{"b":[1]}}`, "roles": `["x"]`, "create_user_as_pending": "true",
	"email_address": `"jane@example.com"`, "emails": `[{"email":"jane@example.com"}]`, "phone_numbers": `[{"phone_number":"+12025550163"}]`,
	"cursor": `""`, "limit": "10", "query": `{"operator":"OR","operands":[{"filter_name":"status","filter_value":"active"},{"filter_name":"email_address_fuzzy","filter_value":"john"}]}`,
}

func (g *generator) value(field string) string {
	if v := usual[field]; v != "" && g.IntN(3) > 0 {
		return v
	}
	return g.pick(`"x"`, `""`, "null", "0", "-1", "1e999", "true", "[]", "{}", `{"a":{"a":1,"a":2}}`, `"\ud800"`, `"+46701234567"`, `"+10000000000"`, `"sandbox@stytch.com"`,
		"12345678901234567890", strings.Repeat("[", 40), `"`+strings.Repeat("x", g.IntN(20000))+`"`)
}

func (g *generator) body() string {
	var fields []string
	for range g.IntN(6) {
		name := g.pick("phone_number", "phone_number", "phone_number", "email", "email", "email", "code", "method_id", "expiration_minutes", "locale", "attributes", "user_id", "session_token", "session_jwt",
			"session_duration_minutes", "session_custom_claims", "session_id", "authorization_check", "totp_code", "recovery_code", "options", "name", "external_id", "trusted_metadata", "roles", "create_user_as_pending", "login_template_id", "x", "__proto__",
			"email_address", "emails", "phone_numbers", "cursor", "limit", "query")
		fields = append(fields, fmt.Sprintf("%q:%s", name, g.value(name)))
	}
	return g.spoil("{" + strings.Join(fields, ",") + "}")
}

func (g *generator) authorization() string {
	credentials := base64.StdEncoding.EncodeToString([]byte(g.project + ":" + g.secret))
	if g.IntN(5) > 0 {
		return "Authorization: Basic " + credentials + "\r\n"
	}
	return g.pick("", "Authorization: Basic\r\n", "Authorization: Basic "+credentials[1:]+"\r\n", "Authorization: Bearer x\r\n",
		"Authorization: Basic "+credentials+"\r\nAuthorization: Basic "+credentials+"\r\n", "Authorization: "+g.spoil("Basic "+credentials)+"\r\n")
}

// request returns a request as bytes.
func (g *generator) request() []byte {
	body := g.body()
	length := len(body)
	if g.IntN(20) == 0 {
		length = g.IntN(40000)
	}
	framing := fmt.Sprintf("Content-Length: %d\r\n", length)
	if g.IntN(20) == 0 {
		framing, body = "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n%s", len(body), body, g.pick("0\r\n\r\n", "zz\r\n", ""))
	}
	path, method := g.path(), "POST"
	if strings.HasPrefix(path, "/v1/users/") && g.IntN(2) == 0 {
		method = g.pick("PUT", "DELETE", "POST")
	} else if strings.HasPrefix(path, "/v1/users/") || strings.HasPrefix(path, "/v1/sessions") && g.IntN(2) == 0 {
		method = "GET"
	}
	if g.IntN(4) == 0 {
		method = g.pick("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "post")
	}
	kind := g.pick("Content-Type: application/json\r\n", "Content-Type: application/json\r\n", "", "Content-Type: "+g.spoil("application/json; charset=utf-8")+"\r\n", "Content-Encoding: gzip\r\n")
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: test.example.com\r\n%s%s%s\r\n%s", method, path, g.authorization(), kind, framing, body)
}

// Whatever comes, the answer is JSON, complete, and not a server's fault.
func TestGeneratedRequests(t *testing.T) {
	t.Parallel()
	const requests = 10_000
	b := newBench(t, setup{})
	g := &generator{rand.New(rand.NewPCG(1, 2)), b.project, b.secret}
	statuses := make(map[int]int)
	for handled := 0; handled < requests; {
		raw := g.request()
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			continue // net/http refuses it; the handler never sees it
		}
		handled++
		w := httptest.NewRecorder()
		b.api.ServeHTTP(w, r)
		statuses[w.Code]++
		got := result{status: w.Code, header: w.Result().Header, raw: w.Body.String()}
		if w.Code >= 500 {
			t.Fatalf("%d for %q", w.Code, raw)
		}
		if r.Method == http.MethodHead {
			continue
		}
		if err := wellFormed(&got, false); err != nil {
			t.Fatalf("%v for %q\n%s", err, raw, got.raw)
		}
	}
	for _, status := range []int{200, 201, 400, 401, 404, 405} {
		if statuses[status] == 0 {
			t.Errorf("no request led to %d: the generator does not reach far enough", status)
		}
	}
	t.Log(statuses)
}
