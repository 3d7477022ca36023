// Package whatsappsender sends passcodes over WhatsApp through Meta's Cloud
// API, and hears from Meta what became of them.
//
// WhatsApp carries codes in authentication templates only, which are made and
// approved beforehand, once for each language, with a button: copy code,
// one-tap or zero-tap autofill. All three are sent alike: the code fills the
// template's text and its first button. The text of the message is the
// template's; set its time to live (message_send_ttl_seconds) to what the codes
// live, so that none arrives after it has expired.
//
// [New] makes the sender. [NewCallback] makes the handler of Meta's webhook: it
// answers the verification, checks X-Hub-Signature-256, and tells a
// delivery.Observer of messages that were sent, delivered or lost. Subscribe it
// to the field "messages". Whether a number is on WhatsApp at all Meta says
// there, most often, and not when it takes the message.
//
// Meta's name for a message, its wamid, has the number of the phone inside, in
// base64. Receipts and reports have a digest in its place: see [ID].
//
// # What Meta answers
//
//	answer                                               kind
//	refused connection, failed handshake, name unknown   Temporary
//	certificate not accepted                             Configuration
//	cut or timed out after the request went out          Ambiguous
//	error of Meta's with a code of the table below       as there
//	401, 403, 404, 3xx                                   Configuration
//	429                                                  Throttled, for Retry-After
//	500 with an error of Meta's                          Temporary
//	503                                                  Temporary
//	400 with an unknown code                             Temporary
//	other 5xx                                            Ambiguous
//	2xx without the message's wamid                      Ambiguous
//
// 503 is what an outage looks like, also when it is a gateway that says so: the
// request was not handled. Gateways answer 500, 502 and 504 also after it went
// through them. Meta's own errors are JSON with a code; they say that no message
// was made.
//
// Codes, of answers and of webhooks:
//
//	Rejected       130472 130497 131021 131026 131030 131049 131050 131056
//	Throttled      4 17 613 80007 80008 130429 131048
//	Configuration  0 3 10 33 102 190 200 to 299 368 131005 131008 131031 131037 131042
//	               131045 131047 131051 132000 132001 132005 132007 132012 132015
//	               132016 133005 133006 133010 134011, and 100 with subcode 33
//	Temporary      all others
//
// What depends on the address is Rejected (130497: no messages into that
// country; 131056: too many messages to that one user), and what can be the
// fault of either (100, 131009) or of nobody known is Temporary: so nobody can
// take the provider away from everybody else by entering a number.
package whatsappsender
