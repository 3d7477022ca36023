package callout

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/passcode-go/passcode/delivery"
)

// ReadBody returns the body of a provider's callback, a POST of at most limit
// bytes. If it is none, ReadBody answers and returns false.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Only POST.", http.StatusMethodNotAllowed)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		http.Error(w, "Too large.", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	if err != nil {
		http.Error(w, "Unreadable.", http.StatusBadRequest)
		return nil, false
	}
	return body, true
}

// Tell hands each report to observe and answers the provider: 200 if all were
// taken, else 503, so that it tells them again.
func Tell(w http.ResponseWriter, r *http.Request, observe delivery.Observer, reports ...delivery.Report) {
	failed := false
	for _, report := range reports {
		if err := observe(r.Context(), report); err != nil {
			failed = true
		}
	}
	if failed {
		http.Error(w, "Tell it again later.", http.StatusServiceUnavailable)
	}
}

// digits finds what may be a code or a phone number: four digits or more,
// together or with something between them.
var digits = regexp.MustCompile(`\+?\p{Nd}(?:[ ()./-]{0,2}\p{Nd}){3,}`)

// Reason makes the reason of a report of a provider's code and its words, each
// of which may be empty. The message is not at hand to be cut out of the
// words, so all that looks like a code, a number or an e-mail address goes;
// give the provider's code as code. The result is what delivery.AsError leaves
// of it.
func Reason(code string, words ...string) string {
	parts := make([]string, 0, 1+len(words))
	if code != "" {
		parts = append(parts, code)
	}
	for _, w := range words {
		fields := strings.Fields(digits.ReplaceAllString(w, "[redacted]"))
		for i, field := range fields {
			if strings.Contains(field, "@") {
				fields[i] = "[redacted]"
			}
		}
		if w = strings.Join(fields, " "); w != "" {
			parts = append(parts, w)
		}
	}
	return delivery.AsError(&delivery.Error{Reason: strings.Join(parts, ": ")}, delivery.Message{}).Reason
}
