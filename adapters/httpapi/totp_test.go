package httpapi

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/pquerna/otp/totp"
)

const (
	createTOTP    = "/v1/totps"
	checkTOTP     = "/v1/totps/authenticate"
	recoverTOTP   = "/v1/totps/recover"
	recoveryCodes = "/v1/totps/recovery_codes"
)

// appCode returns what an authenticator app shows now.
func (b *bench) appCode(enrolled result) string {
	b.t.Helper()
	code, err := totp.GenerateCode(enrolled.text("secret"), b.kit.Clock.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// enrol makes a user who has an authenticator app that waits for its first
// code.
func (b *bench) enrol() (user string, enrolled result) {
	b.t.Helper()
	user = b.want(b.do("POST", "/v1/users", bodyOf("email", johnEmail)), 201, "").text("user_id")
	return user, b.want(b.post(createTOTP, `{"user_id": %q}`, user), 200, "")
}

func (b *bench) enterTOTP(user, code string) result {
	b.t.Helper()
	return b.post(checkTOTP, `{"user_id": %q, "totp_code": %q}`, user, code)
}

func (b *bench) enterRecovery(user, code string) result {
	b.t.Helper()
	return b.post(recoverTOTP, `{"user_id": %q, "recovery_code": %q}`, user, code)
}

func TestTOTPFlow(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user, app := b.enrol()
	if !accounts.TOTPID.Match(app.text("totp_id"), false) || len(app.text("secret")) != 32 || app.text("user_id") != user {
		t.Errorf("%s", app.raw)
	}
	encoded, ok := strings.CutPrefix(app.text("qr_code"), "data:image/png;base64,")
	picture, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !ok {
		t.Fatalf("the QR code is %.40q, %v", app.text("qr_code"), err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
	codes := app.body["recovery_codes"].([]any)
	if len(codes) != 10 {
		t.Errorf("%d recovery codes", len(codes))
	}
	totps := func(r result) any { return r.body["user"].(map[string]any)["totps"] }
	want := func(what string, r result, verified bool) {
		t.Helper()
		all, _ := totps(r).([]any)
		if len(all) != 1 || all[0].(map[string]any)["totp_id"] != app.text("totp_id") || all[0].(map[string]any)["verified"] != verified {
			t.Errorf("%s: the user has %v", what, all)
		}
	}
	want("created", app, false)

	// An app that sent no code yet proves nothing, and may be replaced.
	b.want(b.enterRecovery(user, codes[0].(string)), 404, "recovery_codes_not_found")
	app = b.want(b.post(createTOTP, `{"user_id": %q, "expiration_minutes": 5}`, user), 200, "")
	codes = app.body["recovery_codes"].([]any)
	first := b.want(b.enterTOTP(user, b.appCode(app)), 200, "")
	want("verified", first, true)
	if first.text("user_id") != user || first.text("totp_id") != app.text("totp_id") || !strings.Contains(first.raw, `"session_token":"","session_jwt":"","session":null`) {
		t.Errorf("%s", first.raw)
	}
	b.want(b.enterTOTP(user, b.appCode(app)), 401, "totp_code_already_authenticated")
	b.want(b.post(createTOTP, `{"user_id": %q}`, user), 400, "active_totp_exists")

	b.kit.Clock.Advance(30 * time.Second)
	code := b.appCode(app)
	b.want(b.enterTOTP(user, wrong(code)), 401, "unable_to_authenticate_totp")
	b.want(b.enterTOTP(user, code[:3]+" "+code[3:]), 200, "")

	list := func() []any {
		t.Helper()
		r := b.want(b.post(recoveryCodes, `{"user_id": %q}`, user), 200, "")
		one := r.body["totps"].([]any)[0].(map[string]any)
		if r.text("user_id") != user || one["totp_id"] != app.text("totp_id") || one["verified"] != true {
			t.Errorf("%s", r.raw)
		}
		return one["recovery_codes"].([]any)
	}
	if left := list(); len(left) != 10 || left[0] != codes[0] {
		t.Errorf("listed %v", left)
	}
	want("recovered", b.want(b.enterRecovery(user, codes[0].(string)), 200, ""), true)
	b.want(b.enterRecovery(user, codes[0].(string)), 401, "unable_to_authenticate_recovery_code")
	if left := list(); len(left) != 9 || left[0] != codes[1] {
		t.Errorf("listed %v after one was used", left)
	}
	for _, used := range codes[1:] {
		b.want(b.enterRecovery(user, used.(string)), 200, "")
	}
	if left := list(); len(left) != 0 {
		t.Errorf("listed %v after all were used", left)
	}

	b.kit.Clock.Advance(time.Minute)
	r := b.want(b.post(checkTOTP, `{"user_id": %q, "totp_code": %q, "session_duration_minutes": 60, "attributes": {"ip_address": "192.0.2.7"}}`, user, b.appCode(app)), 200, "")
	if f := r.factors(); len(f) != 1 || f[0] != "authenticator_app" {
		t.Errorf("the session has %v", f)
	}
	b.want(b.checkToken(r.text("session_token")), 200, "")
}

func TestTOTPWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user, _ := b.enrol()
	for _, minutes := range []string{"0", "4", "1441", "-5", "99999999999999999999"} {
		b.want(b.post(createTOTP, `{"user_id": %q, "expiration_minutes": %s}`, user, minutes), 400, "invalid_expiration")
	}
	app := b.want(b.post(createTOTP, `{"user_id": %q, "expiration_minutes": 5}`, user), 200, "")
	b.kit.Clock.Advance(5*time.Minute - time.Second)
	code := b.appCode(app)
	b.kit.Clock.Advance(time.Second)
	b.want(b.enterTOTP(user, code), 401, "expired_totp")
	app = b.want(b.post(createTOTP, `{"user_id": %q, "expiration_minutes": 1440}`, user), 200, "")
	b.kit.Clock.Advance(24*time.Hour - time.Second)
	b.want(b.enterTOTP(user, b.appCode(app)), 200, "")
}

// Whom the calls are about.
func TestTOTPUsers(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	b.want(b.post("/v1/users", `{"email": %q, "external_id": "a|b"}`, johnEmail), 201, "")
	for path, fields := range map[string]string{
		createTOTP: ``, recoveryCodes: ``, checkTOTP: `, "totp_code": "123456"`, recoverTOTP: `, "recovery_code": "a1b2-c3d4-e5f6"`,
	} {
		b.want(b.post(path, `{"user_id": ""%s}`, fields), 404, "user_not_found")
		b.want(b.post(path, `{"user_id": null%s}`, fields), 404, "user_not_found")
		b.want(b.post(path, `{"user_id": %q%s}`, accounts.UserID.New(false), fields), 404, "user_not_found")
		b.want(b.post(path, `{"user_id": "a b"%s}`, fields), 400, "invalid_user_id")
		b.want(b.post(path, `{"user_id": 5%s}`, fields), 400, "bad_request")
		kind := "totps_not_found_for_user"
		switch path {
		case recoverTOTP:
			kind = "recovery_codes_not_found"
		case createTOTP:
			continue
		}
		b.want(b.post(path, `{"user_id": "a|b"%s}`, fields), 404, kind)
	}
	app := b.want(b.post(createTOTP, `{"user_id": "a|b"}`), 200, "")
	b.want(b.enterTOTP("a|b", b.appCode(app)), 200, "")
}

// Codes that are none cost no guess, and one kind is told from the other.
func TestTOTPFormats(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	user, app := b.enrol()
	recovery := app.body["recovery_codes"].([]any)[0].(string)
	for range 3 {
		for _, code := range []string{"", "12345", "1234567", "12345a", "abcdef", "a1b2-c3d4-e5f", strings.Repeat("1", 9000)} {
			b.want(b.enterTOTP(user, code), 400, "invalid_totp_code")
		}
		for _, code := range []string{"", "12345", "abcd-efgh-ijk", "abcd-efgh-ijkl-mnop", "abcd-efgh-ij!l", strings.Repeat("a", 9000)} {
			b.want(b.enterRecovery(user, code), 400, "invalid_recovery_code")
		}
		b.want(b.enterTOTP(user, recovery), 400, "recovery_code_used_as_totp_code")
		b.want(b.enterRecovery(user, "123456"), 400, "totp_code_used_as_recovery_code")
	}
	b.want(b.enterTOTP(user, b.appCode(app)), 200, "")
	b.want(b.enterRecovery(user, strings.ToUpper(strings.ReplaceAll(recovery, "-", ""))), 200, "")
}

// Wrong codes lock the user, for every kind of code.
func TestUserLock(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	login := b.login(`"session_duration_minutes": 60`)
	user, phone := login.text("user_id"), login.text("method_id")
	app := b.want(b.post(createTOTP, `{"user_id": %q}`, user), 200, "")
	b.want(b.enterTOTP(user, b.appCode(app)), 200, "")
	for range 5 {
		b.want(b.enterTOTP(user, wrong(b.appCode(app))), 401, "unable_to_authenticate_totp")
		b.want(b.enterRecovery(user, "aaaa-aaaa-aaaa"), 401, "unable_to_authenticate_recovery_code")
	}
	b.kit.Clock.Advance(30 * time.Second)
	for _, r := range []result{
		b.enterTOTP(user, b.appCode(app)),
		b.enterRecovery(user, app.body["recovery_codes"].([]any)[0].(string)),
		b.authenticate(phone, "123456"),
		b.do("POST", smsLogin, bodyOf("sms", johnPhone)),
		b.post(emailSend, `{"email": %q, "session_token": %q}`, johnEmail, login.text("session_token")),
	} {
		b.want(r, 429, "user_lock_limit_reached")
		if s := r.header.Get("Retry-After"); s != "3570" {
			t.Errorf("Retry-After is %s", s)
		}
	}
	b.want(b.checkToken(login.text("session_token")), 200, "") // who is in stays in
	b.kit.Clock.Advance(time.Hour)
	b.want(b.enterTOTP(user, b.appCode(app)), 200, "")
}
