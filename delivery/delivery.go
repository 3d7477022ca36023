// Package delivery carries a passcode to a person.
//
// A [Sender] hands one [Message] to one provider. Package console prints
// messages to a terminal, package deliverytest collects them for tests and
// checks senders; senders for real providers are adapters.
//
// Three senders stand between the engine and those of providers, and nest. A
// [Breaker] guards one provider: a deadline for every try, a rest for a
// provider that fails or asks for one, and what it does as events and on a
// health page. A [Failover] asks several, in order. A [Route] picks by channel,
// region, locale, purpose or weight.
//
// A message holds a code and an address. Both are of types that redact
// themselves under every formatter, in JSON and in slog: [Secret] and
// [Address]. A sender calls Reveal where it builds the provider's request, and
// nowhere else. What a provider answers goes through [AsError] before anybody
// logs it.
//
// [Texts] writes the messages, in the languages of [Locales]: Check it when
// the program starts, Render it for each message. [ParseEmail] takes the
// e-mail addresses that people type; phone numbers are parsed by package
// countries.
package delivery

import (
	"context"
	"time"
)

// A Channel is a way for a message to reach a person.
type Channel string

// The channels that have texts of their own. SMS and WhatsApp share the
// address class Phone, so one number has one live code whatever the channel.
const (
	SMS      Channel = "sms"
	WhatsApp Channel = "whatsapp"
	Email    Channel = "email"
)

// A Class is the kind of address that a channel sends to.
type Class string

// The classes of address.
const (
	ClassPhone Class = "phone"
	ClassEmail Class = "email"
)

// Class returns the kind of address that the channel sends to, "" for a
// channel that this package does not know.
func (c Channel) Class() Class {
	switch c {
	case SMS, WhatsApp:
		return ClassPhone
	case Email:
		return ClassEmail
	}
	return ""
}

// A Message is one passcode on its way to one address.
type Message struct {
	ID      string        // random, a new one for each message: for logs and as idempotency key
	Channel Channel       // how it travels
	To      Address       // where to, in canonical form
	Region  string        // ISO 3166 region of a phone number, as the engine's parser says; else empty
	Code    Secret        // the code alone, for providers that fill a template
	Subject string        // subject line of an e-mail; never holds the code; else empty
	Body    Secret        // the whole text, code included
	Locale  string        // the locale of Subject and Body, one of Locales
	Purpose string        // what the code is for, as the engine was told
	Expires time.Duration // how long the code lives from now
}

// A Receipt says who took a message.
type Receipt struct {
	Provider string // name of the sender, such as "twilio"
	ID       string // the provider's name for the message, if it gave one
}

// A Sender hands messages to one provider.
//
// Send tries once and returns when the provider has taken the message, has
// refused it, or ctx is done. An error should be an [*Error] of the kind that
// fits; any other error counts as [Ambiguous], because the message may be on
// its way. A Sender is safe for concurrent use, keeps no message after Send
// returned and writes neither code nor address to any log or error.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// SenderFunc makes a Sender of a function.
type SenderFunc func(ctx context.Context, m Message) (Receipt, error)

// Send calls f.
func (f SenderFunc) Send(ctx context.Context, m Message) (Receipt, error) { return f(ctx, m) }
