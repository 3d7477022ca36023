package snssender

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/passcode-go/passcode/delivery"
)

const (
	html = "text/html"
	amz  = "application/x-amz-json-1.0"
)

// answers are what AWS, or something before it, says. The first ones are the
// errors that the API's reference lists for SendTextMessage, with their
// statuses and reasons; then the "Common Error Types".
var answers = []struct {
	name string
	do   http.HandlerFunc
	want delivery.Kind
	wait time.Duration
	text string // the reason begins with
}{
	{"throttled", refuse(400, "ThrottlingException", "", "Rate exceeded"), delivery.Throttled, 0, "ThrottlingException: Rate exceeded"},
	{"opted out", refuse(400, "ConflictException", `"Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT","ResourceType":"opt-out-list","ResourceId":"Default"`, "Destination is opted out"),
		delivery.Rejected, 0, "ConflictException DESTINATION_PHONE_NUMBER_OPTED_OUT: Destination is opted out"},
	{"sandbox", refuse(400, "ConflictException", `"Reason":"DESTINATION_PHONE_NUMBER_NOT_VERIFIED"`, "not verified"),
		delivery.Configuration, 0, "ConflictException DESTINATION_PHONE_NUMBER_NOT_VERIFIED"},
	{"protected country", refuse(400, "ConflictException", `"Reason":"DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"`, "blocked"), delivery.Rejected, 0, ""},
	{"protected number", refuse(400, "ConflictException", `"Reason":"DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"`, "blocked"), delivery.Rejected, 0, ""},
	{"no number for the country", refuse(400, "ConflictException", `"Reason":"NO_ORIGINATION_IDENTITIES_FOUND"`, "none"), delivery.Rejected, 0, ""},
	{"number not active", refuse(400, "ConflictException", `"Reason":"RESOURCE_NOT_ACTIVE"`, "pending"), delivery.Configuration, 0, ""},
	{"type mismatch", refuse(400, "ConflictException", `"Reason":"MESSAGE_TYPE_MISMATCH"`, "promotional"), delivery.Configuration, 0, ""},
	{"conflict without a reason", refuse(400, "ConflictException", "", "?"), delivery.Configuration, 0, "ConflictException: ?"},
	{"conflict of a new kind", refuse(400, "ConflictException", `"Reason":"MOON_IS_FULL"`, "?"), delivery.Configuration, 0, "ConflictException MOON_IS_FULL: ?"},
	{"spent", refuse(400, "ServiceQuotaExceededException", `"Reason":"MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"`, "limit"),
		delivery.Configuration, 0, "ServiceQuotaExceededException MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT: limit"},
	{"no permission", refuse(400, "AccessDeniedException", "", "User: arn:aws:iam::123456789012:user/codes is not authorized"), delivery.Configuration, 0, "AccessDeniedException: User"},
	{"bad reputation", refuse(400, "AccessDeniedException", `"Reason":"INSUFFICIENT_ACCOUNT_REPUTATION"`, "no"), delivery.Configuration, 0, "AccessDeniedException INSUFFICIENT_ACCOUNT_REPUTATION"},
	{"no such pool", refuse(400, "ResourceNotFoundException", `"ResourceType":"pool","ResourceId":"pool-1"`, "not found"), delivery.Configuration, 0, "ResourceNotFoundException pool: not found"},
	{"bad number", refuse(400, "ValidationException", `"Reason":"INVALID_PARAMETER","Fields":[{"Name":"DestinationPhoneNumber","Message":"Invalid phone number"}]`, "1 validation error"),
		delivery.Rejected, 0, "ValidationException INVALID_PARAMETER DestinationPhoneNumber"},
	{"bad price", refuse(400, "ValidationException", `"Reason":"FIELD_VALIDATION_FAILED","Fields":[{"Name":"MaxPrice","Message":"?"}]`, "1 validation error"),
		delivery.Configuration, 0, "ValidationException FIELD_VALIDATION_FAILED MaxPrice"},
	{"blocked country", refuse(400, "ValidationException", `"Reason":"DESTINATION_COUNTRY_BLOCKED"`, ""), delivery.Rejected, 0, ""},
	{"country not enabled", refuse(400, "ValidationException", `"Reason":"COUNTRY_NOT_ENABLED"`, ""), delivery.Rejected, 0, ""},
	{"wrong country", refuse(400, "ValidationException", `"Reason":"COUNTRY_CODE_MISMATCH"`, ""), delivery.Rejected, 0, ""},
	{"national number", refuse(400, "ValidationException", `"Reason":"INTERNATIONAL_SENDING_NOT_SUPPORTED"`, ""), delivery.Rejected, 0, ""},
	{"identity not for the country", refuse(400, "ValidationException", `"Reason":"INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"`, ""), delivery.Rejected, 0, ""},
	{"sender id unsupported", refuse(400, "ValidationException", `"Reason":"SENDER_ID_NOT_SUPPORTED"`, ""), delivery.Rejected, 0, ""},
	{"sender id unregistered", refuse(400, "ValidationException", `"Reason":"SENDER_ID_NOT_REGISTERED"`, ""), delivery.Rejected, 0, ""},
	{"sender id to register", refuse(400, "ValidationException", `"Reason":"SENDER_ID_REQUIRES_REGISTRATION"`, ""), delivery.Rejected, 0, ""},
	{"too dear", refuse(400, "ValidationException", `"Reason":"PRICE_OVER_THRESHOLD"`, ""), delivery.Rejected, 0, "ValidationException PRICE_OVER_THRESHOLD"},
	{"too long", refuse(400, "ValidationException", `"Reason":"MAXIMUM_SIZE_EXCEEDED"`, ""), delivery.Configuration, 0, ""},
	{"invalid for no reason", refuse(400, "ValidationException", "", ""), delivery.Configuration, 0, "ValidationException"},
	{"inside AWS", refuse(500, "InternalServerException", `"RequestId":"1"`, "unexpected"), delivery.Temporary, 0, "InternalServerException: unexpected"},

	{"unknown key", refuse(400, "UnrecognizedClientException", "", "The security token included in the request is invalid."), delivery.Configuration, 0, "UnrecognizedClientException"},
	{"signature", refuse(403, "InvalidSignatureException", "", "The canonical string should have been ..."), delivery.Configuration, 0, "InvalidSignatureException"},
	{"expired token", refuse(400, "ExpiredTokenException", "", ""), delivery.Configuration, 0, "ExpiredTokenException"},
	{"no token", refuse(403, "MissingAuthenticationTokenException", "", ""), delivery.Configuration, 0, ""},
	{"not subscribed", refuse(403, "OptInRequired", "", ""), delivery.Configuration, 0, ""},
	{"clock", refuse(400, "RequestExpired", "", ""), delivery.Temporary, 0, "RequestExpired"},
	{"unavailable", refuse(503, "ServiceUnavailableException", "", ""), delivery.Temporary, 0, ""},
	{"internal failure", refuse(500, "InternalFailure", "", ""), delivery.Temporary, 0, ""},
	{"too many", refuse(429, "TooManyRequestsException", "", ""), delivery.Throttled, 0, ""},
	{"slow down", refuse(503, "SlowDown", "", ""), delivery.Throttled, 0, ""},
	{"unknown code 429", refuse(429, "Whatever", "", ""), delivery.Throttled, 0, ""},
	{"unknown code 500", refuse(500, "Whatever", "", ""), delivery.Temporary, 0, ""},
	{"unknown code 400", refuse(400, "Whatever", "", ""), delivery.Configuration, 0, "Whatever"},
	{"code in the header", reply(400, amz, `{"message":"slow"}`, "X-Amzn-ErrorType", "ThrottlingException:http://internal.amazon.com/"), delivery.Throttled, 0, "ThrottlingException"},
	{"code in another field", reply(400, amz, `{"code":"ThrottlingException","message":"slow"}`), delivery.Throttled, 0, "ThrottlingException"},

	{"wait in seconds", reply(400, amz, `{"__type":"ThrottlingException"}`, "Retry-After", "7"), delivery.Throttled, 7 * time.Second, ""},
	{"wait until", reply(503, html, "<h1>", "Date", "Tue, 01 Jan 2030 00:00:00 GMT", "Retry-After", "Tue, 01 Jan 2030 00:01:30 GMT"), delivery.Temporary, 90 * time.Second, ""},
	{"wait for ages", reply(429, html, "", "Retry-After", "4294967295"), delivery.Throttled, time.Hour, ""},
	{"wait backwards", reply(429, html, "", "Date", "Tue, 01 Jan 2030 00:00:00 GMT", "Retry-After", "Tue, 01 Jan 2019 00:01:30 GMT"), delivery.Throttled, 0, ""},
	{"wait for nonsense", reply(429, html, "", "Retry-After", "-5"), delivery.Throttled, 0, ""},

	{"HTML 400", reply(400, html, "<h1>Bad Request</h1>"), delivery.Temporary, 0, "status 400"},
	{"HTML 403", reply(403, html, "<h1>Forbidden</h1>"), delivery.Configuration, 0, "status 403"},
	{"HTML 404", reply(404, html, "<h1>Not Found</h1>"), delivery.Configuration, 0, "status 404"},
	{"HTML 407", reply(407, html, "proxy"), delivery.Configuration, 0, "status 407"},
	{"HTML 408", reply(408, html, ""), delivery.Temporary, 0, "status 408"},
	{"HTML 429", reply(429, html, "slow"), delivery.Throttled, 0, "status 429"},
	{"HTML 500", reply(500, html, "<h1>"), delivery.Ambiguous, 0, "status 500"},
	{"HTML 502", reply(502, html, "<h1>Bad Gateway</h1>"), delivery.Ambiguous, 0, "status 502"},
	{"HTML 503", reply(503, html, "<h1>Service Unavailable</h1>"), delivery.Temporary, 0, "status 503"},
	{"HTML 504", reply(504, html, "<h1>Gateway Time-out</h1>"), delivery.Ambiguous, 0, "status 504"},
	{"empty JSON 500", reply(500, amz, "{}"), delivery.Ambiguous, 0, "status 500"},
	{"empty 400", reply(400, amz, ""), delivery.Temporary, 0, "status 400"},
	{"a list 400", reply(400, amz, "[]"), delivery.Temporary, 0, "status 400"},
	{"fields of the wrong type", reply(400, amz, `{"__type":"ConflictException","Reason":{"a":[1]}}`), delivery.Temporary, 0, "status 400"},

	{"200 with an error", reply(200, amz, `{"__type":"ThrottlingException","Message":"slow"}`), delivery.Ambiguous, 0, "the answer has no message id"},
	{"200 without an id", reply(200, amz, `{}`), delivery.Ambiguous, 0, ""},
	{"200 with an empty id", reply(200, amz, `{"MessageId":""}`), delivery.Ambiguous, 0, ""},
	{"200 with a number", reply(200, amz, `{"MessageId":7}`), delivery.Ambiguous, 0, "the answer cannot be read"},
	{"200 with HTML", reply(200, html, "<h1>Welcome to our hotel</h1>"), delivery.Ambiguous, 0, "the answer cannot be read"},
	{"200 with nothing", reply(200, amz, ""), delivery.Ambiguous, 0, ""},
	{"200 with half", reply(200, amz, `{"MessageId":"86`), delivery.Ambiguous, 0, ""},
	{"204", reply(204, amz, ""), delivery.Ambiguous, 0, ""},
	{"200 with null", reply(200, amz, "null"), delivery.Ambiguous, 0, ""},
	{"1 MB in 200", reply(200, amz, `{"x":"`+strings.Repeat("x", 1<<20)+`","MessageId":"1"}`), delivery.Ambiguous, 0, "the answer cannot be read"},
	{"1 MB in 400", reply(400, amz, `{"__type":"ThrottlingException","Message":"`+strings.Repeat("x", 1<<20)+`"}`), delivery.Temporary, 0, "status 400"},
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.do = tt.do
			program := c.program()
			// What a program may have set for its other calls.
			program.RetryMaxAttempts = 5
			program.RetryMode = aws.RetryModeAdaptive
			program.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 7) }
			s := newSender(t, program, Config{})
			receipt, err := s.Send(t.Context(), testMessage())
			var e *delivery.Error
			if !errors.As(err, &e) || receipt != (delivery.Receipt{}) {
				t.Fatalf("Send = %+v, %v", receipt, err)
			}
			if e.Kind != tt.want || e.RetryAfter != tt.wait || e.Provider != "aws" || !strings.HasPrefix(e.Reason, tt.text) || e.Reason == "" {
				t.Errorf("Send = %+v, want %s %q, wait %v", *e, tt.want, tt.text, tt.wait)
			}
			if tt.name == "signature" && e.Reason != tt.text {
				t.Errorf("the reason shows the request: %s", e.Reason)
			}
			if n := c.count(); n != 1 {
				t.Errorf("AWS was asked %d times", n)
			}
		})
	}
}

// Any 2yz with a message id takes the message.
func TestTaken(t *testing.T) {
	t.Parallel()
	for _, do := range []http.HandlerFunc{
		reply(200, amz, `{"MessageId":"1","Unknown":[{}]}`), reply(202, amz, ` {"MessageId":"1"} `), reply(200, html, `{"MessageId":"1"}`),
		reply(200, amz, `{"MessageId":"1"}`+strings.Repeat(" ", 1<<20)),
	} {
		c := newCloud(t)
		c.do = do
		receipt, err := newSender(t, c.program(), Config{Name: "aws-eu"}).Send(t.Context(), testMessage())
		if want := (delivery.Receipt{Provider: "aws-eu", ID: "1"}); err != nil || receipt != want {
			t.Errorf("Send = %+v, %v", receipt, err)
		}
	}
}
