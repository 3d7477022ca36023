package httpapi

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
)

const (
	checkSession = "/v1/sessions/authenticate"
	revoke       = "/v1/sessions/revoke"
	listSessions = "/v1/sessions?user_id="
)

// login logs John in by SMS, with a session.
func (b *bench) login(fields string) result {
	b.t.Helper()
	id := b.signUp()
	return b.want(b.post(checkCode, `{"method_id": %q, "code": %q, %s}`, id, b.code(johnPhone), fields), 200, "")
}

// session returns a member of an answer's session.
func (r result) session(name string) any {
	s, _ := r.body["session"].(map[string]any)
	return s[name]
}

// factors returns the delivery methods of an answer's session.
func (r result) factors() (methods []string) {
	list, _ := r.session("authentication_factors").([]any)
	for _, f := range list {
		methods = append(methods, f.(map[string]any)["delivery_method"].(string))
	}
	return methods
}

// checkToken authenticates the session of a token.
func (b *bench) checkToken(token string) result {
	b.t.Helper()
	return b.post(checkSession, `{"session_token": %q}`, token)
}

func (b *bench) checkJWT(jwt string) result {
	b.t.Helper()
	return b.post(checkSession, `{"session_jwt": %q}`, jwt)
}

// A day of a session, from the first code to the end.
func TestSessionFlow(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	first := b.login(`"session_duration_minutes": 60`)
	token, jwt := first.text("session_token"), first.text("session_jwt")
	if first.session("expires_at") != "2026-01-15T13:00:00Z" || !reflect.DeepEqual(first.factors(), []string{"sms"}) {
		t.Fatalf("%s", first.raw)
	}
	if !accounts.SessionID.Match(first.session("session_id").(string), false) {
		t.Errorf("the session's id is %v", first.session("session_id"))
	}

	// Authenticated by token: accessed, not extended, and the token stays.
	b.kit.Clock.Advance(10 * time.Minute)
	r := b.want(b.checkToken(token), 200, "")
	if r.text("session_token") != token || r.session("last_accessed_at") != "2026-01-15T12:10:00Z" || r.session("expires_at") != "2026-01-15T13:00:00Z" {
		t.Errorf("%s", r.raw)
	}
	if user, _ := r.body["user"].(map[string]any); user["user_id"] != first.text("user_id") {
		t.Errorf("%s", r.raw)
	}

	// By the first JWT, which has expired: it is exchanged for a fresh one, and
	// a token that is as good.
	r = b.want(b.checkJWT(jwt), 200, "")
	if exp := payload(t, r.text("session_jwt"))["exp"]; exp != float64(b.kit.Clock.Now().Unix()+300) {
		t.Errorf("the new JWT expires at %v", exp)
	}
	b.want(b.checkToken(r.text("session_token")), 200, "")
	b.want(b.checkToken(token), 200, "")

	// Extended, with claims.
	r = b.want(b.post(checkSession, `{"session_token": %q, "session_duration_minutes": 30, "session_custom_claims": {"a": {"b": 1, "c": 2}}}`, token), 200, "")
	if r.session("expires_at") != "2026-01-15T12:40:00Z" || payload(t, r.text("session_jwt"))["a"] == nil {
		t.Errorf("%s", r.raw)
	}
	r = b.want(b.post(checkSession, `{"session_token": %q, "session_custom_claims": {"a": {"c": null}}}`, token), 200, "")
	if claims := fmt.Sprint(r.session("custom_claims")); claims != "map[a:map[b:1]]" {
		t.Errorf("the claims are %s", claims)
	}

	// A second factor. The step up makes a new token, and ends the old ones.
	sent := b.want(b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, token), 200, "")
	if sent.text("user_id") != first.text("user_id") {
		t.Errorf("%s", sent.raw)
	}
	b.want(b.post(emailSend, `{"email": "other@example.com", "session_token": %q}`, token), 400, "too_many_unverified_factors")
	b.want(b.post(smsSend, `{"phone_number": "+12025550163", "session_jwt": %q}`, r.text("session_jwt")), 400, "too_many_unverified_factors")
	r = b.want(b.post(checkCode, `{"method_id": %q, "code": %q, "session_token": %q}`, sent.text("email_id"), b.code(johnEmail), token), 200, "")
	if !reflect.DeepEqual(r.factors(), []string{"sms", "email"}) || r.session("session_id") != first.session("session_id") || r.session("expires_at") != "2026-01-15T12:40:00Z" {
		t.Errorf("%s", r.raw)
	}
	b.want(b.checkToken(token), 404, "session_not_found")
	token = r.text("session_token")

	// A third one, of another kind.
	app := b.want(b.post(createTOTP, `{"user_id": %q}`, first.text("user_id")), 200, "")
	r = b.want(b.post(checkTOTP, `{"user_id": %q, "totp_code": %q, "session_token": %q}`, first.text("user_id"), b.appCode(app), token), 200, "")
	if !reflect.DeepEqual(r.factors(), []string{"sms", "email", "authenticator_app"}) || r.text("totp_id") != app.text("totp_id") {
		t.Errorf("%s", r.raw)
	}
	token = r.text("session_token")
	recovery := app.body["recovery_codes"].([]any)[3].(string)
	r = b.want(b.post(recoverTOTP, `{"user_id": %q, "recovery_code": %q, "session_jwt": %q}`, first.text("user_id"), recovery, r.text("session_jwt")), 200, "")
	if !reflect.DeepEqual(r.factors(), []string{"sms", "email", "authenticator_app", "recovery_code"}) {
		t.Errorf("%s", r.raw)
	}
	b.want(b.checkToken(token), 404, "session_not_found")
	token, jwt = r.text("session_token"), r.text("session_jwt")

	list := b.want(b.do("GET", listSessions+first.text("user_id"), ""), 200, "")
	if all := list.body["sessions"].([]any); len(all) != 1 || !reflect.DeepEqual(all[0], r.body["session"]) {
		t.Errorf("listed %s", list.raw)
	}

	b.want(b.post(revoke, `{"session_jwt": %q}`, jwt), 200, "")
	b.want(b.checkToken(token), 404, "session_not_found")
	b.want(b.checkJWT(jwt), 404, "session_not_found")
	b.want(b.post(revoke, `{"session_token": %q}`, token), 404, "session_not_found")
	if list := b.do("GET", listSessions+first.text("user_id"), ""); !strings.HasSuffix(list.raw, `"sessions":[]}`) {
		t.Errorf("listed %s", list.raw)
	}
}

// Session and factors member by member, and the same in the JWT.
func TestSessionBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	r := b.login(`"session_duration_minutes": 5, "attributes": {"ip_address": "::ffff:192.0.2.7", "user_agent": "Mozilla/5.0"}, "session_custom_claims": {"k": [1]}`)
	const times = `"last_authenticated_at":"2026-01-15T12:00:00Z","created_at":"2026-01-15T12:00:00Z","updated_at":"2026-01-15T12:00:00Z"`
	const want = `"session":{"session_id":"session-test-UUID","user_id":"user-test-UUID","authentication_factors":[{"type":"otp","delivery_method":"sms",` + times +
		`,"phone_number_factor":{"phone_id":"phone-number-test-UUID","phone_number":"+12025550162"}}],"roles":[],"started_at":"2026-01-15T12:00:00Z",` +
		`"last_accessed_at":"2026-01-15T12:00:00Z","expires_at":"2026-01-15T12:05:00Z","attributes":{"ip_address":"192.0.2.7","user_agent":"Mozilla/5.0"},"custom_claims":{"k":[1]}}`
	if got := uuid.ReplaceAllString(r.raw, "UUID"); !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{56}$`).MatchString(r.text("session_token")) {
		t.Error("the token has another form")
	}
	sent := b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, r.text("session_token"))
	r = b.want(b.post(checkCode, `{"method_id": %q, "code": %q, "session_token": %q}`, sent.text("email_id"), b.code(johnEmail), r.text("session_token")), 200, "")
	user := r.text("user_id")
	app := b.post(createTOTP, `{"user_id": %q}`, user)
	r = b.want(b.post(checkTOTP, `{"user_id": %q, "totp_code": %q, "session_token": %q}`, user, b.appCode(app), r.text("session_token")), 200, "")
	r = b.want(b.post(recoverTOTP, `{"user_id": %q, "recovery_code": %q, "session_token": %q}`, user, app.body["recovery_codes"].([]any)[0], r.text("session_token")), 200, "")
	for _, want := range []string{
		`{"type":"email_otp","delivery_method":"email",` + times + `,"email_factor":{"email_id":"email-test-UUID","email_address":"john@example.com"}}`,
		`{"type":"totp","delivery_method":"authenticator_app",` + times + `,"authenticator_app_factor":{"totp_id":"totp-test-UUID"}}`,
		`{"type":"recovery_codes","delivery_method":"recovery_code",` + times + `,"recovery_code_factor":{"totp_recovery_code_id":"totp-recovery-code-test-`,
	} {
		if got := uuid.ReplaceAllString(r.raw, "UUID"); !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}

	claims := payload(t, r.text("session_jwt"))
	inner := claims["https://stytch.com/session"].(map[string]any)
	for _, name := range []string{"authentication_factors", "roles", "started_at", "last_accessed_at", "expires_at", "attributes"} {
		if !reflect.DeepEqual(inner[name], r.session(name)) {
			t.Errorf("%s is %v in the JWT and %v in the answer", name, inner[name], r.session(name))
		}
	}
	if inner["id"] != r.session("session_id") || claims["sub"] != user || claims["iss"] != "stytch.com/"+testProject || claims["k"] == nil {
		t.Errorf("the JWT says %v", claims)
	}
}

// What a session needs is checked before the code is, so that the code is
// still good.
func TestSessionIsCheckedFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{sessions: func(cfg *sessions.Config) { cfg.MaxDuration = 24 * time.Hour }})
	stranger := b.want(b.do("POST", emailLogin, bodyOf("email", "eve@example.com")), 200, "")
	theirs := b.want(b.post(checkCode, `{"method_id": %q, "code": %q, "session_duration_minutes": 60}`, stranger.text("email_id"), b.code("eve@example.com")), 200, "")
	id := b.signUp()
	code := b.code(johnPhone)
	for _, c := range []struct {
		fields string
		status int
		kind   string
	}{
		{`"session_token": "x"`, 400, "invalid_session_token"},
		{`"session_token": 5`, 400, "bad_request"},
		{`"session_jwt": "x"`, 400, "unable_to_parse_session_jwt"},
		{`"session_jwt": "x", "session_token": "y"`, 400, "too_many_session_arguments"},
		{`"session_token": ` + quote(theirs.text("session_token")), 400, "user_id_mismatch"},
		{`"session_jwt": ` + quote(theirs.text("session_jwt")), 400, "user_id_mismatch"},
		{`"session_token": ` + quote(theirs.text("session_token")) + `, "session_duration_minutes": 60`, 400, "user_id_mismatch"},
		{`"session_token": ` + quote(spoiled(theirs.text("session_token"))), 404, "session_not_found"},
		{`"session_token": ` + quote(sandboxToken), 400, "user_id_mismatch"},
		{`"session_token": ` + quote(sandboxDeadToken), 404, "session_not_found"},
		{`"session_duration_minutes": 4`, 400, "invalid_session_duration_minutes"},
		{`"session_duration_minutes": -60`, 400, "invalid_session_duration_minutes"},
		{`"session_duration_minutes": 527041`, 400, "invalid_session_duration_minutes"},
		{`"session_duration_minutes": 99999999999999999999`, 400, "invalid_session_duration_minutes"},
		{`"session_duration_minutes": -99999999999999999999`, 400, "invalid_session_duration_minutes"},
		{`"session_duration_minutes": 307445734561825861`, 400, "invalid_session_duration_minutes"}, // an hour, modulo 2⁶⁴ nanoseconds
		{`"session_duration_minutes": "60"`, 400, "bad_request"},
		{`"session_duration_minutes": 60.0`, 400, "bad_request"},
		{`"session_duration_minutes": 1441`, 400, "invalid_session_duration"},
		{`"session_duration_minutes": 60, "session_custom_claims": []`, 400, "bad_request"},
		{`"session_custom_claims": "x"`, 400, "bad_request"},
		{`"session_duration_minutes": 60, "session_custom_claims": {"a": ` + quote(strings.Repeat("x", 4096)) + `}`, 400, "custom_claims_too_large"},
		{`"session_duration_minutes": 60, "session_custom_claims": {"https://stytch.com/session": {}}`, 400, "stytch_claims_in_custom_claims"},
		{`"session_duration_minutes": 60, "session_custom_claims": {"https://stytch.com/x": null}`, 400, "stytch_claims_in_custom_claims"},
		{`"session_duration_minutes": 60, "attributes": {"ip_address": "x"}`, 400, "invalid_ip_address"},
	} {
		r := b.post(checkCode, `{"method_id": %q, "code": %q, %s}`, id, code, c.fields)
		if r.status != c.status || r.kind() != c.kind {
			t.Errorf("%.80s: %d %s, want %s", c.fields, r.status, r.kind(), c.kind)
		}
	}
	r := b.want(b.post(checkCode, `{"method_id": %q, "code": %q, "session_duration_minutes": 1440,
		"session_custom_claims": {"sub": "user", "exp": 1, "a": %q}}`, id, code, strings.Repeat("x", 4000)), 200, "")
	claims := payload(t, r.text("session_jwt"))
	if claims["sub"] != r.text("user_id") || claims["exp"] != float64(b.kit.Clock.Now().Unix()+300) {
		t.Errorf("claims of the client are in the JWT: %v", claims)
	}
	b.want(b.checkToken(theirs.text("session_token")), 200, "") // as it was
}

func quote(s string) string { return `"` + s + `"` }

// spoiled returns a token with another secret.
func spoiled(token string) string {
	last := "A"
	if token[len(token)-2] == 'A' {
		last = "B"
	}
	return token[:len(token)-2] + last + token[len(token)-1:]
}

// Without a session asked for there is none; 0 minutes ask for none.
func TestNoSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, fields := range []string{
		`"session_duration_minutes": 0`, `"session_duration_minutes": null, "session_token": null, "session_jwt": ""`, `"session_custom_claims": {"a": 1}`,
	} {
		r := b.login(fields)
		if !strings.Contains(r.raw, `"session_token":"","session_jwt":"","session":null`) {
			t.Errorf("%s: %s", fields, r.raw)
		}
	}
}

// Accounts that lack what the handler serves refuse what asks for it, before
// a code is used up.
func TestWithoutSessionsAndApps(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	acc, err := accounts.New(accounts.Config{Engine: b.kit.Engine, Directory: b.users, Now: b.kit.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if b.api, err = New(Config{Accounts: acc, Sessions: b.sessions, ProjectID: testProject, Secret: testSecret}); err != nil {
		t.Fatal(err)
	}
	sent := b.want(b.do("POST", smsLogin, bodyOf("sms", johnPhone)), 200, "")
	id, user, code := sent.text("phone_id"), sent.text("user_id"), b.code(johnPhone)
	for path, body := range map[string]string{
		checkCode:     fmt.Sprintf(`{"method_id": %q, "code": %q, "session_duration_minutes": 60}`, id, code),
		checkSession:  `{"session_token": "x"}`,
		emailSend:     `{"email": "john@example.com", "session_token": "x"}`,
		createTOTP:    fmt.Sprintf(`{"user_id": %q}`, user),
		checkTOTP:     fmt.Sprintf(`{"user_id": %q, "totp_code": "123456"}`, user),
		recoverTOTP:   fmt.Sprintf(`{"user_id": %q, "recovery_code": "a1b2-c3d4-e5f6"}`, user),
		recoveryCodes: fmt.Sprintf(`{"user_id": %q}`, user),
	} {
		b.want(b.do("POST", path, body), 400, "bad_request")
	}
	b.want(b.authenticate(id, code), 200, "")
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, by := range []string{"session_id", "session_token", "session_jwt"} {
		r := b.login(`"session_duration_minutes": 60`)
		value, _ := r.body[by].(string)
		if by == "session_id" {
			value = r.session(by).(string)
		}
		got := b.want(b.post(revoke, `{%q: %q}`, by, value), 200, "")
		if len(got.body) != 2 {
			t.Errorf("%s", got.raw)
		}
		b.want(b.checkToken(r.text("session_token")), 404, "session_not_found")
		b.want(b.post(revoke, `{%q: %q}`, by, value), 404, "session_not_found")
	}
	for _, id := range []string{"x", "session-test-", accounts.UserID.New(false), accounts.SessionID.New(true), strings.ToUpper(accounts.SessionID.New(false))} {
		b.want(b.post(revoke, `{"session_id": %q}`, id), 400, "invalid_session_id")
	}
	b.want(b.post(revoke, `{"session_id": %q}`, accounts.SessionID.New(false)), 404, "session_not_found")
}

func TestListSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user := b.want(b.post("/v1/users", `{"phone_number": %q, "external_id": "a|b"}`, johnPhone), 201, "").text("user_id")
	first, second := b.login(`"session_duration_minutes": 5`), b.login(`"session_duration_minutes": 60`)
	list := func(id string) (ids []any) {
		t.Helper()
		for _, s := range b.want(b.do("GET", listSessions+id, ""), 200, "").body["sessions"].([]any) {
			ids = append(ids, s.(map[string]any)["session_id"])
		}
		return ids
	}
	want := []any{first.session("session_id"), second.session("session_id")}
	if got := list(user); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := list("a%7Cb"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v by external id, want %v", got, want)
	}
	b.kit.Clock.Advance(5 * time.Minute)
	if got := list(user); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("%v when the first is over", got)
	}
	b.want(b.do("GET", listSessions+accounts.UserID.New(false), ""), 404, "user_not_found")
	b.want(b.do("GET", listSessions, ""), 404, "user_not_found")
	b.want(b.do("GET", "/v1/sessions", ""), 404, "user_not_found")
	b.want(b.do("GET", listSessions+"a%20b", ""), 400, "invalid_user_id")
}

// No role allows anything: an authorization check is refused for a session
// that is there, and leaves it as it was.
func TestAuthorizationCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	r := b.login(`"session_duration_minutes": 60`)
	token := r.text("session_token")
	b.kit.Clock.Advance(time.Minute)
	b.want(b.post(checkSession, `{"session_token": %q, "session_duration_minutes": 5, "authorization_check": {"resource_id": "documents", "action": "read"}}`, token), 403, "consumer_session_authorization_error")
	b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": {}}`, token), 403, "consumer_session_authorization_error")
	list := b.do("GET", listSessions+r.text("user_id"), "")
	if all := list.body["sessions"].([]any); len(all) != 1 || !reflect.DeepEqual(all[0], r.body["session"]) {
		t.Errorf("the session is %s", list.raw)
	}
	b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": {"resource_id": 1}}`, token), 400, "bad_request")
	b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": true}`, token), 400, "bad_request")
	b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": {"action": "read"}}`, spoiled(token)), 404, "session_not_found")
	ok := b.want(b.post(checkSession, `{"session_token": %q, "authorization_check": null}`, token), 200, "")
	if _, there := ok.body["verdict"]; there {
		t.Errorf("%s", ok.raw)
	}
}

// Without credentials there is nothing but the keys.
func TestSessionsNeedCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, rt := range b.api.routes {
		if rt.public != (rt.pattern == "/v1/sessions/jwks/{project_id}") {
			t.Errorf("%s: public is %t", rt.pattern, rt.public)
		}
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(rt.pattern, testProject)
		r := b.request(rt.method, path, "{}")
		r.Header.Del("Authorization")
		if got := b.send(r); (got.status != http.StatusUnauthorized) != rt.public {
			t.Errorf("%s: %d without credentials", rt.pattern, got.status)
		}
	}
}
