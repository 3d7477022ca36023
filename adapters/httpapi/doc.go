// Package httpapi serves passcodes over HTTP, in the words of Stytch's
// consumer API: a program that was written for that service, with one of its
// client libraries or without, works against a [Handler] as it is.
//
//	api, err := httpapi.New(httpapi.Config{Accounts: acc, Sessions: logins, ProjectID: "project-test-…", Secret: "secret-test-…"})
//	…
//	server := &http.Server{Handler: api, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
//
// Mount it at the root of a host, since some client libraries know no path
// prefix. It needs TLS in front of it, and a server with time limits as above:
// slow requests are the server's to end, as are those that are no HTTP, which
// never get here. WriteTimeout has to leave the engine the time to send.
//
// # What it serves
//
//	POST /v1/otps/{sms,whatsapp,email}/login_or_create
//	POST /v1/otps/{sms,whatsapp,email}/send
//	POST /v1/otps/authenticate
//	GET  /v1/sessions
//	POST /v1/sessions/{authenticate,revoke}
//	GET  /v1/sessions/jwks/{project_id}
//	POST /v1/totps
//	POST /v1/totps/{authenticate,recovery_codes,recover}
//	POST /v1/users
//	POST /v1/users/search
//	GET, PUT, DELETE /v1/users/{user_id}
//	PUT    /v1/users/{user_id}/exchange_primary_factor
//	DELETE /v1/users/{user_id}/external_id
//	DELETE /v1/users/{emails,phone_numbers,totps}/{id}
//
// And, for what no user here can have, the documented shape without anything in
// it, or 404:
//
//	GET    /v1/users/{user_id}/connected_apps
//	POST   /v1/users/{user_id}/connected_apps/{id}/revoke
//	DELETE /v1/users/{webauthn_registrations,biometric_registrations,crypto_wallets,passwords,oauth}/{id}
//
// Every other path is 404 route_not_found. Every answer is JSON with
// request_id and status_code; errors have error_type, error_message and
// error_url besides. Who has the project's id and secret may do everything, so
// they belong on servers: no browser or phone calls this API itself.
//
// Not part of it are message templates, roles that allow something, and what
// Stytch has besides passcodes. A request that asks for one of them is refused.
// All of a request is checked before its code is used up.
//
// A program that serves pages itself, in the same process, needs no HTTP to look
// at its sessions: see [Guard].
//
// # What is logged
//
// One line for each request: request id, method, route, status, duration and
// error type; with a 5xx the cause as well. No address, no code, no token, no
// secret, and nothing else that a client sent.
//
// # The sandbox
//
// In a test project these can be tried out without anything being stored,
// counted or sent. A live project refuses the addresses, and knows nothing of
// the rest.
//
//	phone, e-mail   +10000000000, sandbox@stytch.com
//	user            user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd
//	code            000000, of a message or of the user's authenticator app
//	recovery code   a1b2-c3d4-e5f6
//	session token   WJtR5BCy38Szd5AfoDpf0iqFKEt4EE5JhjlWUY7l3FtY
//	and none        59cnLELtq5cFVS6uYK9f-pAWzBkhqZl8AvLhbhOvKNWw
//
// # Where Stytch's documents leave a choice
//
// Credentials and paths:
//   - No Authorization header: 401 unauthorized_credentials. A header that is
//     not one of Basic, or several: 400 invalid_authorization_header.
//   - A secret that is malformed, or of the other environment, is a wrong one:
//     401.
//   - WWW-Authenticate comes with unauthorized_credentials, not with a 401 for
//     a code: HTTP clients answer it by sending the request again.
//   - A path is looked up before the credentials are: 404 and 405 need none.
//   - A path with an empty, "." or ".." segment, a slash at the end, or an
//     encoded slash is 404. So a user whose external id is "." or ".." is not
//     found by it.
//   - More than Config.MaxConcurrent requests at once: 429 too_many_requests.
//   - Known path, other method: 405 method_not_allowed. HEAD is answered where
//     GET is.
//
// Bodies:
//   - At most 16 KiB, of a search 64 KiB, and 32 levels deep, UTF-8,
//     application/json if a Content-Type is given. Anything else: 400
//     bad_request; so are wrong types, a name twice in one object at any depth,
//     NUL, lone surrogates, and numbers that float64 cannot hold. Integers are
//     written without fraction and exponent.
//   - An empty body is {}. null means absent. Unknown fields are ignored;
//     names are compared exactly.
//   - An address, method id or code that is missing is a malformed one.
//   - attributes: an IP address in any of its spellings is the same, and an
//     IPv4 address in IPv6 is the IPv4 address; user_agent has at most 1024
//     bytes, none of them control characters. Both are kept with the code, as
//     digests, and with a new session.
//   - expiration_minutes 0 is out of range, not absent; but
//     session_duration_minutes 0 is absent, since not every client can tell the
//     two apart, and asks for no session. Locales are compared without regard to
//     case.
//   - A user_id that is missing is one that nobody has: 404 user_not_found.
//
// Sending:
//   - A type of number that is not texted, such as a premium number: 400
//     invalid_phone_number.
//   - SMS and WhatsApp to one number share one live code.
//   - user_id, session_token or session_jwt of a user who has the address: a
//     plain send. Of one who does not: it becomes the user's for five minutes,
//     each further send begins them anew, and the code makes it stay. Another
//     user has it: 400 duplicate_phone_number or duplicate_email. The user has an
//     address or an app already that waits for its first code: 400
//     too_many_unverified_factors, which comes first. More than one of the three:
//     400 too_many_user_selection_arguments.
//   - Any template id: 404 email_template_not_found.
//   - Unknown phone number: 404 phone_number_not_found. An address in the five
//     minutes of somebody is unknown to a send that does not name them, and
//     login_or_create takes it from them: its owner shall not get into their
//     account.
//   - The provider refuses the address: 400 downstream_carrier_error for
//     phones, inactive_email for e-mail. It asks to wait: 429
//     too_many_requests. It fails, or refuses the account: 503
//     server_unavailable. Its answer does not arrive: 200, since the message
//     may.
//   - login_or_create makes the user before it sends. If the send is refused
//     after that, the user stays, and the next answer has user_created false.
//
// Checking:
//   - An unknown method id answers as a wrong code does: 404
//     otp_code_not_found.
//   - A code replaced by a newer one is a wrong one: 404 otp_code_not_found,
//     and counted. Where no code is alive, because it was used, or its guesses
//     were, or none was sent: 401 unable_to_auth_otp_code.
//   - Spaces and hyphens in a code are forgiven, and decimal digits of any
//     script; any other malformed code is 400 invalid_code and costs no guess.
//   - ip_match_required without attributes.ip_address, in this request or in
//     that which sent the code: 401 attribute_mismatch. It costs no guess and
//     leaves the code alive. So with user_agent_match_required.
//   - Wrong codes count for the user, of whatever kind they are, and for the
//     address or the app: 429 user_lock_limit_reached for either.
//   - user_lock_limit_reached and too_many_requests have a Retry-After.
//
// Sessions:
//   - session_custom_claims without a session that results are looked at no
//     further than that they are an object.
//   - A session that another factor is added to gets a new token; the old ones
//     and the JWTs issued before are dead: 404 session_not_found. Authenticating by
//     token returns the same token, by JWT a further one.
//   - Revoking a session that is dead already: 404 session_not_found.
//   - An id of the other environment is malformed: 400 invalid_session_id.
//   - authorization_check: no role allows anything, since there is nowhere to
//     say what it would. If the session is there: 403
//     consumer_session_authorization_error, and the session stays as it is.
//   - A factor's type is "otp" for SMS and WhatsApp, "email_otp" for e-mail,
//     "totp" and "recovery_codes" for the rest.
//   - custom_claims is null if there never were any.
//   - The key set of another project: 404 project_not_found. The key set may be
//     kept for 15 minutes by anybody, other answers by nobody.
//
// Authenticator apps:
//   - If the accounts have none, every call about them is 400 bad_request.
//   - Creating one replaces one that waits for its first code: there is no
//     pending_totp_exists.
//   - Wrong, used before, or too late: 401. Malformed, or of the other kind: 400.
//   - No app at recovery_codes and authenticate: 404 totps_not_found_for_user. At
//     recover, and if it waits for its first code: 404 recovery_codes_not_found.
//   - A used recovery code is a wrong one, and is listed no more.
//   - qr_code has no blank after "base64,".
//
// Never answered, because nothing here leads to them: use_https,
// invalid_secret_authentication, invalid_consumer_endpoint, invalid_b2b_endpoint,
// invalid_template_id, invalid_email_domain, no_user_selection_arguments,
// reserved_claims_in_custom_claims, cannot_delete_email, captcha_failed,
// too_few_tokens_authenticated, those of country allowlists, and, until a sender
// tells it from other refusals, unsubscribed_phone_number.
//
// Users:
//   - A number of a country that SMS does not reach cannot be created: 400
//     invalid_phone_number_country_code.
//   - A malformed name, role or external id: 400 bad_request.
//   - An id that is neither a user id nor an external id: 400 invalid_user_id.
//     One of the other environment has the form of an external id: 404.
//   - created_at and the times of a lock have whole seconds.
//   - An update may add an address: "phone_numbers" or "emails" with one object,
//     as clients of the time of the product's guide to MFA write it, or
//     "phone_number" or "email" as for create. It is unverified until its code came
//     back, and stays until then, unlike one that a send adds. So there is no
//     update_user_auth_method_not_allowed. The user's own address: 400
//     duplicate_phone_number_for_user or duplicate_email_for_user. Two addresses
//     at once: 400 bad_request.
//   - Parts of a name that are absent stay; an empty one is taken away. An empty
//     external_id changes nothing; roles that are [] take all away.
//   - Exchanging the primary factor leaves the new address unverified and ends
//     sessions that had no other factor, as deleting a factor does.
//   - A user may lose the last factor: there is no
//     cannot_delete_last_primary_factor.
//   - Deleting an address of an id that nobody has: 404 email_not_found or
//     phone_number_not_found; a malformed id: 400 invalid_email_id,
//     invalid_phone_id, invalid_totp_id. Of a kind that no user here can have: 404
//     factor_not_found; a connected app: 404 connected_app_not_found.
//   - A path that is written out comes before one with a user id: the user with
//     the external id "search" is found by GET, but "emails", "totps" and their
//     like cannot be users' external ids in DELETE …/external_id.
//
// Searches:
//   - Results are in the order of user ids. limit 0 is 100, more than 1000 is 400
//     user_search_invalid_limit. The total is that of the first page.
//   - At most 100 operands, of 1000 values each. A fuzzy value has three
//     characters or more, and is found anywhere, without regard to case; so is
//     email_address_fuzzy. A filter without values finds nobody.
//   - phone_number and email_address are compared byte by byte with what users
//     show: E.164, and lower case unless the program's parser keeps it.
//   - A filter on an address or app finds the user if one of them fits;
//     phone_verified false is "has one that is not verified".
//   - Filters on what no user here has find nobody, in an AND.
//
// Sandbox:
//   - The method id of the sandbox phone is the one that the product's own
//     examples show, phone-number-test-d5a3b680-e8a3-40c0-b815-ab79986666d0.
//   - The sandbox user exists from the start, since 2021-01-01, and has both
//     addresses, verified.
//     So user_created is false, and giving one of them to another user is 400
//     duplicate_phone_number or duplicate_email. Changing or deleting it is 404,
//     and no search finds it.
//   - Its session lives for an hour from any moment, or as long as asked for. It
//     has one factor, that which was just authenticated or else the e-mail
//     address, and no custom claims. Whatever asks for a session with a sandbox
//     code gets this one, with a JWT that verifies, and revoking it is 200 and
//     changes nothing. An expired JWT of it is 404 session_not_found.
//   - Another user's session with a sandbox code, and the sandbox's session with
//     another user's code: 400 user_id_mismatch.
//   - It has an authenticator app, and may create one nevertheless.
//   - A live project answers the addresses with 400
//     invalid_phone_number_sandbox and invalid_email_sandbox; the ids are
//     malformed or unknown there.
package httpapi
