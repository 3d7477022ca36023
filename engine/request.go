package engine

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
)

// A Request says where a code goes and what it is for. The same tenant,
// purpose and address, and the same class of channel, name the same record.
type Request struct {
	Tenant  string           // whose users these are, for a program with several; up to 128 bytes; may be empty
	Purpose string           // what the code is for, such as "login"; up to 128 bytes; may be empty; never from a client
	Channel delivery.Channel // one of Config.Channels
	To      string           // the address, as the channel's Parser reads it
	Locale  string           // language of the message, one of delivery.Locales; default English

	// Lifetime is how long this code can be entered, from policy.MinLifetime
	// to policy.MaxLifetime. Default: the policy's.
	Lifetime time.Duration

	// Client is who asks, as far as the program knows: for Start and Resend,
	// who asks for the code; for VerifyAddress, who enters it.
	Client Client

	// MatchIP and MatchUserAgent, for VerifyAddress, want that member of
	// Client to be what it was when the code was asked for. If either was
	// unknown it is not.
	MatchIP, MatchUserAgent bool
}

// A Client is what a program knows of somebody's device. Both parts may be
// empty and have up to 1024 bytes; they are compared byte by byte, so give an
// IP address in one form. They are kept as keyed digests.
type Client struct {
	IP        string
	UserAgent string
}

// A Challenge is a code that was sent and waits to come back.
type Challenge struct {
	// ID names the challenge to Verify, Resend and Cancel: 47 characters of
	// [A-Za-z0-9._-]. It is not secret as the code is, but who has it can use
	// up the code's tries: keep it in the session of whoever asked.
	ID string

	Subject     string           // keyed digest of tenant, purpose and address, the same for every challenge of these
	Channel     delivery.Channel // how the code travels
	Address     delivery.Address // where it travels to, in canonical form
	Region      string           // of a phone number; else empty
	Message     string           // id of the message
	Receipt     delivery.Receipt // who took it
	Expires     time.Time        // until when the code can be entered
	Tries       int              // how many guesses it bears
	Unconfirmed bool             // the provider's answer did not arrive: the message may or may not

	// FellBack is why the code travels by the fallback of the channel that was
	// asked for; nil if it does not. A screen goes by its Kind: Rejected means
	// that the first channel does not reach the address, as when a number is not
	// on WhatsApp, anything else that it was not known to in time. The rest is
	// for logs.
	FellBack *delivery.Error

	held *held // for Fallback; nil if there is none, or it was used
}

// A Proof says that a code came back.
type Proof struct {
	Subject    string           // keyed digest of tenant, purpose and address: see Engine.Subject
	Channel    delivery.Channel // how the code had travelled; of one that fell back, how it did last
	SentAt     time.Time        // when it was made
	VerifiedAt time.Time        // when it came back
}

// Limits in bytes.
const (
	maxName    = 128
	maxAddress = 320
	maxClient  = 1024
)

// A target is a request's address, understood.
type target struct {
	address, region, kind string
	subject               string
}

// target reads the request's address and names its subject. It does not ask
// whether the policy reaches it.
func (e *Engine) target(req *Request) (target, *Error) {
	channel, ok := e.channels[req.Channel]
	switch {
	case !ok:
		return target{}, badRequest("channel is not configured")
	case len(req.Tenant) > maxName || len(req.Purpose) > maxName:
		return target{}, badRequest("tenant or purpose is longer than 128 bytes")
	case len(req.Client.IP) > maxClient || len(req.Client.UserAgent) > maxClient:
		return target{}, badRequest("a part of the client is longer than 1024 bytes")
	case len(req.To) > maxAddress || !utf8.ValidString(req.To):
		return target{}, &Error{Kind: ErrAddress, Err: errors.New("too long, or not UTF-8")}
	}
	var t target
	var err error
	t.address, t.region, t.kind, err = channel.Parse(req.To)
	if err == nil && (t.address == "" || len(t.address) > maxAddress) {
		err = errors.New("parser returned no usable address")
	}
	if err != nil {
		return t, refusedByParser(err)
	}
	t.subject = e.keys.Load().subject(req.Tenant, req.Purpose, req.Channel.Class(), t.address)
	return t, nil
}

func badRequest(why string) *Error { return &Error{Kind: ErrRequest, Err: errors.New(why)} }

func refusedByParser(err error) *Error {
	refusal := &Error{Kind: ErrAddress, Err: err}
	var because interface{ Refused() string }
	if errors.As(err, &because) {
		switch because.Refused() {
		case "country":
			refusal.Kind = ErrCountry
		case "type":
			refusal.Kind = ErrNumberType
		}
	}
	return refusal
}

// reach asks the policy whether the channel reaches a phone number.
func (e *Engine) reach(req *Request, t target) *Error {
	if req.Channel.Class() != delivery.ClassPhone {
		return nil
	}
	decision := e.policy.Explain(policy.Number{Region: policy.Region(t.region), Type: t.kind}, string(req.Channel))
	switch decision.Reason {
	case policy.Reached:
		return nil
	case policy.RefusedRegion:
		return &Error{Kind: ErrCountry, Region: t.region, Err: errors.New(decision.Why)}
	default:
		return &Error{Kind: ErrNumberType, Region: t.region, Err: errors.New(decision.Why)}
	}
}

// Subject returns the digest under which the engine keeps the request's
// address: 22 characters of base64url, the same for SMS and WhatsApp. Use it
// to ask whether a Proof is about an address. Errors: ErrRequest, ErrAddress,
// ErrCountry, ErrNumberType, as the parser refuses; the policy is not asked.
func (e *Engine) Subject(req Request) (string, error) {
	t, refusal := e.target(&req)
	if refusal != nil {
		return "", refusal
	}
	return t.subject, nil
}

// Check returns what Start would refuse the request for before it touches the
// store: its fields, the address, its country and type. It sends and counts
// nothing, but a number that is refused is an event, as with Start. It returns
// the address in canonical form and, for a phone number, its region.
func (e *Engine) Check(req Request) (address delivery.Address, region string, err error) {
	t, refusal := e.check(&req)
	if refusal != nil {
		return delivery.Address{}, refusal.Region, refusal
	}
	return delivery.NewAddress(t.address), t.region, nil
}

// check fills the request's defaults and refuses what may not be started.
func (e *Engine) check(req *Request) (target, *Error) {
	if req.Lifetime == 0 {
		req.Lifetime = e.policy.Lifetime
	}
	if req.Lifetime < policy.MinLifetime || req.Lifetime > policy.MaxLifetime {
		return target{}, badRequest(fmt.Sprintf("lifetime %v is outside %v to %v", req.Lifetime, policy.MinLifetime, policy.MaxLifetime))
	}
	locale, ok := delivery.MatchLocale(req.Channel, req.Locale)
	if !ok {
		return target{}, &Error{Kind: ErrRequest, Err: delivery.ErrLocale}
	}
	req.Locale = locale
	t, refusal := e.target(req)
	if refusal == nil {
		refusal = e.reach(req, t)
	}
	if refusal != nil && (refusal.Kind == ErrCountry || refusal.Kind == ErrNumberType) {
		e.emit(Event{Kind: EventRefused, Tenant: req.Tenant, Purpose: req.Purpose, Channel: req.Channel,
			Region: t.region, Masked: delivery.Mask(t.address), Err: refusal})
	}
	return t, refusal
}

// A nonce tells a challenge from any other of its subject: 16 random bytes, in
// base64url as they stand in the id. It is kept and compared in that form, so
// that a challenge has one id and reading it takes no time.
type nonce [nonceLen]byte

func newNonce() (n nonce) {
	var random [16]byte
	rand.Read(random[:])
	base64.RawURLEncoding.Encode(n[:], random[:])
	return n
}

// An id is "c." and the subject, which together are the record's key, then a
// dot and the nonce.
const (
	keyPrefix = "c."
	keyLen    = len(keyPrefix) + 22
	nonceLen  = 22
	idLen     = keyLen + 1 + nonceLen
)

func recordKey(subject string) string { return keyPrefix + subject }

func challengeID(subject string, n nonce) string { return keyPrefix + subject + "." + string(n[:]) }

// parseID returns the record's key and the nonce of an id. It reports whether
// the id has the form of one, save for what stands in its parts: the store
// finds out about characters that no key has, and no record has a nonce of
// other characters than those of base64.
func parseID(id string) (key string, n nonce, ok bool) {
	if len(id) != idLen || id[:len(keyPrefix)] != keyPrefix || id[keyLen] != '.' {
		return "", nonce{}, false
	}
	copy(n[:], id[keyLen+1:])
	return id[:keyLen], n, true
}

// channelByte is what a record and a code's MAC call a channel. The numbers
// stand in stored records: they never change.
func channelByte(c delivery.Channel) byte {
	switch c {
	case delivery.SMS:
		return 1
	case delivery.WhatsApp:
		return 2
	case delivery.Email:
		return 3
	}
	return 0
}

func channelOf(b byte) delivery.Channel {
	switch b {
	case 1:
		return delivery.SMS
	case 2:
		return delivery.WhatsApp
	case 3:
		return delivery.Email
	}
	return ""
}
