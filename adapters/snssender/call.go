package snssender

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	sms "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"

	"github.com/passcode-go/passcode/delivery"
)

// maxAnswer bounds what is read of an answer. AWS's have some hundred bytes.
const maxAnswer = 64 << 10

// A call watches one call of the API: whether anything went out, and what
// came back.
type call struct {
	plaintext bool // without TLS is allowed

	applied bool        // the options were called: the Client is the SDK's
	asked   bool        // a request was made
	traced  atomic.Bool // the transport tells how far it has come
	written atomic.Bool // its header went out, so that the rest may have
	header  http.Header // of the answer
	status  int         // of the answer, 0 if there is none
	secrets []string    // that the request carries and AWS may repeat
	client  aws.HTTPClient
}

// options makes the SDK try once, log nothing, and call through us.
func (c *call) options(o *sms.Options) {
	c.applied = true
	o.Retryer = aws.NopRetryer{}
	o.ClientLogMode = 0
	c.client = unredirected(o.HTTPClient)
	o.HTTPClient = c
}

// unredirected returns a client that takes a redirect for an answer. The SDK's
// own clients do so: they follow only those that keep the body, which the
// SDK's requests cannot send again.
func unredirected(client aws.HTTPClient) aws.HTTPClient {
	if std, ok := client.(*http.Client); ok {
		c := *std
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return &c
	}
	return client
}

// errPlaintext is returned for a request that would go out in clear.
var errPlaintext = &fault{kind: delivery.Configuration, text: "the endpoint is without TLS"}

// Do is the SDK's way out.
func (c *call) Do(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !c.plaintext {
		return nil, errPlaintext
	}
	c.asked = true
	for _, name := range []string{"X-Amz-Security-Token", "Authorization"} {
		if s := req.Header.Get(name); s != "" {
			c.secrets = append(c.secrets, s)
		}
	}
	trace := &httptrace.ClientTrace{
		GetConn:      func(string) { c.traced.Store(true) },
		WroteHeaders: func() { c.written.Store(true) },
	}
	answer, err := c.client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, err
	}
	c.status, c.header = answer.StatusCode, answer.Header
	answer.Body = &bounded{ReadCloser: answer.Body, left: maxAnswer}
	return answer, nil
}

// repeats reports whether a text holds what the request was signed with,
// however it is spaced and capitalised.
func (c *call) repeats(text string) bool {
	text = squeeze(text)
	return slices.ContainsFunc(c.secrets, func(s string) bool { return strings.Contains(text, squeeze(s)) })
}

// squeeze leaves letters and digits, in small letters.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// A bounded body ends with an error where it is too long.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
