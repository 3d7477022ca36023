package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, path := range []string{
		"/", "//", "/v1", "/v1/", "/v2/users", "/v1/otps", "/v1/otps/sms", "/v1/otps/sms/send/x", "/v1/otps/voice/send", "/v1/otps/SMS/send",
		"/v1/otps/authenticate/", "//v1/otps/authenticate", "/v1//otps/authenticate", "/v1/otps/./authenticate", "/v1/otps/x/../authenticate",
		"/v1/otps%2Fauthenticate", "/v1/otps%2fauthenticate", "/v1/otps/%2e/authenticate", "/v1/users/", "/v1/users//", "/v1/users/.", "/v1/users/..",
		"/v1/users/%2e%2e", "/v1/users/a%2Fb", "/v1/users/a/b", "/v1/users/%2F", "/v1/Users/x", "/v1/sessions/", "/v1/sessions/x", "/v1/sessions/jwks", "/v1/sessions/jwks/x/y", "/v1/totps/x", "/v1/totps/", "/v1/users/emails/x/y", "/v1/users/x/emails", "/v1/users/x/connected_apps/y",
		"/favicon.ico", "/v1/otps/authenticate%00", "/v1/otps/authenticate%20", "/V1/users", "/index.html",
	} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			r := b.do(method, path, "{}")
			if r.status != 404 || r.kind() != "route_not_found" {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.kind())
			}
			if r.header.Get("Location") != "" {
				t.Errorf("%s %s: redirected", method, path)
			}
		}
	}
	for _, path := range []string{"", "*", "v1/users", "?"} { // as no client writes them but a server may see them
		r := b.request("POST", "/", "{}")
		r.URL.Path, r.URL.RawPath = path, ""
		b.want(b.send(r), 404, "route_not_found")
	}
}

func TestEncodedPaths(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	b.want(b.post("/v1/users", `{"email": %q, "external_id": "a|b.c_d-E"}`, johnEmail), 201, "")
	for _, id := range []string{"a|b.c_d-E", "a%7Cb.c_d-E", "%61%7cb%2Ec%5Fd%2DE"} {
		b.want(b.do("GET", "/v1/users/"+id, ""), 200, "")
	}
	b.want(b.do("GET", "/%761/%75sers/a%7Cb.c_d-E?a=b&%", ""), 200, "")
	for _, id := range []string{"a%00", "%C3%A4", "%FF", "a+b", "a%20b", "a%3Fb", "%252e", strings.Repeat("a", 129), "a%0d%0aX:y"} {
		b.want(b.do("GET", "/v1/users/"+id, ""), 400, "invalid_user_id")
	}
	b.want(b.do("GET", "/v1/users/"+strings.Repeat("a", 128), ""), 404, "user_not_found")
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for path, allow := range map[string]string{
		smsLogin: "POST", smsSend: "POST", emailLogin: "POST", emailSend: "POST", checkCode: "POST",
		"/v1/otps/whatsapp/login_or_create": "POST", "/v1/otps/whatsapp/send": "POST",
		"/v1/users": "POST", "/v1/users/x": "GET, HEAD, PUT, DELETE", "/v1/users/search": "POST, GET, HEAD, PUT, DELETE",
		"/v1/users/emails/x": "DELETE", "/v1/users/passwords/x": "DELETE", "/v1/users/x/exchange_primary_factor": "PUT", "/v1/users/x/external_id": "DELETE",
		"/v1/users/x/connected_apps": "GET, HEAD", "/v1/users/x/connected_apps/y/revoke": "POST",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"} {
			if strings.Contains(allow, method) {
				continue
			}
			r := b.do(method, path, `{"phone_number": "+12025550162", "email": "john@example.com"}`)
			if r.status != 405 || method != "HEAD" && r.kind() != "method_not_allowed" {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.kind())
			}
			if got := r.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: allowed are %q", method, path, got)
			}
		}
	}
	b.untouched()
}

// A field that stands in a query twice, or is no text, is malformed, whichever
// of its values something on the way here may have looked at.
func TestQueries(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	john := b.want(b.post("/v1/users", `{"email": %q, "external_id": "john"}`, johnEmail), 201, "").text("user_id")
	for _, query := range []string{"john", "john&x=y", "john&x=y&x=z", "%6Aohn", john, john + "&user_ID=x", "john&x=%zz", "john&x;y"} {
		b.want(b.do("GET", listSessions+query, ""), 200, "")
	}
	for _, query := range []string{"john&user_id=john", "&user_id=john", "john&user_id=", "%FF"} {
		b.want(b.do("GET", listSessions+query, ""), 400, "bad_request")
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user := b.want(b.do("POST", "/v1/users", bodyOf("email", johnEmail)), 201, "")
	path := "/v1/users/" + user.text("user_id")
	get, head := b.do("GET", path, ""), b.do("HEAD", path, "")
	if head.status != 200 || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("HEAD is %d with length %s, GET has %s", head.status, head.header.Get("Content-Length"), get.header.Get("Content-Length"))
	}
	if r := b.do("HEAD", "/v1/users/x", ""); r.status != 404 {
		t.Errorf("HEAD of nobody is %d", r.status)
	}
	r := b.request("HEAD", path, "")
	r.Header.Del("Authorization")
	if r := b.send(r); r.status != 401 {
		t.Errorf("HEAD without credentials is %d", r.status)
	}
}

// Under a prefix, for programs that mount it so.
func TestStripPrefix(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	b.want(b.post("/v1/users", `{"email": %q, "external_id": "a|b"}`, johnEmail), 201, "")
	mux := http.NewServeMux()
	mux.Handle("/passcode/", http.StripPrefix("/passcode", b.api))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, b.request("GET", "/passcode/v1/users/a%7Cb", ""))
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
