package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/enginetest"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

const (
	smsLogin   = "/v1/otps/sms/login_or_create"
	smsSend    = "/v1/otps/sms/send"
	emailLogin = "/v1/otps/email/login_or_create"
	emailSend  = "/v1/otps/email/send"
	checkCode  = "/v1/otps/authenticate"
)

// failNext makes the next message fail in this way.
func (b *bench) failNext(kind delivery.Kind) {
	b.kit.Inbox.FailNext(1, &delivery.Error{Kind: kind, Provider: "test", Reason: "scripted"})
}

// storeDown is the setup of a bench whose store does not answer.
var storeDown = setup{engine: func(cfg *engine.Config) {
	cfg.Store = storetest.NewFaulty(cfg.Store, func(storetest.Call) storetest.Fault { return storetest.Before })
}}

// broken is a service that returns what it does not document, or panics.
type broken struct {
	Accounts
	err error
}

func (b broken) User(context.Context, string) (store.User, error) {
	if b.err == nil {
		panic("the secret is " + testSecret)
	}
	return store.User{}, b.err
}

func (b broken) Send(context.Context, accounts.SendRequest) (accounts.Sent, error) {
	var nothing *engine.Error
	return accounts.Sent{}, nothing // an error that panics when it is compared
}

func (b broken) Create(context.Context, accounts.NewUser) (store.User, error) {
	return store.User{Trusted: []byte("{")}, nil // a user that cannot be encoded
}

func (b broken) LoginOrCreate(context.Context, accounts.SendRequest) (accounts.Sent, error) {
	var nothing *delivery.Error
	return accounts.Sent{}, &engine.Error{Kind: engine.ErrUnavailable, Err: nothing} // and one that panics when it is printed
}

// Every error that the API can answer with, provoked. Each row of the table
// has to answer at least once, which the marks behind the types tell.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status int
		kind   string
		what   string
		setup  setup
		do     func(b *bench) result
	}{
		{404, "route_not_found", "path", setup{}, func(b *bench) result { return b.post("/v1/otps/fax/send", `{}`) }},
		{405, "method_not_allowed", "verb", setup{}, func(b *bench) result { return b.do("PATCH", "/v1/users/x", "") }},
		{401, "unauthorized_credentials", "secret", setup{}, func(b *bench) result {
			r := b.request("POST", smsLogin, "{}")
			r.SetBasicAuth(testProject, testSecret+"x")
			return b.send(r)
		}},
		{400, "invalid_authorization_header", "header", setup{}, func(b *bench) result {
			r := b.request("POST", smsLogin, "{}")
			r.Header.Set("Authorization", "Bearer x")
			return b.send(r)
		}},
		{400, "invalid_project_id_authentication", "project", setup{}, func(b *bench) result {
			r := b.request("POST", smsLogin, "{}")
			r.SetBasicAuth("PROJECT_ID", "SECRET")
			return b.send(r)
		}},
		{429, "too_many_requests", "busy", setup{}, func(b *bench) result {
			for range cap(b.api.slots) {
				b.api.slots <- struct{}{}
			}
			return b.post(smsLogin, `{}`)
		}},
		{400, "bad_request", "body", setup{}, func(b *bench) result { return b.post(smsLogin, `{`) }},

		{400, "invalid_expiration_otp", "low", setup{}, func(b *bench) result {
			return b.post(smsLogin, `{"phone_number": %q, "expiration_minutes": 0}`, johnPhone)
		}},
		{400, "invalid_expiration_otp", "high", setup{}, func(b *bench) result {
			return b.post(emailLogin, `{"email": %q, "expiration_minutes": 11}`, johnEmail)
		}},
		{400, "invalid_expiration_otp", "huge", setup{}, func(b *bench) result {
			return b.post(emailSend, `{"email": %q, "expiration_minutes": 18446744073709551618}`, johnEmail)
		}},
		{400, "invalid_locale", "unknown", setup{}, func(b *bench) result {
			return b.post(smsSend, `{"phone_number": %q, "locale": "xx"}`, johnPhone)
		}},
		{400, "invalid_locale", "not for e-mail", setup{}, func(b *bench) result {
			return b.post(emailLogin, `{"email": %q, "locale": "ja"}`, johnEmail)
		}},
		{400, "invalid_ip_address", "", setup{}, func(b *bench) result {
			return b.post(smsLogin, `{"phone_number": %q, "attributes": {"ip_address": "localhost"}}`, johnPhone)
		}},
		{400, "invalid_user_agent", "", setup{}, func(b *bench) result {
			return b.post(smsLogin, `{"phone_number": %q, "attributes": {"user_agent": %q}}`, johnPhone, strings.Repeat("x", 1025))
		}},
		{404, "email_template_not_found", "login", setup{}, func(b *bench) result {
			return b.post(emailLogin, `{"email": %q, "login_template_id": "x"}`, johnEmail)
		}},
		{404, "email_template_not_found", "signup", setup{}, func(b *bench) result {
			return b.post(emailSend, `{"email": %q, "signup_template_id": "x"}`, johnEmail)
		}},
		{400, "too_many_user_selection_arguments", "", setup{}, func(b *bench) result {
			return b.post(smsSend, `{"phone_number": %q, "user_id": "x", "session_token": "y"}`, johnPhone)
		}},
		{400, "too_many_session_arguments", "", setup{}, func(b *bench) result {
			return b.post(checkCode, `{"method_id": %q, "code": "123456", "session_jwt": "x", "session_token": "y"}`, sandboxPhoneID)
		}},
		{404, "project_not_found", "", setup{}, func(b *bench) result { return b.do("GET", "/v1/sessions/jwks/"+liveProject, "") }},
		{400, "no_session_arguments", "", setup{}, func(b *bench) result { return b.post(checkSession, `{}`) }},
		{400, "too_many_session_revoke_arguments", "", setup{}, func(b *bench) result {
			return b.post(revoke, `{"session_id": "x", "session_jwt": "y"}`)
		}},
		{400, "no_session_revoke_arguments", "", setup{}, func(b *bench) result { return b.post(revoke, `{"session_id": ""}`) }},
		{400, "invalid_expiration", "", setup{}, func(b *bench) result {
			return b.post(createTOTP, `{"user_id": %q, "expiration_minutes": 1441}`, sandboxUserID)
		}},

		{400, "invalid_session_token", "", setup{}, func(b *bench) result { return b.checkToken("x") }},
		{400, "unable_to_parse_session_jwt", "", setup{}, func(b *bench) result { return b.checkJWT("x") }},
		{400, "invalid_session_id", "other environment", setup{}, func(b *bench) result {
			return b.post(revoke, `{"session_id": %q}`, accounts.SessionID.New(true))
		}},
		{404, "session_not_found", "expired", setup{}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 5`)
			b.kit.Clock.Advance(5 * time.Minute)
			return b.checkToken(r.text("session_token"))
		}},
		{404, "session_not_found", "idle", setup{sessions: func(cfg *sessions.Config) { cfg.Idle = time.Minute }}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 5`)
			b.kit.Clock.Advance(time.Minute)
			return b.checkJWT(r.text("session_jwt"))
		}},
		{400, "user_id_mismatch", "", setup{}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 5`)
			return b.post(checkCode, `{"method_id": %q, "code": "000000", "session_token": %q}`, sandboxPhoneID, r.text("session_token"))
		}},
		{400, "invalid_session_duration_minutes", "", setup{}, func(b *bench) result {
			return b.post(checkSession, `{"session_token": "x", "session_duration_minutes": 4}`)
		}},
		{400, "invalid_session_duration", "", setup{sessions: func(cfg *sessions.Config) { cfg.MaxDuration = time.Hour }}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 60`)
			return b.post(checkSession, `{"session_token": %q, "session_duration_minutes": 61}`, r.text("session_token"))
		}},
		{400, "bad_request", "claims", setup{}, func(b *bench) result {
			return b.post(checkSession, `{"session_token": "x", "session_custom_claims": []}`)
		}},
		{400, "custom_claims_too_large", "merged", setup{}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 60, "session_custom_claims": {"a": "` + strings.Repeat("x", 2100) + `"}`)
			return b.post(checkSession, `{"session_token": %q, "session_custom_claims": {"b": %q}}`, r.text("session_token"), strings.Repeat("x", 2100))
		}},
		{400, "stytch_claims_in_custom_claims", "", setup{}, func(b *bench) result {
			r := b.login(`"session_duration_minutes": 60`)
			return b.post(checkSession, `{"session_token": %q, "session_custom_claims": {"https://stytch.com/": 1}}`, r.text("session_token"))
		}},
		{403, "consumer_session_authorization_error", "", setup{}, func(b *bench) result {
			return b.post(checkSession, `{"session_token": %q, "authorization_check": {"resource_id": "x", "action": "y"}}`, sandboxToken)
		}},

		{400, "active_totp_exists", "", setup{}, func(b *bench) result {
			user, app := b.enrol()
			b.enterTOTP(user, b.appCode(app))
			return b.post(createTOTP, `{"user_id": %q}`, user)
		}},
		{404, "recovery_codes_not_found", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("email", johnEmail)).text("user_id")
			return b.enterRecovery(user, sandboxRecoveryCode)
		}},
		{404, "totps_not_found_for_user", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("email", johnEmail)).text("user_id")
			return b.post(recoveryCodes, `{"user_id": %q}`, user)
		}},
		{401, "totp_code_already_authenticated", "", setup{}, func(b *bench) result {
			user, app := b.enrol()
			b.enterTOTP(user, b.appCode(app))
			return b.enterTOTP(user, b.appCode(app))
		}},
		{400, "recovery_code_used_as_totp_code", "", setup{}, func(b *bench) result { return b.enterTOTP(sandboxUserID, sandboxRecoveryCode) }},
		{400, "totp_code_used_as_recovery_code", "", setup{}, func(b *bench) result { return b.enterRecovery(sandboxUserID, sandboxCode) }},
		{400, "invalid_totp_code", "", setup{}, func(b *bench) result { return b.enterTOTP(sandboxUserID, "x") }},
		{401, "unable_to_authenticate_totp", "", setup{}, func(b *bench) result {
			user, app := b.enrol()
			return b.enterTOTP(user, wrong(b.appCode(app)))
		}},
		{401, "expired_totp", "", setup{}, func(b *bench) result {
			user, app := b.enrol()
			b.kit.Clock.Advance(24 * time.Hour)
			return b.enterTOTP(user, b.appCode(app))
		}},
		{400, "invalid_recovery_code", "", setup{}, func(b *bench) result { return b.enterRecovery(sandboxUserID, "x") }},
		{401, "unable_to_authenticate_recovery_code", "used", setup{}, func(b *bench) result {
			user, app := b.enrol()
			b.enterTOTP(user, b.appCode(app))
			code := app.body["recovery_codes"].([]any)[9].(string)
			b.enterRecovery(user, code)
			return b.enterRecovery(user, code)
		}},

		{400, "invalid_method_id", "", setup{}, func(b *bench) result { return b.authenticate("phone-number-test-1", "123456") }},
		{400, "invalid_method_id", "other environment", setup{live: true}, func(b *bench) result { return b.authenticate(sandboxPhoneID, sandboxCode) }},
		{400, "invalid_user_id", "", setup{}, func(b *bench) result { return b.do("GET", "/v1/users/a%20b", "") }},
		{400, "invalid_phone_number_sandbox", "", setup{live: true}, func(b *bench) result {
			return b.do("POST", smsLogin, bodyOf("sms", sandboxPhone))
		}},
		{400, "invalid_email_sandbox", "", setup{live: true}, func(b *bench) result {
			return b.do("POST", emailLogin, bodyOf("email", sandboxEmail))
		}},

		{400, "invalid_email", "", setup{}, func(b *bench) result { return b.do("POST", emailLogin, bodyOf("email", "john")) }},
		{400, "invalid_email", "of a new user", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": "john", "phone_number": %q}`, johnPhone)
		}},
		{400, "invalid_phone_number", "", setup{}, func(b *bench) result { return b.do("POST", smsLogin, bodyOf("sms", "2025550162")) }},
		{400, "invalid_phone_number", "of a new user", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "phone_number": "2025550162"}`, johnEmail)
		}},
		{400, "invalid_phone_number_country_code", "", setup{}, func(b *bench) result {
			return b.do("POST", smsLogin, bodyOf("sms", "+46701234567"))
		}},
		{400, "invalid_phone_number", "premium rate", setup{}, func(b *bench) result {
			return b.do("POST", smsLogin, bodyOf("sms", "+19002345678"))
		}},

		{404, "email_not_found", "", setup{}, func(b *bench) result { return b.do("POST", emailSend, bodyOf("email", johnEmail)) }},
		{404, "phone_number_not_found", "", setup{}, func(b *bench) result {
			return b.do("POST", "/v1/otps/whatsapp/send", bodyOf("whatsapp", johnPhone))
		}},
		{400, "too_many_unverified_factors", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("email", johnEmail))
			return b.post(smsSend, `{"phone_number": %q, "user_id": %q}`, johnPhone, user.text("user_id"))
		}},
		{429, "too_many_requests", "budget", setup{}, func(b *bench) result {
			for range 5 {
				b.signUp()
			}
			return b.do("POST", smsLogin, bodyOf("sms", johnPhone))
		}},
		{429, "too_many_requests", "provider", setup{}, func(b *bench) result {
			return b.do("POST", smsLogin, bodyOf("sms", enginetest.Throttled))
		}},
		{400, "inactive_email", "", setup{}, func(b *bench) result {
			b.failNext(delivery.Rejected)
			return b.do("POST", emailLogin, bodyOf("email", johnEmail))
		}},
		{400, "downstream_carrier_error", "", setup{}, func(b *bench) result {
			return b.do("POST", smsLogin, bodyOf("sms", enginetest.Rejected))
		}},
		{503, "server_unavailable", "provider down", setup{}, func(b *bench) result {
			b.failNext(delivery.Temporary)
			return b.do("POST", smsLogin, bodyOf("sms", johnPhone))
		}},
		{503, "server_unavailable", "provider's account", setup{}, func(b *bench) result {
			b.failNext(delivery.Configuration)
			return b.do("POST", emailLogin, bodyOf("email", johnEmail))
		}},

		{400, "invalid_code", "", setup{}, func(b *bench) result { return b.authenticate(b.signUp(), "12345") }},
		{404, "otp_code_not_found", "wrong", setup{}, func(b *bench) result {
			id := b.signUp()
			return b.authenticate(id, wrong(b.code(johnPhone)))
		}},
		{404, "otp_code_not_found", "no such method", setup{}, func(b *bench) result {
			return b.authenticate(accounts.EmailID.New(false), "123456")
		}},
		{401, "unable_to_auth_otp_code", "expired", setup{}, func(b *bench) result {
			id := b.signUp()
			b.kit.Clock.Advance(2 * time.Minute)
			return b.authenticate(id, b.code(johnPhone))
		}},
		{401, "unable_to_auth_otp_code", "used", setup{}, func(b *bench) result {
			id := b.signUp()
			b.authenticate(id, b.code(johnPhone))
			return b.authenticate(id, b.code(johnPhone))
		}},
		{401, "unable_to_auth_otp_code", "never sent", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
			return b.authenticate(user.text("phone_id"), "123456")
		}},
		{401, "attribute_mismatch", "", setup{}, func(b *bench) result {
			return b.post(checkCode, `{"method_id": %q, "code": %q, "options": {"ip_match_required": true}}`, b.signUp(), b.code(johnPhone))
		}},
		{429, "user_lock_limit_reached", "", setup{}, func(b *bench) result {
			for range 2 {
				id := b.signUp()
				for range 5 {
					b.authenticate(id, wrong(b.code(johnPhone)))
				}
			}
			return b.do("POST", smsLogin, bodyOf("sms", johnPhone))
		}},

		{400, "invalid_email_id", "", setup{}, func(b *bench) result { return b.do("DELETE", "/v1/users/emails/"+accounts.EmailID.New(true), "{}") }},
		{400, "invalid_phone_id", "", setup{}, func(b *bench) result { return b.do("DELETE", "/v1/users/phone_numbers/x", "{}") }},
		{400, "invalid_totp_id", "", setup{}, func(b *bench) result { return b.do("DELETE", "/v1/users/totps/x", "{}") }},
		{404, "email_not_found", "deleted", setup{}, func(b *bench) result {
			return b.do("DELETE", "/v1/users/emails/"+accounts.EmailID.New(false), "{}")
		}},
		{404, "phone_number_not_found", "deleted", setup{}, func(b *bench) result {
			return b.do("DELETE", "/v1/users/phone_numbers/"+accounts.PhoneID.New(false), "{}")
		}},
		{404, "totp_not_found", "", setup{}, func(b *bench) result { return b.do("DELETE", "/v1/users/totps/"+accounts.TOTPID.New(false), "{}") }},
		{404, "factor_not_found", "", setup{}, func(b *bench) result { return b.do("DELETE", "/v1/users/webauthn_registrations/x", "{}") }},
		{404, "connected_app_not_found", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
			return b.do("POST", "/v1/users/"+user.text("user_id")+"/connected_apps/x/revoke", "{}")
		}},
		{400, "invalid_exchange_primary_factor_fields", "none", setup{}, func(b *bench) result {
			return b.do("PUT", "/v1/users/x/exchange_primary_factor", "{}")
		}},
		{400, "invalid_exchange_primary_factor_fields", "both", setup{}, func(b *bench) result {
			return b.do("PUT", "/v1/users/x/exchange_primary_factor", `{"email_address": "a@example.com", "phone_number": "+12025550163"}`)
		}},
		{400, "invalid_exchange_primary_factor_user", "", setup{}, func(b *bench) result {
			user := b.post("/v1/users", `{"email": %q, "phone_number": %q}`, johnEmail, johnPhone)
			return b.do("PUT", "/v1/users/"+user.text("user_id")+"/exchange_primary_factor", `{"email_address": "a@example.com"}`)
		}},
		{400, "duplicate_phone_number_for_user", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
			return b.do("PUT", "/v1/users/"+user.text("user_id"), `{"phone_numbers": [{"phone_number": "+12025550162"}]}`)
		}},
		{400, "duplicate_email_for_user", "", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("email", johnEmail))
			return b.do("PUT", "/v1/users/"+user.text("user_id")+"/exchange_primary_factor", `{"email_address": "JOHN@example.com"}`)
		}},
		{400, "duplicate_email_for_user", "update", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("email", johnEmail))
			return b.do("PUT", "/v1/users/"+user.text("user_id"), bodyOf("email", johnEmail))
		}},
		{400, "bad_request", "two values in a query", setup{}, func(b *bench) result {
			return b.do("GET", "/v1/sessions?user_id=a&user_id=b", "")
		}},
		{400, "too_many_unverified_factors", "update", setup{}, func(b *bench) result {
			user := b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
			return b.do("PUT", "/v1/users/"+user.text("user_id"), `{"emails": [{"email": "john@example.com"}]}`)
		}},
		{400, "invalid_phone_number", "update", setup{}, func(b *bench) result {
			return b.do("PUT", "/v1/users/x", `{"phone_numbers": [{"phone_number": "+1"}]}`)
		}},
		{400, "invalid_email", "exchange", setup{}, func(b *bench) result {
			return b.do("PUT", "/v1/users/x/exchange_primary_factor", `{"email_address": "x"}`)
		}},
		{400, "invalid_user_id", "update", setup{}, func(b *bench) result { return b.do("PUT", "/v1/users/a%20b", "{}") }},

		{400, "user_search_invalid_limit", "", setup{}, func(b *bench) result { return b.post(search, `{"limit": 1001}`) }},
		{400, "user_search_invalid_limit", "negative", setup{}, func(b *bench) result { return b.post(search, `{"limit": -1}`) }},
		{400, "user_search_invalid_cursor", "", setup{}, func(b *bench) result { return b.post(search, `{"cursor": "x"}`) }},
		{400, "user_search_invalid_operator", "", setup{}, func(b *bench) result { return b.post(search, `{"query": {"operator": "XOR"}}`) }},
		{400, "user_search_missing_filter_name", "", setup{}, func(b *bench) result { return b.searchFor(`{"filter_value": "x"}`) }},
		{400, "user_search_filter_name_must_be_string", "", setup{}, func(b *bench) result { return b.searchFor(`{"filter_name": 1, "filter_value": "x"}`) }},
		{400, "user_search_filter_name_not_recognized", "", setup{}, func(b *bench) result { return b.searchFor(`{"filter_name": "x", "filter_value": "x"}`) }},
		{400, "user_search_missing_filter_value", "", setup{}, func(b *bench) result { return b.searchFor(`{"filter_name": "status"}`) }},
		{400, "user_search_missing_filter_value", "null", setup{}, func(b *bench) result { return b.filter("status", "null") }},
		{400, "user_search_expected_array_of_string", "", setup{}, func(b *bench) result { return b.filter("phone_id", `"x"`) }},
		{400, "user_search_expected_array_of_string", "null inside", setup{}, func(b *bench) result { return b.filter("oauth_provider", `[null]`) }},
		{400, "user_search_expected_bool", "", setup{}, func(b *bench) result { return b.filter("password_exists", `"true"`) }},
		{400, "user_search_expected_string", "", setup{}, func(b *bench) result { return b.filter("full_name_fuzzy", `["x"]`) }},
		{400, "user_search_expected_object", "", setup{}, func(b *bench) result { return b.filter("created_at_between", `"2026-01-01T00:00:00Z"`) }},
		{400, "user_search_expected_timestamp", "", setup{}, func(b *bench) result { return b.filter("created_at_less_than", `"yesterday"`) }},
		{400, "user_search_expected_timestamp", "half a period", setup{}, func(b *bench) result {
			return b.filter("created_at_between", `{"greater_than": "2026-01-01T00:00:00Z"}`)
		}},
		{400, "user_search_expected_timestamp", "zero", setup{}, func(b *bench) result { return b.filter("created_at_greater_than", `"0001-01-01T00:00:00Z"`) }},
		{400, "user_search_invalid_status_filter", "", setup{}, func(b *bench) result { return b.filter("status", `"deleted"`) }},
		{400, "user_search_maximum_filter_value_count_exceeded", "", setup{}, func(b *bench) result {
			return b.filter("user_id", "["+strings.Repeat(`"x",`, 1000)+`"x"]`)
		}},
		{400, "user_search_phone_number_fuzzy_too_short", "", setup{}, func(b *bench) result { return b.filter("phone_number_fuzzy", `"+1"`) }},
		{400, "user_search_email_address_fuzzy_too_short", "", setup{}, func(b *bench) result { return b.filter("email_address_fuzzy", `"aé"`) }},
		{400, "user_search_full_name_fuzzy_too_short", "", setup{}, func(b *bench) result { return b.filter("full_name_fuzzy", `""`) }},
		{400, "user_search_cannot_mix_internal_and_external_user_ids", "", setup{}, func(b *bench) result {
			return b.filter("user_id", fmt.Sprintf(`["x", %q]`, accounts.UserID.New(false)))
		}},
		{400, "bad_request", "filters", setup{}, func(b *bench) result {
			one := `{"filter_name": "status", "filter_value": "active"}`
			return b.searchFor(strings.Repeat(one+",", 100) + one)
		}},

		{404, "user_not_found", "", setup{}, func(b *bench) result { return b.do("GET", "/v1/users/"+accounts.UserID.New(false), "") }},
		{400, "invalid_create_user_request", "", setup{}, func(b *bench) result { return b.do("POST", "/v1/users", "") }},
		{400, "duplicate_phone_number", "", setup{}, func(b *bench) result {
			b.signUp()
			return b.do("POST", "/v1/users", bodyOf("sms", johnPhone))
		}},
		{400, "duplicate_email", "", setup{}, func(b *bench) result {
			b.do("POST", emailLogin, bodyOf("email", johnEmail))
			return b.do("POST", "/v1/users", bodyOf("email", "JOHN@EXAMPLE.COM"))
		}},
		{400, "duplicate_user_external_id", "", setup{}, func(b *bench) result {
			b.post("/v1/users", `{"email": %q, "external_id": "x"}`, johnEmail)
			return b.post("/v1/users", `{"email": "jane@example.com", "external_id": "x"}`)
		}},
		{400, "metadata_too_large", "", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "trusted_metadata": {"x": %q}}`, johnEmail, strings.Repeat("x", 4096))
		}},
		{400, "metadata_too_many_keys", "", setup{}, func(b *bench) result {
			var keys []string
			for i := range 21 {
				keys = append(keys, fmt.Sprintf(`"%d": 1`, i))
			}
			return b.post("/v1/users", `{"email": %q, "untrusted_metadata": {%s}}`, johnEmail, strings.Join(keys, ","))
		}},
		{400, "metadata_invalid_format", "", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "trusted_metadata": []}`, johnEmail)
		}},
		{400, "bad_request", "external id", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "external_id": "a b"}`, johnEmail)
		}},
		{400, "bad_request", "name", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "name": {"first_name": %q}}`, johnEmail, strings.Repeat("x", 129))
		}},
		{400, "bad_request", "role", setup{}, func(b *bench) result {
			return b.post("/v1/users", `{"email": %q, "roles": [""]}`, johnEmail)
		}},

		{400, "bad_request", "channel", setup{engine: func(cfg *engine.Config) { delete(cfg.Channels, delivery.Email) }}, func(b *bench) result {
			return b.do("POST", emailLogin, bodyOf("email", johnEmail))
		}},
		{503, "server_unavailable", "store", storeDown, func(b *bench) result { return b.do("POST", smsLogin, bodyOf("sms", johnPhone)) }},
		{500, "internal_server_error", "unknown error", setup{accounts: func(a Accounts) Accounts { return broken{a, errors.New("of another kind")} }},
			func(b *bench) result { return b.do("GET", "/v1/users/x", "") }},
		{500, "internal_server_error", "broken user", setup{accounts: func(a Accounts) Accounts { return broken{Accounts: a} }},
			func(b *bench) result { return b.do("POST", "/v1/users", bodyOf("sms", johnPhone)) }},
		{500, "internal_server_error", "panic", setup{accounts: func(a Accounts) Accounts { return broken{Accounts: a} }},
			func(b *bench) result { return b.do("GET", "/v1/users/x", "") }},
		{500, "internal_server_error", "panic of an error", setup{accounts: func(a Accounts) Accounts { return broken{Accounts: a} }},
			func(b *bench) result { return b.do("POST", smsSend, bodyOf("sms", johnPhone)) }},
		{500, "internal_server_error", "panic of a cause", setup{accounts: func(a Accounts) Accounts { return broken{Accounts: a} }},
			func(b *bench) result { return b.do("POST", smsLogin, bodyOf("sms", johnPhone)) }},
	}

	var mu sync.Mutex
	answered := make(map[int]bool)
	t.Run("all", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.kind+"/"+c.what, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, c.setup)
				for i := range b.api.table {
					b.api.table[i].kind += fmt.Sprint("-", i)
				}
				got := c.do(b)
				kind, mark, _ := strings.Cut(got.kind(), "-")
				if got.status != c.status || kind != c.kind {
					t.Fatalf("got %d %s, want %d %s\n%s", got.status, kind, c.status, c.kind, got.raw)
				}
				i, err := strconv.Atoi(mark)
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				defer mu.Unlock()
				answered[i] = true
			})
		}
	})
	for i, r := range errorTable() {
		if !answered[i] {
			t.Errorf("no request was answered with row %d, %d %s", i, r.status, r.kind)
		}
		if r.status < 400 || http.StatusText(r.status) == "" || r.kind != strings.ToLower(r.kind) || !strings.HasSuffix(r.message, ".") {
			t.Errorf("row %d is %d %s %q", i, r.status, r.kind, r.message)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	limited := func() string {
		t.Helper()
		r := b.want(b.do("POST", smsLogin, bodyOf("sms", johnPhone)), 429, "too_many_requests")
		return r.header.Get("Retry-After")
	}
	for range 5 {
		b.signUp()
	}
	if s := limited(); s != "600" {
		t.Errorf("Retry-After is %q right after the sends", s)
	}
	b.kit.Clock.Advance(10*time.Minute - 1500*time.Millisecond)
	if s := limited(); s != "2" {
		t.Errorf("Retry-After is %q, 1.5 seconds before the time", s)
	}
	b.kit.Clock.Advance(1499 * time.Millisecond)
	if s := limited(); s != "1" {
		t.Errorf("Retry-After is %q, a millisecond before the time", s)
	}
	b.kit.Clock.Advance(time.Second)
	b.signUp()

	r := b.want(b.do("POST", smsLogin, bodyOf("sms", enginetest.Throttled)), 429, "too_many_requests")
	if s := r.header.Get("Retry-After"); s != fmt.Sprint(enginetest.ThrottledFor.Seconds()) {
		t.Errorf("Retry-After is %q, the provider said %v", s, enginetest.ThrottledFor)
	}
	b.failNext(delivery.Throttled)
	if r := b.do("POST", emailLogin, bodyOf("email", johnEmail)); r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q, the provider gave no time", r.header.Get("Retry-After"))
	}
}

// Whatever becomes of a request, its place is free for the next one.
func TestPlacesAreGivenBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{accounts: func(a Accounts) Accounts { return broken{Accounts: a} }})
	for range cap(b.api.slots) - 1 {
		b.api.slots <- struct{}{}
	}
	for range 3 {
		b.post(smsLogin, `{`)
		b.do("GET", "/v1/users/x", "") // a panic
		b.do("GET", "/v1/users/"+sandboxUserID, "")
		b.do("DELETE", "/v1/users/x", "")
	}
	if n := len(b.api.slots); n != cap(b.api.slots)-1 {
		t.Errorf("%d places are taken", n)
	}
	b.want(b.do("GET", "/v1/users/"+sandboxUserID, ""), 200, "")
}
