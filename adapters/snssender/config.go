package snssender

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sms "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"

	"github.com/passcode-go/passcode/delivery"
)

// ErrConfig is what every error of New, NewFromConfig and NewCallback is.
var ErrConfig = errors.New("snssender: configuration cannot be used")

// Defaults and limits of Config. The limits are those of the API.
const (
	defaultName    = "aws"
	maxName        = 32
	defaultTimeout = 15 * time.Second
	maxTimeout     = 5 * time.Minute
	maxIdentity    = 256
	minPrice       = 0.00001
	maxPrice       = 99.99999
)

// Client is the one method of *pinpointsmsvoicev2.Client that is called. A
// client made with aws.LogSigning logs session tokens, which cannot be turned
// off from here. What stands in the place of a client passes the options on to
// one; if it does not call them, any error that is no API error is Ambiguous.
type Client interface {
	SendTextMessage(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error)
}

// Config says how messages are sent. Client is required, except by
// NewFromConfig, which makes one.
type Config struct {
	// Name is the provider's name in receipts and errors. Default "aws".
	Name string

	// Client calls AWS.
	Client Client

	// Origination is what messages come from: a phone number, a sender id, a
	// pool, or the id or ARN of one. Default: AWS picks one of the account's.
	Origination string

	// ConfigurationSet names where events of messages go; see Callback.
	// Default: none, and so there are no events.
	ConfigurationSet string

	// ProtectConfiguration is the id of the rules by which AWS refuses
	// countries. Default: the account's.
	ProtectConfiguration string

	// MaxPrice is what one message may cost, in US dollars; dearer ones are
	// refused. At most 99.99999. Default: no limit but the account's.
	MaxPrice float64

	// CountryParameters are what countries ask for beside the text: the keys
	// IN_ENTITY_ID and IN_TEMPLATE_ID for India. Default: none.
	CountryParameters map[string]string

	// UnsafePlaintext lets requests go to an endpoint without TLS, such as a
	// stand-in for AWS on the same machine. Whoever sees the traffic reads the
	// codes.
	UnsafePlaintext bool

	// Timeout bounds one Send, besides its ctx. Default 15 s, at most 5 min.
	Timeout time.Duration
}

// fill returns a copy of the configuration with its defaults, or what is wrong.
func (c Config) fill() (Config, error) {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	c.CountryParameters = maps.Clone(c.CountryParameters)
	if fault := c.fault(); fault != "" {
		return c, fmt.Errorf("%w: %s", ErrConfig, fault)
	}
	return c, nil
}

// fault says what is wrong with a configuration that has its defaults, "" if
// nothing is.
func (c *Config) fault() string {
	switch {
	case c.Client == nil:
		return "there is no Client"
	case !word(c.Name, maxName, true):
		return "Name is longer than 32 characters, or has one that does not print"
	case !word(c.Origination, maxIdentity, false):
		return "Origination is no phone number, sender id, pool or ARN"
	case !word(c.ConfigurationSet, maxIdentity, false):
		return "ConfigurationSet is no name or ARN"
	case !word(c.ProtectConfiguration, maxIdentity, false):
		return "ProtectConfiguration is no id"
	case c.MaxPrice != 0 && !(c.MaxPrice >= minPrice && c.MaxPrice <= maxPrice): // NaN too
		return "MaxPrice is not between 0.00001 and 99.99999"
	case c.Timeout < 0 || c.Timeout > maxTimeout:
		return "Timeout is negative or longer than 5 min"
	}
	for key, value := range c.CountryParameters {
		if key == "" || value == "" || !word(key, maxIdentity, false) || !word(value, maxIdentity, true) {
			return "CountryParameters has an empty key or value, or one with characters that do not print"
		}
	}
	return ""
}

// word reports whether s is text of characters that print, with or without
// spaces.
func word(s string, most int, spaces bool) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || !spaces && unicode.IsSpace(r) })
}

// price returns MaxPrice as the API has it, nil for none.
func (c *Config) price() *string {
	if c.MaxPrice == 0 {
		return nil
	}
	return aws.String(strconv.FormatFloat(c.MaxPrice, 'f', 5, 64))
}

// Keys returns credentials for an aws.Config from an access key: its id, its
// secret, and the session token of a temporary one.
func Keys(id string, secret, session delivery.Secret) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: id, SecretAccessKey: secret.Reveal(), SessionToken: session.Reveal(), Source: "snssender.Keys",
		}, nil
	})
}
