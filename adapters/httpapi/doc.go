// Package httpapi serves passcodes over HTTP, in the words of Stytch's
// consumer API: a program that was written for that service, with one of its
// client libraries or without, works against a [Handler] as it is.
//
//	api, err := httpapi.New(httpapi.Config{Accounts: acc, ProjectID: "project-test-…", Secret: "secret-test-…"})
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
//	POST /v1/users
//	GET  /v1/users/{user_id}
//
// Every other path is 404 route_not_found. Every answer is JSON with
// request_id and status_code; errors have error_type, error_message and
// error_url besides. Who has the project's id and secret may do everything, so
// they belong on servers: no browser or phone calls this API itself.
//
// Not part of it are sessions, message templates, the matching of attributes,
// and adding an address to a user. A request that asks for one of them is
// refused, before its code is used up: a client that asked for a session, or
// for a code to be bound to an IP address, must not believe it got it.
//
// # What is logged
//
// One line for each request: request id, method, route, status, duration and
// error type; with a 5xx the cause as well. No address, no code, no secret,
// and nothing else that a client sent.
//
// # The sandbox
//
// In a test project the phone number +10000000000 and the e-mail address
// sandbox@stytch.com can be sent to without anything being stored, counted or
// sent, and the code is 000000. A live project refuses them.
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
//   - At most 16 KiB and 32 levels deep, UTF-8, application/json if a
//     Content-Type is given. Anything else: 400 bad_request; so are wrong
//     types, a name twice in one object at any depth, NUL, lone surrogates, and
//     numbers that float64 cannot hold. Integers are written without fraction
//     and exponent.
//   - An empty body is {}. null means absent. Unknown fields are ignored;
//     names are compared exactly.
//   - An address, method id or code that is missing is a malformed one.
//   - attributes are checked and not kept; user_agent has at most 1024 bytes,
//     none of them control characters.
//   - expiration_minutes 0 is out of range, not absent. Locales are compared
//     without regard to case.
//
// Sending:
//   - A type of number that is not texted, such as a premium number: 400
//     invalid_phone_number.
//   - SMS and WhatsApp to one number share one live code.
//   - user_id of a user who has the address: a plain send. Of one who does not:
//     400 bad_request, whoever else may have it.
//   - session_token or session_jwt: 400 bad_request; more than one of these
//     and user_id: 400 too_many_user_selection_arguments.
//   - Any template id: 404 email_template_not_found.
//   - Unknown phone number: 404 phone_number_not_found.
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
//   - session_token, session_jwt, a session_duration_minutes that is not 0,
//     session_custom_claims that are not empty, a true option: 400
//     bad_request. Token and JWT together: 400 too_many_session_arguments.
//   - A code is locked by address, not by user: is_locked is always false.
//   - user_lock_limit_reached and too_many_requests have a Retry-After.
//
// Users:
//   - A number of a country that SMS does not reach cannot be created: 400
//     invalid_phone_number_country_code.
//   - A malformed name, role or external id: 400 bad_request.
//   - An id that is neither a user id nor an external id: 400 invalid_user_id.
//     One of the other environment has the form of an external id: 404.
//   - created_at has whole seconds.
//
// Sandbox:
//   - The method id of the sandbox phone is the one that the product's own
//     examples show, phone-number-test-d5a3b680-e8a3-40c0-b815-ab79986666d0.
//   - The sandbox user exists from the start, since 2021-01-01, and has both
//     addresses, verified.
//     So user_created is false, and creating a user with one of them is 400
//     duplicate_phone_number or duplicate_email.
//   - A live project answers the addresses with 400
//     invalid_phone_number_sandbox and invalid_email_sandbox; the ids are
//     malformed or unknown there.
package httpapi
