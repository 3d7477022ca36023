package webhooksender

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// A payload is the body of a request. The package comment describes it.
type payload struct {
	Channel   string `json:"channel"`
	To        string `json:"to"`
	Region    string `json:"region"`
	Code      string `json:"code"`
	Subject   string `json:"subject"`
	Body      string `json:"body"`
	Locale    string `json:"locale"`
	Purpose   string `json:"purpose"`
	ExpiresIn int64  `json:"expires_in"`
}

// An outcome is the body of an answer: of a message that was taken, or of an
// error.
type outcome struct {
	Provider   string        `json:"provider,omitempty"`
	ID         string        `json:"id,omitempty"`
	Kind       delivery.Kind `json:"kind,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	RetryAfter float64       `json:"retry_after,omitempty"`
}

// Send hands m to the service, once. The webhook-id is m.ID, of letters,
// digits, hyphens and underscores, or a random one if there is none. The receipt
// is what the service says.
//
// An error is a [*delivery.Error], of the kind that the package comment says.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	receipt, failure := s.send(ctx, m)
	if failure != nil {
		return delivery.Receipt{}, s.client.Scrub(failure, m)
	}
	return receipt, nil
}

func (s *Sender) send(ctx context.Context, m delivery.Message) (delivery.Receipt, *delivery.Error) {
	id := m.ID
	if id == "" {
		id = rand.Text()
	}
	if !callout.IsID(id) {
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Configuration, Reason: "the message's ID cannot be a webhook-id"}
	}
	p := payload{
		Channel: string(m.Channel),
		To:      m.To.Reveal(),
		Region:  m.Region,
		Code:    m.Code.Reveal(),
		Subject: m.Subject,
		Body:    m.Body.Reveal(),
		Locale:  m.Locale,
		Purpose: m.Purpose,
	}
	if m.Expires > 0 {
		p.ExpiresIn = max(int64(m.Expires/time.Second), 1)
	}
	body, _ := json.Marshal(p) // strings and a number cannot fail
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	s.keys.Sign(header, id, s.now(), body)
	answer, failure := s.client.Post(ctx, s.url.Reveal(), header, body)
	if failure != nil {
		return delivery.Receipt{}, failure
	}
	o, failure := parse(answer)
	if failure != nil {
		return delivery.Receipt{}, failure
	}
	receipt := delivery.Receipt{Provider: s.name}
	if callout.IsID(o.Provider) && isClean(o.Provider, m) {
		receipt.Provider = o.Provider
	}
	if isVisible(o.ID) && isClean(o.ID, m) {
		receipt.ID = o.ID
	}
	return receipt, nil
}

// isClean reports whether a name that the service gives shows nothing of the
// message. One that does is as good as none.
func isClean(name string, m delivery.Message) bool {
	return delivery.AsError(&delivery.Error{Reason: name}, m).Reason == name
}

// parse reads the service's answer.
func parse(answer callout.Answer) (o outcome, failure *delivery.Error) {
	text := bytes.TrimSpace(answer.Body)
	object := answer.JSON(&o) && text[0] == '{'
	switch {
	case object && isKind(o.Kind):
		failure = &delivery.Error{Kind: o.Kind, Reason: o.Reason, RetryAfter: answer.RetryAfter}
		if seconds := o.RetryAfter; seconds > 0 {
			failure.RetryAfter = time.Duration(min(seconds, callout.MaxRest.Seconds()) * float64(time.Second))
		}
	case answer.OK() && answer.Whole && (len(text) == 0 || object && o.Kind == ""):
		return o, nil
	default:
		failure = &delivery.Error{Kind: kindOf(answer.Status), RetryAfter: answer.RetryAfter, Reason: fmt.Sprintf("HTTP status %d: %s", answer.Status, text)}
	}
	return outcome{}, failure
}

// kindOf is what a status says when the service says no more.
func kindOf(status int) delivery.Kind {
	if status == http.StatusBadRequest || status == http.StatusUnprocessableEntity {
		return delivery.Rejected
	}
	return callout.KindOf(status)
}

func isKind(k delivery.Kind) bool {
	switch k {
	case delivery.Temporary, delivery.Throttled, delivery.Rejected, delivery.Configuration, delivery.Ambiguous:
		return true
	}
	return false
}

// isVisible reports whether s is at most 128 visible ASCII characters.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= 128
}
