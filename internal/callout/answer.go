package callout

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// MaxRest bounds Answer.RetryAfter.
const MaxRest = 24 * time.Hour

// An Answer is what a provider answered.
type Answer struct {
	Status     int
	Body       []byte        // its first MaxBody bytes
	Whole      bool          // whether that is all of it
	RetryAfter time.Duration // of the Retry-After header, between 0 and MaxRest; 0 if there is none
}

// OK reports whether the status is one of success.
func (a Answer) OK() bool { return a.Status/100 == 2 }

// JSON decodes the body into v and reports whether it is one JSON value of v's
// shape. If it is not, v may hold a part.
func (a Answer) JSON(v any) bool { return a.Whole && json.Unmarshal(a.Body, v) == nil }

// KindOf is what the status of an answer says by itself, when the provider's
// own words are missing or unknown. All senders go by it:
//
//	2xx                              Ambiguous      taken, it seems, but not in the provider's words
//	401, 403 and whatever else is
//	the same for every message, 3xx  Configuration
//	429                              Throttled
//	400, 408, 409, 422, 425          Temporary      nothing was taken, and it may be the message's fault
//	503                              Temporary      nothing was taken
//	500, 502, 504, anything else     Ambiguous      it may be said after the request was processed, in part
//	                                                or whole, by the provider or a gateway before it
//
// 503 is the one answer of the 5xx that says that a request is not handled now
// (RFC 9110 §15.6.4), and what an outage and maintenance look like. Some gateways
// say it too of a connection that broke after they had passed the request on.
// Then a code may be sent twice, by two providers; were it Ambiguous, it would
// not be sent at all while the first one is down.
//
// Redirects are not followed.
func KindOf(status int) delivery.Kind {
	switch status {
	case http.StatusTooManyRequests:
		return delivery.Throttled
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusUnprocessableEntity,
		http.StatusTooEarly, http.StatusServiceUnavailable:
		return delivery.Temporary
	}
	if status >= 300 && status < 500 {
		return delivery.Configuration
	}
	return delivery.Ambiguous
}

// retryAfter reads a Retry-After header, RFC 9110 §10.2.3: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	var rest time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		rest = time.Duration(min(seconds, uint64(MaxRest/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		rest = at.Sub(now)
	}
	return min(max(rest, 0), MaxRest)
}
