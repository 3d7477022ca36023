package snssender

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

const (
	// maxAge is how old a message may be: SNS tries it again for 3600 seconds
	// at most, which is a hard limit of its delivery policies, and then a
	// little for the tries themselves.
	maxAge = time.Hour + 5*time.Minute

	// maxAhead is how far SNS's clock may be ahead of ours.
	maxAhead = 5 * time.Minute
)

// A CallbackConfig says how a Callback listens.
type CallbackConfig struct {
	// Name is Report.Provider, as Config.Name. Default "aws".
	Name string

	// Topics are the ARNs of the SNS topics whose messages are taken: those of
	// the configuration set's event destinations. They are standard topics of
	// the partitions aws, aws-cn and aws-us-gov. At least one is required.
	Topics []string

	// UnsafeSHA1 takes messages of SignatureVersion 1, which are signed with
	// SHA-1, besides those of version 2. It is for a topic whose attributes
	// cannot be set. Version 1 is what a topic has unless told otherwise.
	UnsafeSHA1 bool

	// Observe takes the reports. Required.
	Observe delivery.Observer

	// Client gets certificates, and confirms subscriptions, at SNS. Its
	// redirects and cookies are turned off in a copy. Default: a client with a
	// transport of its own, which needs TLS 1.2 and goes through the proxy that
	// the environment names.
	Client *http.Client

	// Now is the clock that messages and certificates are held against.
	// Default: time.Now.
	Now func() time.Time
}

// A Callback is the handler of an HTTPS subscription to an SNS topic, to which
// events of messages are written. It answers
//
//	200  what SNS signed for one of the topics, whether it says what became of
//	     a message or not: SNS writes test messages too, and an event may be of
//	     a kind that says nothing. A SubscriptionConfirmation is confirmed, an
//	     UnsubscribeConfirmation is left alone.
//	403  all else, without reading it if x-amz-sns-topic-arn in the header is none
//	     of the topics. SNS does not try again. The body says why, and repeats
//	     nothing of the message.
//	405  other methods than POST
//	413  bodies of more than 256 KiB
//	503  when the Observer failed, and when SNS's certificate could not be had or
//	     the subscription not be confirmed. SNS tries again.
//
// A message that is older than 65 minutes is refused, as SNS repeats none for
// more than an hour, and so is one that is of more than 5 minutes hence. Within
// that time one that is played back is reported again: a Callback remembers
// nothing of messages.
//
// A certificate is got from the region of the topic, over TLS, when a message
// is signed with one that is not known yet; one request is under way at a time,
// for 5 seconds at most, and messages that would need another are answered 503
// meanwhile. Whoever knows a topic's ARN can cause these requests, but not
// where they go.
//
// Raw message delivery is refused, because SNS does not sign it. It is safe for
// concurrent use. The server that serves the handler bounds the time for
// reading a request.
type Callback struct {
	name    string
	hosts   map[string]string // of SNS, by topic
	sha1    bool
	observe delivery.Observer
	now     func() time.Time

	client http.Client
	asking sync.Mutex // held while SNS is asked for something

	mu    sync.Mutex
	known []signer // newest first
}

var _ http.Handler = (*Callback)(nil)

// NewCallback returns a Callback. It asks nobody. Its error wraps [ErrConfig]
// and names every field that is wrong.
func NewCallback(cfg CallbackConfig) (*Callback, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(word(cfg.Name, maxName, true), "Name is longer than 32 characters, or has one that does not print")
	f.Unless(len(cfg.Topics) > 0, "Topics has none")
	hosts := make(map[string]string)
	for i, topic := range cfg.Topics {
		host, ok := hostOf(topic)
		f.Unless(ok, "Topics[%d] is not the ARN of a standard topic such as arn:aws:sns:us-east-1:123456789012:passcodes", i)
		hosts[topic] = host
	}
	f.Unless(cfg.Observe != nil, "Observe is missing")
	if err := f.Err(); err != nil {
		return nil, err
	}
	c := &Callback{
		name:    cmp.Or(cfg.Name, defaultName),
		hosts:   hosts,
		sha1:    cfg.UnsafeSHA1,
		observe: cfg.Observe,
		now:     cfg.Now,
	}
	if c.now == nil {
		c.now = time.Now
	}
	if cfg.Client != nil {
		c.client = *cfg.Client
	} else {
		c.client.Transport = callout.NewTransport()
	}
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.client.Jar = nil
	return c, nil
}

// topicARN is the form of ARNs: partition, region, account and name.
var topicARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)

// hostOf returns the host of SNS in a topic's region.
func hostOf(topic string) (host string, ok bool) {
	parts := topicARN.FindStringSubmatch(topic)
	if parts == nil {
		return "", false
	}
	host = "sns." + parts[2] + ".amazonaws.com"
	if parts[1] == "aws-cn" {
		host += ".cn"
	}
	return host, true
}

// A refusal is why a message is not taken: the status and the words of the
// answer. They hold nothing of the message.
type refusal struct {
	status int
	text   string
}

func forbidden(format string, args ...any) *refusal {
	return &refusal{http.StatusForbidden, fmt.Sprintf(format, args...)}
}

func later(text string) *refusal { return &refusal{http.StatusServiceUnavailable, text} }

// ServeHTTP takes one message.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused := c.unread(r.Header); refused != nil && r.Method == http.MethodPost {
		http.Error(w, refused.text, refused.status)
		return
	}
	body, ok := callout.ReadBody(w, r, maxEvent)
	if !ok {
		return
	}
	m, refused := c.read(body)
	if refused == nil {
		refused = c.verify(r.Context(), m)
	}
	if refused == nil && m.Type == subscription {
		refused = c.confirm(r.Context(), m)
	}
	if refused != nil {
		http.Error(w, refused.text, refused.status)
		return
	}
	if m.Type != notification {
		return
	}
	if report, err := parseEvent(c.name, []byte(m.Message)); err == nil {
		callout.Tell(w, r, c.observe, report)
	}
}

// unread says why a message is refused without reading it. The header is not
// signed, but who does not know a topic has nothing kept in memory.
func (c *Callback) unread(header http.Header) *refusal {
	if header.Get("X-Amz-Sns-Rawdelivery") == "true" {
		return forbidden("Raw message delivery is not signed: turn it off in the subscription (SetSubscriptionAttributes RawMessageDelivery=false).")
	}
	if _, ok := c.hosts[header.Get("X-Amz-Sns-Topic-Arn")]; !ok {
		return forbidden("Not from Amazon SNS, or of a topic that is not configured here.")
	}
	return nil
}

// read returns the message in a body if, its signature aside, it is one to take.
func (c *Callback) read(body []byte) (*message, *refusal) {
	m, ok := parseMessage(body)
	if !ok {
		return nil, forbidden("Not a message of Amazon SNS.")
	}
	host, ok := c.hosts[m.TopicArn]
	if !ok {
		return nil, forbidden("Of a topic that is not configured here.")
	}
	age := c.now().Sub(m.at)
	switch {
	case m.SignatureVersion == "1" && !c.sha1:
		return nil, forbidden("Signed with SHA-1: set the topic to version 2 (SetTopicAttributes SignatureVersion=2).")
	case m.SignatureVersion != "1" && m.SignatureVersion != "2":
		return nil, forbidden("SignatureVersion is neither 1 nor 2.")
	case age > maxAge:
		return nil, forbidden("Older than %v, or one of the clocks is wrong.", maxAge)
	case age < -maxAhead:
		return nil, forbidden("Of a time to come: one of the clocks is wrong.")
	case !certificateAt(m.SigningCertURL, host):
		return nil, forbidden("SigningCertURL is not that of Amazon SNS in the topic's region.")
	case m.Type == subscription && !m.confirmableAt(host):
		return nil, forbidden("SubscribeURL is not that of the topic.")
	}
	return m, nil
}

// confirm confirms a subscription, of which the message is verified.
func (c *Callback) confirm(ctx context.Context, m *message) *refusal {
	if !c.asking.TryLock() {
		return later("Another request to Amazon SNS is under way.")
	}
	defer c.asking.Unlock()
	if _, ok := c.get(ctx, m.SubscribeURL); !ok {
		return later("Amazon SNS did not confirm the subscription.")
	}
	return nil
}
