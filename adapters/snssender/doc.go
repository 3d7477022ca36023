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
//	no code of AWS: 400, 408, 503                                 Temporary
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
// AWS has no callback. It writes events to an event destination of a
// configuration set: CloudWatch Logs, Amazon Data Firehose, an SNS topic, or
// EventBridge. Name the set in [Config].ConfigurationSet, have the events come
// to the program from there (an SNS subscription of type HTTPS or an SQS queue
// are the usual ways), and give each to [Sender.ParseEvent], which makes a
// delivery.Report of it. Whoever takes SNS's HTTPS notifications must verify
// their signatures before that.
package snssender
