package webhooksender

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// A CallbackConfig says how a Callback listens.
type CallbackConfig struct {
	// Name is Report.Provider where the service names nobody, as Config.Name.
	// Default: "webhook".
	Name string

	// Keys are those that reports may be signed with. They need not be those
	// of the messages. Required.
	Keys Keys

	// Observe takes the reports. Required.
	Observe delivery.Observer

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Callback is the handler of the service's reports. It answers 403 to what is
// not signed with a key, or not within [Tolerance], 400 to a report that it
// does not understand, 503 when the Observer failed, and 200 to what it told. It
// keeps nothing: a report that is played back is told again. The server that
// serves the handler bounds the time for reading a request.
type Callback struct {
	name    string
	keys    Keys
	observe delivery.Observer
	now     func() time.Time
}

var _ http.Handler = (*Callback)(nil)

// NewCallback returns a Callback. Its error wraps [ErrConfig] and names every
// field that is wrong.
func NewCallback(cfg CallbackConfig) (*Callback, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(len(cfg.Keys.secrets) > 0, "Keys are missing")
	f.Unless(cfg.Observe != nil, "Observe is missing")
	if err := f.Err(); err != nil {
		return nil, err
	}
	c := &Callback{cmp.Or(cfg.Name, defaultName), cfg.Keys, cfg.Observe, cfg.Now}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// ServeHTTP takes one report.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	signed, err := readHeader(r.Header, c.now())
	if err != nil && r.Method == http.MethodPost { // nothing of it is read then
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body, ok := callout.ReadBody(w, r, maxRequest)
	if !ok {
		return
	}
	if _, err := c.keys.verify(signed, body); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	report, ok := c.report(body)
	if !ok {
		http.Error(w, "The report is not as documented.", http.StatusBadRequest)
		return
	}
	callout.Tell(w, r, c.observe, report)
}

// report reads the body of a report.
func (c *Callback) report(body []byte) (report delivery.Report, ok bool) {
	var b struct {
		Message  string          `json:"message"`
		Provider string          `json:"provider"`
		ID       string          `json:"id"`
		Status   delivery.Status `json:"status"`
		Kind     delivery.Kind   `json:"kind"`
		Error    string          `json:"error"`
		Reason   string          `json:"reason"`
		At       time.Time       `json:"at"`
	}
	if json.Unmarshal(body, &b) != nil {
		return delivery.Report{}, false
	}
	report = delivery.Report{Provider: cmp.Or(b.Provider, c.name), ID: b.ID, Message: b.Message, Status: b.Status, At: b.At.UTC()}
	switch {
	case b.Message == "" && b.ID == "", b.Message != "" && !callout.IsID(b.Message), !isVisible(b.ID):
		return delivery.Report{}, false
	case b.Provider != "" && !callout.IsID(b.Provider), b.Error != "" && !callout.IsID(b.Error):
		return delivery.Report{}, false
	}
	switch b.Status {
	case delivery.Sent, delivery.Delivered:
	case delivery.Failed:
		if b.Kind != "" && !isKind(b.Kind) {
			return delivery.Report{}, false
		}
		report.Kind = cmp.Or(b.Kind, delivery.Temporary)
		report.Reason = cmp.Or(callout.Reason(b.Error, b.Reason), "failed")
	default:
		return delivery.Report{}, false
	}
	if now := c.now(); b.At.IsZero() || b.At.After(now) {
		report.At = now
	}
	return report, true
}
