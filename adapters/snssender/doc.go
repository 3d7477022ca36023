// Package snssender sends passcodes by SMS through AWS.
//
//	sender, err := snssender.NewFromConfig(awsConfig, snssender.Config{
//		Origination: "pool-0123456789abcdef0123456789abcdef",
//		MaxPrice:    0.10,
//	})
//
// # Which API
//
// It calls SendTextMessage of AWS End User Messaging (pinpointsmsvoicev2), the
// service that also carries what Amazon SNS's Publish sends to a phone number;
// numbers, sender ids and the sandbox are the same ones. Publish is the older
// way, and the worse one for passcodes: it takes messages that it will not
// send, to people who opted out say, and tells so in CloudWatch alone; its
// errors are one code for many causes; it has no time to live, so that a code
// may arrive after it has expired, and no field that comes back with a
// receipt. SendTextMessage names the cause of a refusal, drops a message when
// its code is dead, and has events for receipts. The caller needs the
// permission sms-voice:SendTextMessage.
//
// # Credentials
//
// They come from the program's aws.Config, however that was made: by the SDK's
// config package, or by hand with [Keys]. The SDK's retries and its logging of
// requests are turned off for the calls made here, whatever the aws.Config
// says: a message is tried once, and nobody logs its body. Requests go out over
// TLS or not at all, redirects are not followed, and what AWS answers is read
// to 64 KiB.
//
// # What AWS answers
//
// An error is a *delivery.Error; RetryAfter is from the header of that name.
//
//	nothing was sent: refused connection, DNS, time-out          Temporary
//	certificate that does not verify, no credentials, no TLS      Configuration
//	cut or time-out after the request went out; any failure of
//	a transport that does not tell, being none of net/http        Ambiguous
//	2yz without a message id, or that cannot be read              Ambiguous
//	ThrottlingException and its like                              Throttled
//	AccessDeniedException, signatures, tokens, unknown account    Configuration
//	ResourceNotFoundException                                     Configuration
//	ServiceQuotaExceededException: the month's spending limit,
//	which AWS raises on request, and all else                     Configuration
//	ConflictException: opted out, blocked by the account's
//	protect configuration, no number for this country             Rejected
//	ConflictException: all else; also the sandbox                 Configuration
//	ValidationException: the number itself; its country is
//	blocked, not enabled or not served by the origination
//	identity; the price is above MaxPrice                         Rejected
//	ValidationException: all else                                 Configuration
//	InternalServerException, ServiceUnavailable, clock skew       Temporary
//	another code of AWS                   by status: 5yz Temporary, else Configuration
//	no code of AWS: 400, 408, 409, 422, 425, 503                  Temporary
//	no code of AWS: 429                                           Throttled
//	no code of AWS: other 5yz, which a gateway may say            Ambiguous
//	no code of AWS: all else, redirects too                       Configuration
//
// What depends on where the message goes is Rejected, although another provider
// may serve that country: Configuration would have anybody open the breaker by
// asking for a code in an unserved country. Send countries to providers that
// serve them with delivery.Route.
//
// # Opting out
//
// Somebody who answers STOP gets no more messages: Rejected, with the reason
// DESTINATION_PHONE_NUMBER_OPTED_OUT. Opting in again is between the person, or
// the operator, and AWS.
//
// # Receipts
//
// AWS tells what became of a message by events, which it writes to the event
// destinations of a configuration set; without a set there are none. A
// [Callback] takes them by HTTPS from an SNS topic:
//
//	topic          a standard one, with the attribute SignatureVersion at 2:
//	               aws sns set-topic-attributes --attribute-name SignatureVersion --attribute-value 2
//	destination    SNS, of the set that [Config].ConfigurationSet names; all SMS events
//	subscription   to the handler's URL, of protocol HTTPS, without raw message
//	               delivery; the handler confirms it by itself
//
// Each message that it takes was signed by SNS, with a certificate that was got
// from SNS in the topic's region, for one of the topics that it was given. So
// the program has to reach sns.REGION.amazonaws.com. SNS repeats what was
// answered 503 three times, 20 seconds apart, unless the subscription has a
// delivery policy for more, and what was answered 403 not at all.
//
// Events that come another way, from an SQS queue or by EventBridge say, go
// to [Sender.ParseEvent], which makes a delivery.Report of each.
package snssender
