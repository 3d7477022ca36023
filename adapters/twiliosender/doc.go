// Package twiliosender sends passcodes through Twilio's Messages API, as SMS
// and over WhatsApp, and hears from Twilio what became of them.
//
// [New] makes the sender. A [Line] of its Config says how the messages of one
// channel leave: from which number or Messaging Service, and with which
// Content template. SMS need none: the text is the message's own. WhatsApp
// takes codes only in a template of the kind whatsapp/authentication, whose
// one variable is the code; its text, its button and its lifetime on the way
// are those of the template.
//
// [NewCallback] makes the handler of Twilio's status callbacks. It checks
// X-Twilio-Signature, and tells a delivery.Observer of messages that were
// sent, delivered or lost. Set Config.CallbackURL and CallbackConfig.URL to
// one and the same public URL of it.
//
// # What Twilio answers
//
//	answer                                               kind
//	refused connection, failed handshake, name unknown   Temporary
//	certificate not accepted                             Configuration
//	cut or timed out after the request went out          Ambiguous
//	error of Twilio's with a code of the table below     as there
//	401, 403, 404, 3xx                                   Configuration
//	429                                                  Throttled, for Retry-After
//	500 with an error of Twilio's                        Temporary
//	503                                                  Temporary
//	400 with an unknown code                             Temporary
//	other 5xx                                            Ambiguous
//	2xx without the message's SID                        Ambiguous
//	2xx with a message that failed at once               as the code of its failure
//
// 503 is what an outage looks like, also when it is a gateway that says so: the
// request was not handled. Gateways answer 500, 502 and 504 also after it went
// through them. Twilio's own errors are JSON with a code; they say that no message
// was made.
//
// Codes, of answers and of callbacks:
//
//	Rejected       21211 21214 21217 21265 21266 21268 21408 21608 21610 21612
//	               21614 21635 21662 30003 30004 30005 30006 30039 30450 30453
//	               63003 63014 63015 63024 63031 63032 63033 63049 63050 63058
//	Throttled      20429 21611 30001 30022 30023 30027 30454 63017 63018 63038
//	Configuration  accounts, credentials, senders, registrations, templates: see kinds.go
//	Ambiguous      20504 30046 30410
//	Temporary      all others
//
// What depends on the address is Rejected, even where another setting of the
// account would help (21408: the region is not enabled; 21612: this sender does
// not reach that number), and what nobody knows is Temporary: so nobody can take
// the provider away from everybody else by entering a number. That Twilio counts
// a code among those of SMS pumping (30450, 30453) is the address's matter too.
package twiliosender
