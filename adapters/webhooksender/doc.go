// Package webhooksender hands passcodes to a service of the operator's own, as
// signed JSON over HTTPS, so that any provider is a few lines away, in any
// language; and hears from it what became of them.
//
// [New] makes the sender, [NewCallback] the handler that the service reports
// to. For a service that is written in Go, [NewReceiver] makes the whole of it
// of any delivery.Sender, and [Keys.Verify] checks a signature.
//
// # Requests
//
// Every message is one POST, signed as in Standard Webhooks
// (https://www.standardwebhooks.com), for which there are libraries in most
// languages:
//
//	webhook-id: Zm9vYmFyYmF6cXV4cXV1eA       Message.ID
//	webhook-timestamp: 1772366400            seconds since 1970
//	webhook-signature: v1,K5oZfzN95Z9U...    one for each key, separated by spaces
//	content-type: application/json
//
//	{"channel": "sms", "to": "+12025550162", "region": "US", "code": "123456",
//	 "subject": "", "body": "Your Acme code is 123456.", "locale": "en",
//	 "purpose": "login", "expires_in": 120}
//
// The fields are those of delivery.Message; expires_in is in whole seconds. A
// service sends body, or code in a text of its own, to the address to. It should
// refuse a timestamp that is five minutes off, and answer a webhook-id that it
// has seen as it did the first time: then set delivery.BreakerConfig.Idempotent,
// and what was cut off is tried once more.
//
// # Answers
//
//	2xx with {"provider": "acme", "id": "42"}, both    taken; id must not hold
//	optional, or with an empty body                    the code or the address
//	{"kind": "rejected", "reason": "not a mobile",     an error of this kind:
//	"retry_after": 30} with any status                 rejected, throttled, temporary,
//	                                                   configuration, ambiguous
//	400, 422                                           Rejected
//	401, 403, 404, other 4xx, 3xx                      Configuration
//	429                                                Throttled, for Retry-After
//	408, 409, 425, 503                                 Temporary
//	500, 502, 504, other 5xx                           Ambiguous
//	2xx with another body                              Ambiguous
//	refused connection, failed handshake,              Temporary
//	name unknown
//	certificate not accepted                           Configuration
//	cut or timed out after the request went out        Ambiguous
//
// So 503 says that nothing was taken; a service that fails when it may have sent
// the message answers 500. Reason and retry_after (seconds) are optional.
// Redirects are not followed.
//
// # Reports
//
// What became of a message the service tells by a POST of its own, signed with
// a webhook-id of its own in the same way:
//
//	{"message": "Zm9vYmFyYmF6cXV4cXV1eA", "provider": "acme", "id": "42",
//	 "status": "failed", "kind": "rejected", "error": "30003",
//	 "reason": "unreachable", "at": "2026-03-01T12:00:00Z"}
//
// Message is the webhook-id of the message; it or id is required, and so is
// status: sent, delivered or failed. Kind, error (the provider's code) and reason
// go with failed. The reason is to hold neither code nor address: digits in it
// are cut out.
package webhooksender
