package snssender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// maxWait is the longest Retry-After that is believed.
const maxWait = time.Hour

// A fault is why a message was not sent. It is an error too, for those found
// on the way out.
type fault struct {
	kind delivery.Kind
	text string // not scrubbed yet
	wait time.Duration
}

func (f *fault) Error() string { return f.text }

// fault makes one of the error of a call.
func (c *call) fault(ctx context.Context, err error) *fault {
	var own *fault
	var api smithy.APIError
	// UnknownError is the SDK's own word for an answer that names no error.
	named := errors.As(err, &api) && api.ErrorCode() != "" && api.ErrorCode() != "UnknownError"
	switch {
	case errors.As(err, &own):
		return own
	case !c.applied && named:
		return c.refused(api)
	case !c.applied:
		return &fault{kind: delivery.Ambiguous, text: "the client fails: " + words(ctx, err)}
	case !c.asked && ctx.Err() != nil:
		return &fault{kind: delivery.Temporary, text: ctx.Err().Error()}
	case !c.asked:
		return &fault{kind: delivery.Configuration, text: "no request can be made" + culprit(err)}
	case c.status == 0:
		return c.unanswered(ctx, err)
	case c.status/100 == 2:
		return &fault{kind: delivery.Ambiguous, text: "the answer cannot be read"}
	case named:
		return c.refused(api)
	}
	return &fault{kind: callout.KindOf(c.status), text: fmt.Sprintf("status %d without an error of AWS", c.status), wait: c.wait()}
}

// unanswered makes a fault of a request without an answer.
func (c *call) unanswered(ctx context.Context, err error) *fault {
	f := &fault{kind: delivery.Temporary, text: "no connection: " + words(ctx, err)}
	switch {
	case c.written.Load() || !c.traced.Load():
		f.kind, f.text = delivery.Ambiguous, "no answer: "+words(ctx, err)
	case errors.As(err, new(*tls.CertificateVerificationError)), noTLS(err):
		f.kind = delivery.Configuration
	}
	return f
}

// refused makes a fault of an error of AWS. The words of errors that are not
// of this API are left out, because that of a signature that does not fit shows
// the request; so are all that repeat what the request was signed with.
func (c *call) refused(api smithy.APIError) *fault {
	kind, reason, ours := kindOf(api, c.status)
	text := strings.TrimSpace(api.ErrorCode() + " " + reason)
	if message := api.ErrorMessage(); ours && message != "" {
		text += ": " + message
	}
	if c.repeats(text) {
		text = "an error that repeats the request"
	}
	return &fault{kind: kind, text: text, wait: c.wait()}
}

// words returns what an error of the transport says, unless somebody else may
// have chosen the words.
func words(ctx context.Context, err error) string {
	var network net.Error
	var unverified *tls.CertificateVerificationError
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // without the URL
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err().Error()
	case errors.As(err, &unverified):
		return unverified.Error()
	case errors.As(err, &network):
		return network.Error()
	case noTLS(err):
		return "the server does not speak TLS here"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	}
	return "not HTTP as it should be"
}

// noTLS reports whether something else than TLS answered.
func noTLS(err error) bool {
	return errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, http.ErrSchemeMismatch)
}

// culprit names the call that could not be made before ours, such as one for
// credentials, and the error that it got. Their words may show secrets.
func culprit(err error) string {
	text := ""
	for ; err != nil; err = errors.Unwrap(err) {
		if op, ok := err.(*smithy.OperationError); ok && op.OperationName != "SendTextMessage" {
			text = ": " + op.ServiceID + " " + op.OperationName
		}
		if api, ok := err.(smithy.APIError); ok {
			text += ": " + api.ErrorCode()
		}
	}
	return text
}

// wait returns how long AWS asks to wait. A date counts from that of the
// answer, so that it does not matter whose clock is wrong.
func (c *call) wait() time.Duration {
	after := c.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	until, err := http.ParseTime(after)
	from, err2 := http.ParseTime(c.header.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return min(until.Sub(from), maxWait) // AsError sees to it if it is over
}
