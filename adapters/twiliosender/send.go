package twiliosender

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// maxValidity is the longest ValidityPeriod that Twilio takes, in seconds; the
// shortest is 1.
const maxValidity = 36_000

// messageParam is the parameter of the callback's URL that holds Message.ID.
const messageParam = "message"

// Send hands m to Twilio, once. An SMS that has not left Twilio's queue when
// the code expires is not sent any more (ValidityPeriod). The receipt's ID is
// the SID of the message.
//
// An error is a [*delivery.Error], of the kind that the package comment says.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	id, failure := s.send(ctx, m)
	if failure != nil {
		return delivery.Receipt{}, s.client.Scrub(failure, m)
	}
	return delivery.Receipt{Provider: s.name, ID: id}, nil
}

func (s *Sender) send(ctx context.Context, m delivery.Message) (sid string, failure *delivery.Error) {
	line, ok := s.lines[m.Channel]
	if !ok {
		return "", &delivery.Error{Kind: delivery.Configuration, Reason: "nothing is configured for the channel " + string(m.Channel)}
	}
	if !callout.IsNumber(m.To.Reveal()) {
		return "", &delivery.Error{Kind: delivery.Rejected, Reason: "the address is not a phone number in E.164 form"}
	}
	header := http.Header{
		"Authorization": {s.authorization.Reveal()},
		"Content-Type":  {"application/x-www-form-urlencoded"},
		"Accept":        {"application/json"},
	}
	answer, failure := s.client.Post(ctx, s.url, header, []byte(s.form(line, m).Encode()))
	if failure != nil {
		return "", failure
	}
	return parse(answer)
}

// form is the request for one message.
func (s *Sender) form(line Line, m delivery.Message) url.Values {
	prefix := ""
	if m.Channel == delivery.WhatsApp {
		prefix = "whatsapp:"
	}
	form := url.Values{"To": {prefix + m.To.Reveal()}}
	if line.Service != "" {
		form.Set("MessagingServiceSid", line.Service)
	}
	if line.From != "" {
		form.Set("From", prefix+line.From)
	}
	locale, _ := delivery.MatchLocale(m.Channel, m.Locale)
	if template := cmp.Or(line.Templates[locale], line.Templates[""]); template != "" {
		variables, _ := json.Marshal(map[string]string{"1": m.Code.Reveal()}) // strings cannot fail
		form.Set("ContentSid", template)
		form.Set("ContentVariables", string(variables))
	} else {
		form.Set("Body", m.Body.Reveal())
	}
	if m.Channel == delivery.SMS && m.Expires > 0 {
		seconds := min(max(int64(m.Expires/time.Second), 1), maxValidity)
		form.Set("ValidityPeriod", strconv.FormatInt(seconds, 10))
	}
	if s.callback != "" && callout.IsID(m.ID) {
		form.Set("StatusCallback", s.callback+m.ID+s.fragment)
	}
	return form
}

// parse reads Twilio's answer: a message, or an error.
func parse(answer callout.Answer) (sid string, failure *delivery.Error) {
	var body struct {
		SID          string `json:"sid"`
		Status       any    `json:"status"` // a word of a message, a number of an error
		ErrorCode    int    `json:"error_code"`
		ErrorMessage string `json:"error_message"`
		Code         int    `json:"code"`
		Message      string `json:"message"`
	}
	failure = &delivery.Error{Kind: callout.KindOf(answer.Status), RetryAfter: answer.RetryAfter}
	if !answer.JSON(&body) {
		failure.Reason = fmt.Sprintf("HTTP status %d with a body that is not Twilio's", answer.Status)
		return "", failure
	}
	made := answer.OK() && (callout.IsSID(body.SID, "SM") || callout.IsSID(body.SID, "MM"))
	status, _ := body.Status.(string)
	switch {
	case made && lost(status):
		failure.Kind = kindOf(body.ErrorCode)
		failure.Reason = fmt.Sprintf("%d: the message %s at once: %s", body.ErrorCode, status, body.ErrorMessage)
	case made:
		return body.SID, nil
	case body.Code != 0:
		failure.Reason = fmt.Sprintf("%d: %s", body.Code, body.Message)
		if kind, known := kinds[body.Code]; known {
			failure.Kind = kind
		} else if answer.Status == http.StatusInternalServerError {
			failure.Kind = delivery.Temporary
		}
	default:
		failure.Reason = fmt.Sprintf("HTTP status %d without a message or an error", answer.Status)
	}
	return "", failure
}

// lost reports whether a message of this status will not arrive.
func lost(status string) bool {
	return status == "failed" || status == "undelivered" || status == "canceled"
}
