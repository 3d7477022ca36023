package twiliosender

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// maxCallback bounds the body of a callback. Twilio's have some 500 bytes.
const maxCallback = 64 << 10

// A CallbackConfig says how a Callback listens.
type CallbackConfig struct {
	// Name is Report.Provider, as Config.Name. Default: "twilio".
	Name string

	// AccountSID is the account whose callbacks are taken. Required.
	AccountSID string

	// Tokens are the auth tokens of the account that may have signed a
	// callback: the primary one, and while it is being changed the other.
	// Twilio signs with the account's token also what an API key sent.
	// At least one is required.
	Tokens []delivery.Secret

	// URL is the public URL of the handler, to the letter as in
	// Config.CallbackURL: it is part of what Twilio signs, and the handler
	// cannot see it behind a proxy. Required.
	URL string

	// Observe takes the reports. Required.
	Observe delivery.Observer

	// Now is the clock that reports are dated by, as Twilio does not date
	// them. Default: time.Now.
	Now func() time.Time
}

// A Callback is the handler of Twilio's status callbacks. It answers 403 to
// what Twilio has not signed for the account, 503 when the Observer failed,
// and 200 to everything else that Twilio says, whether it reports it or not:
// only sent, delivered, read (as Delivered), failed, undelivered and canceled
// are reported. It keeps nothing: a callback that is played back is reported
// again.
//
// Callbacks that a Webhooks Rule of Twilio's makes be signed in another way,
// with a key of their own, are refused. The server that serves the handler
// bounds the time for reading a request.
type Callback struct {
	name    string
	account string
	tokens  []delivery.Secret
	urls    []signedURL
	observe delivery.Observer
	now     func() time.Time
}

var _ http.Handler = (*Callback)(nil)

// NewCallback returns a Callback. Its error wraps [ErrConfig] and names every
// field that is wrong.
func NewCallback(cfg CallbackConfig) (*Callback, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(callout.IsSID(cfg.AccountSID, "AC"), `AccountSID is not "AC" and 32 hexadecimal digits`)
	f.Unless(len(cfg.Tokens) > 0, "Tokens has none")
	for i, token := range cfg.Tokens {
		f.Unless(token.Reveal() != "", "Tokens[%d] is empty", i)
	}
	checkCallback(f, "URL", cfg.URL)
	f.Unless(cfg.Observe != nil, "Observe is missing")
	if err := f.Err(); err != nil {
		return nil, err
	}
	c := &Callback{
		name:    cmp.Or(cfg.Name, defaultName),
		account: cfg.AccountSID,
		tokens:  append([]delivery.Secret(nil), cfg.Tokens...),
		urls:    signedURLs(cfg.URL),
		observe: cfg.Observe,
		now:     cfg.Now,
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// ServeHTTP takes one callback.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const unsigned = "Not signed by Twilio."
	given, ok := signature(r.Header)
	if !ok && r.Method == http.MethodPost { // nothing of it is read then
		http.Error(w, unsigned, http.StatusForbidden)
		return
	}
	body, ok := callout.ReadBody(w, r, maxCallback)
	if !ok {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !c.signed(r.URL.RawQuery, form, given) || one(form, "AccountSid") != c.account {
		http.Error(w, unsigned, http.StatusForbidden)
		return
	}
	if report, ok := c.report(r.URL.Query(), form); ok {
		callout.Tell(w, r, c.observe, report)
	}
}

// report makes a report of a callback, if it is one about a status.
func (c *Callback) report(query, form url.Values) (report delivery.Report, ok bool) {
	report = delivery.Report{
		Provider: c.name,
		ID:       cmp.Or(one(form, "MessageSid"), one(form, "SmsSid")),
		At:       c.now(),
	}
	if !callout.IsSID(report.ID, "SM") && !callout.IsSID(report.ID, "MM") {
		return delivery.Report{}, false
	}
	if id := one(query, messageParam); callout.IsID(id) {
		report.Message = id
	}
	switch status := cmp.Or(one(form, "MessageStatus"), one(form, "SmsStatus")); {
	case status == "sent":
		report.Status = delivery.Sent
	case status == "delivered", status == "read":
		report.Status = delivery.Delivered
	case lost(status):
		code, _ := strconv.Atoi(one(form, "ErrorCode"))
		report.Status, report.Kind = delivery.Failed, kindOf(code)
		if code != 0 {
			status = strconv.Itoa(code)
		}
		report.Reason = callout.Reason(status, one(form, "ErrorMessage"), one(form, "ChannelStatusMessage"))
	default:
		return delivery.Report{}, false
	}
	return report, true
}

// one returns the value of a parameter that is given once, else "".
func one(values url.Values, name string) string {
	if all := values[name]; len(all) == 1 {
		return strings.TrimSpace(all[0])
	}
	return ""
}
