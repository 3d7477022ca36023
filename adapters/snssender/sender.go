package snssender

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sms "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"github.com/passcode-go/passcode/delivery"
)

// Limits of SendTextMessage.
const (
	maxBody       = 1600 // characters
	minTTL        = 5    // seconds
	maxTTL        = 72 * 60 * 60
	maxContext    = 800 // characters of a value
	contextKey    = "passcode-message"
	transactional = types.MessageTypeTransactional
)

// A Sender sends SMS through AWS. It is safe for concurrent use.
type Sender struct {
	cfg  Config
	send func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error)
}

var _ delivery.Sender = (*Sender)(nil)

// New returns a Sender that calls AWS through cfg.Client. It does not connect;
// the error is ErrConfig and names the field that is wrong.
func New(cfg Config) (*Sender, error) {
	cfg, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg, send: cfg.Client.SendTextMessage}
	s.cfg.Client = nil // who prints a Sender prints no client, and so no credentials
	return s, nil
}

// NewFromConfig is New with a Client made from the program's aws.Config, which
// needs a Region, or a BaseEndpoint, and Credentials.
func NewFromConfig(program aws.Config, cfg Config) (*Sender, error) {
	switch {
	case program.Region == "" && program.BaseEndpoint == nil:
		return nil, fmt.Errorf("%w: the aws.Config has no Region", ErrConfig)
	case program.Credentials == nil:
		return nil, fmt.Errorf("%w: the aws.Config has no Credentials", ErrConfig)
	}
	program.ClientLogMode = 0 // the part of it that signs is settled here, not at the call
	cfg.Client = sms.NewFromConfig(program)
	return New(cfg)
}

// Send hands m to AWS and returns when AWS has taken it. It takes at most
// Config.Timeout. AWS drops the message when the code has expired. The
// receipt's ID is AWS's message id.
//
// The error is a [*delivery.Error] of the kind that the package comment tells.
// A message for another channel than SMS, without text or with one of more
// than 1600 characters is Configuration; an address that is not in E.164 form
// is Rejected.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	id, bad := s.try(ctx, m)
	if bad != nil {
		return delivery.Receipt{}, delivery.AsError(&delivery.Error{
			Kind: bad.kind, Provider: s.cfg.Name, Reason: bad.text, RetryAfter: bad.wait,
		}, m)
	}
	return delivery.Receipt{Provider: s.cfg.Name, ID: id}, nil
}

// try calls the API once.
func (s *Sender) try(ctx context.Context, m delivery.Message) (id string, _ *fault) {
	in, bad := s.input(m)
	if bad != nil {
		return "", bad
	}
	if err := ctx.Err(); err != nil {
		return "", &fault{kind: delivery.Temporary, text: err.Error()}
	}
	c := &call{plaintext: s.cfg.UnsafePlaintext}
	out, err := s.send(ctx, in, c.options)
	switch {
	case err != nil:
		return "", c.fault(ctx, err)
	case out == nil || aws.ToString(out.MessageId) == "":
		return "", &fault{kind: delivery.Ambiguous, text: "the answer has no message id"}
	}
	return aws.ToString(out.MessageId), nil
}

// e164 is the form of numbers that countries.Parse returns.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// input makes a request of a message.
func (s *Sender) input(m delivery.Message) (*sms.SendTextMessageInput, *fault) {
	to, body := m.To.Reveal(), m.Body.Reveal()
	switch {
	case m.Channel == delivery.WhatsApp || m.Channel.Class() == delivery.ClassEmail:
		return nil, &fault{kind: delivery.Configuration, text: "a message of another channel is no SMS"}
	case !e164.MatchString(to):
		return nil, &fault{kind: delivery.Rejected, text: "the address is no phone number in E.164 form"}
	case body == "" || utf8.RuneCountInString(body) > maxBody || !utf8.ValidString(body):
		return nil, &fault{kind: delivery.Configuration, text: "the message has no text, or more than 1600 characters"}
	}
	in := &sms.SendTextMessageInput{
		DestinationPhoneNumber:       &to,
		MessageBody:                  &body,
		MessageType:                  transactional,
		OriginationIdentity:          given(s.cfg.Origination),
		ConfigurationSetName:         given(s.cfg.ConfigurationSet),
		ProtectConfigurationId:       given(s.cfg.ProtectConfiguration),
		MaxPrice:                     s.cfg.price(),
		DestinationCountryParameters: s.cfg.CountryParameters,
		TimeToLive:                   ttl(m.Expires),
	}
	if m.ID != "" && word(m.ID, maxContext, false) {
		in.Context = map[string]string{contextKey: m.ID}
	}
	return in, nil
}

// given returns nil for a setting that is not made.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ttl returns how long AWS shall try, in whole seconds: as long as the code
// lives, nil if that is not known.
func ttl(expires time.Duration) *int32 {
	if expires <= 0 {
		return nil
	}
	return aws.Int32(int32(min(max(math.Ceil(expires.Seconds()), minTTL), maxTTL)))
}
