package whatsappsender

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

const (
	// maxCallback bounds the body of a webhook. Meta's have at most 3 MB.
	maxCallback = 3 << 20

	// maxSmall is what most of them keep within by far: one status has some 600
	// bytes.
	maxSmall = 64 << 10

	// maxLarge is how many larger ones are in memory at a time, since anybody can
	// send one.
	maxLarge = 4
)

// A CallbackConfig says how a Callback listens.
type CallbackConfig struct {
	// Name is Report.Provider, as Config.Name. Default: "whatsapp".
	Name string

	// PhoneNumberID is that of Config. What Meta says of other numbers is
	// ignored. Required.
	PhoneNumberID string

	// VerifyToken is what was entered beside the webhook's URL in the app's
	// settings, for Meta to show when it verifies the URL. Required.
	VerifyToken delivery.Secret

	// AppSecrets are the secrets of the app that may have signed a webhook: the
	// one, and while it is being changed the other. At least one is required.
	AppSecrets []delivery.Secret

	// Observe takes the reports. Required.
	Observe delivery.Observer

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Callback is the handler of Meta's webhook. To GET with the verify token it
// answers the challenge, else 403. To POST it answers 403 if the app's secret
// has not signed the body, 503 when the Observer failed, so that Meta sends it
// again, and 200 to everything else that Meta says, whether it reports it or
// not: only the statuses sent, delivered, read (as Delivered) and failed of
// messages from the phone number are reported, and nothing that users write. It
// keeps nothing: a webhook that comes again is reported again.
//
// A body is read only if the header holds what can be a signature, and of those
// over 64 KiB, or of unknown length, four at a time; to others it answers 503.
//
// Meta waits some seconds for the answer, and one webhook may have hundreds of
// statuses. The server that serves the handler bounds the time for reading a
// request.
type Callback struct {
	name    string
	number  string
	verify  delivery.Secret
	secrets []delivery.Secret
	observe delivery.Observer
	now     func() time.Time
	large   chan struct{} // has one for each large body in memory
}

var _ http.Handler = (*Callback)(nil)

// NewCallback returns a Callback. Its error wraps [ErrConfig] and names every
// field that is wrong.
func NewCallback(cfg CallbackConfig) (*Callback, error) {
	f := callout.NewFaults(ErrConfig)
	f.Unless(callout.IsDigits(cfg.PhoneNumberID), "PhoneNumberID is not all digits")
	f.Unless(cfg.VerifyToken.Reveal() != "", "VerifyToken is missing")
	f.Unless(len(cfg.AppSecrets) > 0, "AppSecrets has none")
	for i, secret := range cfg.AppSecrets {
		f.Unless(secret.Reveal() != "", "AppSecrets[%d] is empty", i)
	}
	f.Unless(cfg.Observe != nil, "Observe is missing")
	if err := f.Err(); err != nil {
		return nil, err
	}
	c := &Callback{
		name:    cmp.Or(cfg.Name, defaultName),
		number:  cfg.PhoneNumberID,
		verify:  cfg.VerifyToken,
		secrets: append([]delivery.Secret(nil), cfg.AppSecrets...),
		observe: cfg.Observe,
		now:     cfg.Now,
		large:   make(chan struct{}, maxLarge),
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// ServeHTTP takes one request of Meta's.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		c.challenge(w, r)
	case http.MethodPost:
		c.statuses(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "Only GET and POST.", http.StatusMethodNotAllowed)
	}
}

// challenge answers Meta's verification of the webhook.
func (c *Callback) challenge(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	challenge := query.Get("hub.challenge")
	// Digests are of one length, so that the time tells nothing of the token's.
	given, want := sha256.Sum256([]byte(query.Get("hub.verify_token"))), sha256.Sum256([]byte(c.verify.Reveal()))
	if !hmac.Equal(given[:], want[:]) || query.Get("hub.mode") != "subscribe" || !callout.IsID(challenge) {
		http.Error(w, "Not verified.", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	io.WriteString(w, challenge)
}

func (c *Callback) statuses(w http.ResponseWriter, r *http.Request) {
	const unsigned = "Not signed by Meta."
	given, ok := signature(r.Header)
	if !ok {
		http.Error(w, unsigned, http.StatusForbidden)
		return
	}
	limit := int64(maxSmall)
	if r.ContentLength < 0 || r.ContentLength > maxSmall {
		select {
		case c.large <- struct{}{}:
			defer func() { <-c.large }()
		default:
			http.Error(w, "Busy.", http.StatusServiceUnavailable)
			return
		}
		limit = maxCallback
	}
	body, ok := callout.ReadBody(w, r, limit)
	if !ok {
		return
	}
	if !c.signed(body, given) {
		http.Error(w, unsigned, http.StatusForbidden)
		return
	}
	callout.Tell(w, r, c.observe, c.reports(body)...)
}

// signature returns what can be a signature of Meta's: HMAC-SHA256, in
// hexadecimal digits.
func signature(h http.Header) (mac []byte, ok bool) {
	values := h.Values("X-Hub-Signature-256")
	if len(values) != 1 {
		return nil, false
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	mac, err := hex.DecodeString(digits)
	return mac, ok && err == nil && len(mac) == sha256.Size
}

// signed reports whether the signature of the body is that of one of the app's
// secrets.
func (c *Callback) signed(body, given []byte) bool {
	found := false
	for _, secret := range c.secrets {
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(body)
		found = hmac.Equal(mac.Sum(nil), given) || found
	}
	return found
}

type (
	webhook struct {
		Object string `json:"object"`
		Entry  []struct {
			Changes []struct {
				Field string          `json:"field"`
				Value json.RawMessage `json:"value"`
			} `json:"changes"`
		} `json:"entry"`
	}
	value struct {
		Metadata struct {
			PhoneNumberID string `json:"phone_number_id"`
		} `json:"metadata"`
		Statuses []json.RawMessage `json:"statuses"`
	}
	status struct {
		ID        string          `json:"id"`
		Status    string          `json:"status"`
		Timestamp json.RawMessage `json:"timestamp"` // seconds, as a string
		Opaque    string          `json:"biz_opaque_callback_data"`
		Errors    []graphError    `json:"errors"`
	}
)

// reports makes reports of a webhook. A status that is not understood is left
// out, and those beside it are not.
func (c *Callback) reports(body []byte) (reports []delivery.Report) {
	var hook webhook
	if json.Unmarshal(body, &hook) != nil || hook.Object != "whatsapp_business_account" {
		return nil
	}
	for _, entry := range hook.Entry {
		for _, change := range entry.Changes {
			var v value
			if change.Field != "messages" || json.Unmarshal(change.Value, &v) != nil || v.Metadata.PhoneNumberID != c.number {
				continue
			}
			for _, text := range v.Statuses {
				var s status
				if json.Unmarshal(text, &s) != nil {
					continue
				}
				if report, ok := c.report(s); ok {
					reports = append(reports, report)
				}
			}
		}
	}
	return reports
}

func (c *Callback) report(s status) (report delivery.Report, ok bool) {
	report = delivery.Report{Provider: c.name, ID: ID(s.ID), At: c.at(s.Timestamp)}
	if callout.IsID(s.Opaque) {
		report.Message = s.Opaque
	}
	switch s.Status {
	case "sent":
		report.Status = delivery.Sent
	case "delivered", "read": // "read" may come alone
		report.Status = delivery.Delivered
	case "failed":
		report.Status, report.Kind, report.Reason = delivery.Failed, delivery.Temporary, "failed"
		if len(s.Errors) > 0 {
			e := &s.Errors[0]
			words := e.words(cmp.Or(e.Title, e.Message))
			report.Kind, _ = e.kind()
			report.Reason = callout.Reason(words[0], words[1:]...)
		}
	default:
		return delivery.Report{}, false
	}
	return report, s.ID != ""
}

// at is the time of a status: what Meta says, if it can be.
func (c *Callback) at(timestamp json.RawMessage) time.Time {
	now := c.now()
	seconds, err := strconv.ParseInt(strings.Trim(string(timestamp), `"`), 10, 64)
	if at := time.Unix(seconds, 0).UTC(); err == nil && seconds > 0 && !at.After(now) {
		return at
	}
	return now
}
