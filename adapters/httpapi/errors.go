package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// A fault is an error that this package finds itself. Its text is the
// error_type on the wire.
type fault string

func (f fault) Error() string { return "httpapi: " + string(f) }

const (
	errBadRequest          fault = "bad_request"
	errRoute               fault = "route_not_found"
	errMethod              fault = "method_not_allowed"
	errUnauthorized        fault = "unauthorized_credentials"
	errAuthorizationHeader fault = "invalid_authorization_header"
	errProjectID           fault = "invalid_project_id_authentication"
	errBusy                fault = "too_many_requests"
	errExpiration          fault = "invalid_expiration_otp"
	errLocale              fault = "invalid_locale"
	errIPAddress           fault = "invalid_ip_address"
	errUserAgent           fault = "invalid_user_agent"
	errTemplate            fault = "email_template_not_found"
	errSelectors           fault = "too_many_user_selection_arguments"
	errTwoSessions         fault = "too_many_session_arguments"
	errNoSession           fault = "no_session_arguments"
	errTwoRevoked          fault = "too_many_session_revoke_arguments"
	errNoneRevoked         fault = "no_session_revoke_arguments"
	errNotAuthorized       fault = "consumer_session_authorization_error"
	errWindow              fault = "invalid_expiration"
	errProject             fault = "project_not_found"
	errMethodID            fault = "invalid_method_id"
	errUserID              fault = "invalid_user_id"
	errEmailID             fault = "invalid_email_id"
	errPhoneID             fault = "invalid_phone_id"
	errTOTPID              fault = "invalid_totp_id"
	errExchangeFields      fault = "invalid_exchange_primary_factor_fields"
	errNoSuchFactor        fault = "factor_not_found"
	errNoSuchApp           fault = "connected_app_not_found"
	errSearchLimit         fault = "user_search_invalid_limit"
	errSearchOperator      fault = "user_search_invalid_operator"
	errSearchNoName        fault = "user_search_missing_filter_name"
	errSearchNameType      fault = "user_search_filter_name_must_be_string"
	errSearchName          fault = "user_search_filter_name_not_recognized"
	errSearchNoValue       fault = "user_search_missing_filter_value"
	errSearchArray         fault = "user_search_expected_array_of_string"
	errSearchBool          fault = "user_search_expected_bool"
	errSearchString        fault = "user_search_expected_string"
	errSearchObject        fault = "user_search_expected_object"
	errSearchTime          fault = "user_search_expected_timestamp"
	errSearchStatus        fault = "user_search_invalid_status_filter"
	errSearchTooMany       fault = "user_search_maximum_filter_value_count_exceeded"
	errSearchPhoneShort    fault = "user_search_phone_number_fuzzy_too_short"
	errSearchEmailShort    fault = "user_search_email_address_fuzzy_too_short"
	errSearchNameShort     fault = "user_search_full_name_fuzzy_too_short"
	errSearchMixedIDs      fault = "user_search_cannot_mix_internal_and_external_user_ids"
	errPhoneSandbox        fault = "invalid_phone_number_sandbox"
	errEmailSandbox        fault = "invalid_email_sandbox"
)

// A row says how the API puts an error. The first row that matches counts.
type row struct {
	match   func(error, *call) bool
	status  int
	kind    string // error_type
	message string
}

// errorTable is every error that the API answers with, and what is behind it.
// Statuses and types are those of Stytch; the package comment lists the choices
// that its documents leave open. Where a row's error brings a sentence of its
// own (see badRequest), that replaces the message.
func errorTable() []row {
	const phone, email = delivery.ClassPhone, delivery.ClassEmail
	return []row{
		// The request, before it reaches any call.
		{is(errRoute), 404, "route_not_found", "There is no such path."},
		{is(errProject), 404, "project_not_found", "This is not the id of the project."},
		{is(errMethod), 405, "method_not_allowed", "This path does not have this method."},
		{is(errUnauthorized), 401, "unauthorized_credentials", "Project id and secret are missing or wrong."},
		{is(errAuthorizationHeader), 400, "invalid_authorization_header", "The Authorization header is not one of Basic authentication."},
		{is(errProjectID), 400, "invalid_project_id_authentication", "The user name of Basic authentication is not a project id."},
		{is(errBusy), 429, "too_many_requests", "Too many requests are being answered at once."},
		{is(errBadRequest), 400, "bad_request", "The request is malformed."},

		// Its fields.
		{is(errExpiration), 400, "invalid_expiration_otp", "expiration_minutes must be from 1 to 10."},
		{is(errLocale), 400, "invalid_locale", "There is no message in this locale for this channel."},
		{is(errIPAddress), 400, "invalid_ip_address", "attributes.ip_address is not an IP address."},
		{is(errUserAgent), 400, "invalid_user_agent", "attributes.user_agent is longer than 1024 bytes or has control characters."},
		{is(errTemplate), 404, "email_template_not_found", "There is no such template."},
		{is(errSelectors), 400, "too_many_user_selection_arguments", "Only one of user_id, session_token and session_jwt may be given."},
		{is(errTwoSessions), 400, "too_many_session_arguments", "Only one of session_token and session_jwt may be given."},
		{is(errNoSession), 400, "no_session_arguments", "One of session_token and session_jwt must be given."},
		{is(errTwoRevoked), 400, "too_many_session_revoke_arguments", "Only one of session_id, session_token and session_jwt may be given."},
		{is(errNoneRevoked), 400, "no_session_revoke_arguments", "One of session_id, session_token and session_jwt must be given."},
		{is(errWindow), 400, "invalid_expiration", "expiration_minutes must be from 5 to 1440."},
		{is(errMethodID), 400, "invalid_method_id", "method_id is not the id of a phone number or of an e-mail address of this project."},
		{is(errEmailID), 400, "invalid_email_id", "The path does not have the id of an e-mail address of this project."},
		{is(errPhoneID), 400, "invalid_phone_id", "The path does not have the id of a phone number of this project."},
		{is(errTOTPID), 400, "invalid_totp_id", "The path does not have the id of an authenticator app of this project."},
		{is(errExchangeFields), 400, "invalid_exchange_primary_factor_fields", "Exactly one of email_address and phone_number must be given."},
		{is(errNoSuchFactor), 404, "factor_not_found", "No user has such a factor: this service does not have this kind."},
		{is(errNoSuchApp), 404, "connected_app_not_found", "There are no connected apps."},

		// Searches.
		{is(errSearchLimit), 400, "user_search_invalid_limit", "limit must be from 1 to 1000."},
		{is(store.ErrCursor), 400, "user_search_invalid_cursor", "The cursor is not one that a search returned."},
		{is(errSearchOperator), 400, "user_search_invalid_operator", "query.operator must be AND or OR."},
		{is(errSearchNoName), 400, "user_search_missing_filter_name", "An operand has no filter_name."},
		{is(errSearchNameType), 400, "user_search_filter_name_must_be_string", "filter_name must be a string."},
		{is(errSearchName), 400, "user_search_filter_name_not_recognized", "There is no such filter."},
		{is(errSearchNoValue), 400, "user_search_missing_filter_value", "An operand has no filter_value."},
		{is(errSearchArray), 400, "user_search_expected_array_of_string", "The filter's value must be an array of strings."},
		{is(errSearchBool), 400, "user_search_expected_bool", "The filter's value must be true or false."},
		{is(errSearchString), 400, "user_search_expected_string", "The filter's value must be a string."},
		{is(errSearchObject), 400, "user_search_expected_object", "The filter's value must be an object."},
		{is(errSearchTime), 400, "user_search_expected_timestamp", "The filter's value must be a time in RFC 3339 format."},
		{is(errSearchStatus), 400, "user_search_invalid_status_filter", "The filter's value must be active or pending."},
		{is(errSearchTooMany), 400, "user_search_maximum_filter_value_count_exceeded", "A filter has more than 1000 values."},
		{is(errSearchPhoneShort), 400, "user_search_phone_number_fuzzy_too_short", "The filter's value must have 3 characters or more."},
		{is(errSearchEmailShort), 400, "user_search_email_address_fuzzy_too_short", "The filter's value must have 3 characters or more."},
		{is(errSearchNameShort), 400, "user_search_full_name_fuzzy_too_short", "The filter's value must have 3 characters or more."},
		{is(errSearchMixedIDs), 400, "user_search_cannot_mix_internal_and_external_user_ids", "User ids and external ids cannot stand in one filter."},

		{is(errUserID), 400, "invalid_user_id", "The user id is neither a user id nor an external id."},
		{is(errPhoneSandbox), 400, "invalid_phone_number_sandbox", "The sandbox phone number is for test projects."},
		{is(errEmailSandbox), 400, "invalid_email_sandbox", "The sandbox e-mail address is for test projects."},

		// Addresses.
		{on(email, engine.ErrAddress), 400, "invalid_email", "The e-mail address is malformed."},
		{on(phone, engine.ErrAddress), 400, "invalid_phone_number", "The phone number is not a valid number in E.164 format."},
		{is(engine.ErrCountry), 400, "invalid_phone_number_country_code", "Phone numbers of this country are not supported."},
		{is(engine.ErrNumberType), 400, "invalid_phone_number", "Phone numbers of this type are not supported."},

		// Sending. engine.ErrDelivery wraps the provider's error, so it goes last.
		{on(email, accounts.ErrMethodNotFound), 404, "email_not_found", "No user has this e-mail address."},
		{on(phone, accounts.ErrMethodNotFound), 404, "phone_number_not_found", "No user has this phone number."},
		{is(accounts.ErrUnverified), 400, "too_many_unverified_factors", "The user has an address or app already that waits for its first code."},
		{is(engine.ErrLimited), 429, "too_many_requests", "Too many codes were sent to this address."},
		{is(delivery.ErrThrottled), 429, "too_many_requests", "Too many messages are being sent."},
		{on(email, delivery.ErrRejected), 400, "inactive_email", "The e-mail address does not take messages."},
		{on(phone, delivery.ErrRejected), 400, "downstream_carrier_error", "The carrier does not deliver to this phone number."},
		{is(engine.ErrDelivery), 503, "server_unavailable", "The message could not be sent."},

		// Sessions.
		{is(sessions.ErrToken), 400, "invalid_session_token", "The session token does not have the form of a token."},
		{is(sessions.ErrJWT), 400, "unable_to_parse_session_jwt", "The session JWT is unreadable, or not one of this project."},
		{is(sessions.ErrID), 400, "invalid_session_id", "session_id is not the id of a session of this project."},
		{is(sessions.ErrNotFound), 404, "session_not_found", "The session was revoked, expired, or never there."},
		{is(sessions.ErrUser), 400, "user_id_mismatch", "The session is another user's."},
		{is(sessions.ErrDuration), 400, "invalid_session_duration_minutes", "session_duration_minutes must be from 5 to 527040."},
		{is(sessions.ErrTooLong), 400, "invalid_session_duration", "session_duration_minutes is more than this project allows."},
		{is(sessions.ErrClaims), 400, "bad_request", "The field session_custom_claims must be an object."},
		{is(sessions.ErrTooLarge), 400, "custom_claims_too_large", "The session's custom claims are larger than 4 KB."},
		{is(sessions.ErrReserved), 400, "stytch_claims_in_custom_claims", "Names that begin with https://stytch.com/ are reserved."},
		{is(errNotAuthorized), 403, "consumer_session_authorization_error", "None of the user's roles allows this action."},

		// Authenticator apps, whose codes have kinds of error that passcodes have too.
		{is(totp.ErrActive), 400, "active_totp_exists", "The user has an authenticator app already."},
		{of(sessions.RecoveryCode, totp.ErrNone), 404, "recovery_codes_not_found", "The user has no recovery codes."},
		{is(totp.ErrNone), 404, "totps_not_found_for_user", "The user has no authenticator app."},
		{is(totp.ErrReplayed), 401, "totp_code_already_authenticated", "The code was used before."},
		{is(totp.ErrRecoveryCode), 400, "recovery_code_used_as_totp_code", "This is a recovery code, not a code of the authenticator app."},
		{is(totp.ErrAppCode), 400, "totp_code_used_as_recovery_code", "This is a code of the authenticator app, not a recovery code."},
		{of(sessions.Authenticator, engine.ErrFormat), 400, "invalid_totp_code", "The code is not six digits."},
		{of(sessions.Authenticator, engine.ErrWrong), 401, "unable_to_authenticate_totp", "The code is wrong."},
		{of(sessions.Authenticator, engine.ErrExpired), 401, "expired_totp", "The authenticator app was not enrolled in time."},
		{of(sessions.RecoveryCode, engine.ErrFormat), 400, "invalid_recovery_code", "The recovery code does not have the form of one."},
		{of(sessions.RecoveryCode, engine.ErrWrong), 401, "unable_to_authenticate_recovery_code", "The recovery code is wrong or was used."},

		// Codes. An unknown method answers as a wrong code does.
		{is(engine.ErrFormat), 400, "invalid_code", "The code does not have the form of a code."},
		{is(engine.ErrWrong), 404, "otp_code_not_found", "The code is wrong."},
		{is(accounts.ErrMethodNotFound), 404, "otp_code_not_found", "The code is wrong."},
		{is(engine.ErrExpired), 401, "unable_to_auth_otp_code", "The code expired or was used."},
		{is(engine.ErrUsed), 401, "unable_to_auth_otp_code", "The code expired or was used."},
		{is(engine.ErrMismatch), 401, "attribute_mismatch", "The code was asked for by another client."},
		{is(engine.ErrLocked), 429, "user_lock_limit_reached", "Too many wrong codes were entered."},

		// Users.
		{is(accounts.ErrTOTPGone), 404, "totp_not_found", "No user has this authenticator app."},
		{on(phone, accounts.ErrHasAddress), 400, "duplicate_phone_number_for_user", "The user has this phone number already."},
		{on(email, accounts.ErrHasAddress), 400, "duplicate_email_for_user", "The user has this e-mail address already."},
		{is(accounts.ErrNotSingle), 400, "invalid_exchange_primary_factor_user", "The user does not have exactly one factor."},
		{is(accounts.ErrUserNotFound), 404, "user_not_found", "There is no such user."},
		{is(accounts.ErrNoAddress), 400, "invalid_create_user_request", "A user needs a phone number or an e-mail address."},
		{taken(store.ByPhone), 400, "duplicate_phone_number", "Another user has this phone number."},
		{taken(store.ByEmail), 400, "duplicate_email", "Another user has this e-mail address."},
		{taken(store.ByExternalID), 400, "duplicate_user_external_id", "Another user has this external id."},
		{is(accounts.ErrTooLarge), 400, "metadata_too_large", "Metadata is larger than 4 KB."},
		{is(accounts.ErrTooManyKeys), 400, "metadata_too_many_keys", "Metadata has more than 20 keys."},
		{is(accounts.ErrFormat), 400, "metadata_invalid_format", "Metadata must be a JSON object."},

		// What no client can help.
		{is(engine.ErrRequest), 400, "bad_request", "This project is not set up for that."},
		{is(engine.ErrUnavailable), 503, "server_unavailable", "The service is unavailable; try again later."},
		{anything, 500, "internal_server_error", "Something went wrong."},
	}
}

func is(target error) func(error, *call) bool {
	return func(err error, _ *call) bool { return errors.Is(err, target) }
}

// on matches an error of a call about this class of address.
func on(class delivery.Class, target error) func(error, *call) bool {
	return func(err error, c *call) bool { return c.class == class && errors.Is(err, target) }
}

// of matches an error of a call about codes of this kind.
func of(factor sessions.Method, target error) func(error, *call) bool {
	return func(err error, c *call) bool { return c.factor == factor && errors.Is(err, target) }
}

func taken(by store.Index) func(error, *call) bool {
	return func(err error, _ *call) bool {
		var t *store.TakenError
		return errors.As(err, &t) && t.Index == by
	}
}

func anything(error, *call) bool { return true }

// A requestError is a fault with a sentence that helps whoever wrote the
// client. It never repeats what the client sent.
type requestError struct{ message string }

func (e *requestError) Error() string        { return errBadRequest.Error() + ": " + e.message }
func (e *requestError) Is(target error) bool { return target == errBadRequest }

func badRequest(message string) error { return &requestError{message} }

// A methodError is errMethod with the methods that the path has.
type methodError struct{ allow []string }

func (e *methodError) Error() string        { return errMethod.Error() }
func (e *methodError) Is(target error) bool { return target == errMethod }

// problem is the body of an error.
type problem struct {
	meta
	ErrorType    string `json:"error_type"`
	ErrorMessage string `json:"error_message"`
	ErrorURL     string `json:"error_url"`
}

// refuse makes the answer for an error.
func (h *Handler) refuse(c *call, err error) answer {
	i := 0
	for !h.table[i].match(err, c) {
		i++
	}
	r := h.table[i]
	p := problem{meta{c.id, r.status}, r.kind, r.message, fmt.Sprintf("https://stytch.com/docs/api/errors/%d#%s", r.status, r.kind)}
	var explained *requestError
	if errors.As(err, &explained) {
		p.ErrorMessage = explained.message
	}
	body, _ := json.Marshal(p) // strings and a number always can be
	log := []slog.Attr{slog.String("error_type", r.kind)}
	if r.status >= 500 {
		log = append(log, causes(err)...)
	}
	return answer{r.status, errorHeader(r, err), body, log}
}

// errorHeader returns the headers that go with some errors.
//
// A 401 for a code has no WWW-Authenticate, though RFC 9110 §15.5.2 wants one:
// HTTP clients that see it send the request again, and so enter the code again.
func errorHeader(r row, err error) http.Header {
	header := make(http.Header)
	var wrongMethod *methodError
	switch {
	case errors.As(err, &wrongMethod):
		header.Set("Allow", strings.Join(wrongMethod.allow, ", "))
	case errors.Is(err, errUnauthorized):
		header.Set("WWW-Authenticate", `Basic realm="passcode", charset="UTF-8"`)
	case r.status == http.StatusTooManyRequests:
		var refused *engine.Error
		wait := time.Second
		if errors.As(err, &refused) {
			wait = max(wait, refused.RetryAfter)
		}
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	return header
}

// causes returns what the log says of an error that no client can help. An
// error of the engine holds no code and no address; of another only the type
// is known to be safe.
func causes(err error) []slog.Attr {
	var refused *engine.Error
	var p *panicError
	switch {
	case errors.As(err, &p):
		return []slog.Attr{slog.String("cause", p.Error()), slog.String("stack", string(p.stack))}
	case errors.As(err, &refused):
		return []slog.Attr{slog.String("cause", refused.Error())}
	}
	return []slog.Attr{slog.String("cause", fmt.Sprintf("%T", err))}
}
