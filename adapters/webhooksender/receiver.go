package webhooksender

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// maxRequest bounds the body of a request to a Receiver or a Callback.
const maxRequest = 64 << 10

// A ReceiverConfig says how a Receiver receives.
type ReceiverConfig struct {
	// Keys are those that requests may be signed with. Required.
	Keys Keys

	// Sender gets the messages, with the webhook-id as ID. Required.
	Sender delivery.Sender

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Receiver is the other side of a Sender, for a service in Go: a handler that
// checks and reads the requests, hands each message to a delivery.Sender, and
// answers what became of it, in the words of the package comment. A request
// that is not signed gets 401.
//
// It remembers nothing: a Sender that must not send twice remembers the IDs of
// its messages for twice [Tolerance]. The server that serves the handler bounds
// the time for reading a request.
type Receiver struct{ cfg ReceiverConfig }

var _ http.Handler = (*Receiver)(nil)

// NewReceiver returns a Receiver. Its error wraps [ErrConfig] and names every
// field that is wrong.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(len(cfg.Keys.secrets) > 0, "Keys are missing")
	f.Unless(cfg.Sender != nil, "Sender is missing")
	if err := f.Err(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Receiver{cfg}, nil
}

// ServeHTTP takes one message.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	signed, err := readHeader(r.Header, rc.cfg.Now())
	if err != nil && r.Method == http.MethodPost { // nothing of it is read then
		unsigned(w, err)
		return
	}
	body, ok := callout.ReadBody(w, r, maxRequest)
	if !ok {
		return
	}
	id, err := rc.cfg.Keys.verify(signed, body)
	if err != nil {
		unsigned(w, err)
		return
	}
	m, ok := decode(body)
	if !ok {
		answer(w, http.StatusBadRequest, outcome{Kind: delivery.Configuration, Reason: "the request is not as documented"})
		return
	}
	m.ID = id
	receipt, err := rc.cfg.Sender.Send(r.Context(), m)
	if err != nil {
		e := delivery.AsError(err, m)
		if seconds := math.Ceil(e.RetryAfter.Seconds()); seconds > 0 {
			w.Header().Set("Retry-After", strconv.FormatFloat(seconds, 'f', 0, 64))
		}
		answer(w, statusOf(e.Kind), outcome{Provider: e.Provider, Kind: e.Kind, Reason: e.Reason, RetryAfter: e.RetryAfter.Seconds()})
		return
	}
	answer(w, http.StatusOK, outcome{Provider: receipt.Provider, ID: receipt.ID})
}

// decode reads the body of a request.
func decode(body []byte) (m delivery.Message, ok bool) {
	var p payload
	if json.Unmarshal(body, &p) != nil || p.Channel == "" || p.To == "" || p.Code == "" ||
		p.ExpiresIn < 0 || p.ExpiresIn > int64(math.MaxInt64/time.Second) {
		return delivery.Message{}, false
	}
	return delivery.Message{
		Channel: delivery.Channel(p.Channel),
		To:      delivery.NewAddress(p.To),
		Region:  p.Region,
		Code:    delivery.NewSecret(p.Code),
		Subject: p.Subject,
		Body:    delivery.NewSecret(p.Body),
		Locale:  p.Locale,
		Purpose: p.Purpose,
		Expires: time.Duration(p.ExpiresIn) * time.Second,
	}, true
}

// statusOf is a status that says the same as the kind, to whoever reads no
// more.
func statusOf(k delivery.Kind) int {
	switch k {
	case delivery.Temporary:
		return http.StatusServiceUnavailable
	case delivery.Throttled:
		return http.StatusTooManyRequests
	case delivery.Rejected:
		return http.StatusUnprocessableEntity
	case delivery.Configuration:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

func unsigned(w http.ResponseWriter, err error) {
	answer(w, http.StatusUnauthorized, outcome{Kind: delivery.Configuration, Reason: err.Error()})
}

func answer(w http.ResponseWriter, status int, o outcome) {
	text, _ := json.Marshal(o) // strings and a number cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}
