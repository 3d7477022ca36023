package callout

import (
	"net/http"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                                0,
		"0":                               0,
		"120":                             2 * time.Minute,
		" 7 ":                             7 * time.Second,
		"-5":                              0,
		"1.5":                             0,
		"soon":                            0,
		"99999999":                        MaxRest,
		"99999999999999999999999999":      MaxRest,
		"Sun, 01 Mar 2026 12:00:30 GMT":   30 * time.Second,
		"Sunday, 01-Mar-26 12:01:00 GMT":  time.Minute,
		"Sun Mar  1 12:02:00 2026":        2 * time.Minute,
		"Sun, 01 Mar 2026 11:59:30 GMT":   0,
		"Mon, 01 Mar 2126 12:00:30 GMT":   MaxRest,
		"Sun, 01 Mar 9999999 12:00:00 GM": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", value, got, want)
		}
	}
}

func TestKindOfStatus(t *testing.T) {
	t.Parallel()
	want := map[delivery.Kind][]int{
		delivery.Temporary:     {400, 408, 409, 422, 425, 503},
		delivery.Throttled:     {429},
		delivery.Configuration: {301, 302, 304, 307, 308, 401, 402, 403, 404, 405, 410, 411, 413, 415, 421, 431, 451},
		delivery.Ambiguous:     {0, 200, 201, 204, 500, 501, 502, 504, 505, 520, 599, 999},
	}
	for kind, statuses := range want {
		for _, status := range statuses {
			if got := KindOf(status); got != kind {
				t.Errorf("%d is %s, want %s", status, got, kind)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"code": 21211}`:       true,
		` {"code": 0, "x":[]} `: true,
		`{"code": "21211"}`:     false,
		`{"code": 1} {}`:        false,
		`[]`:                    false,
		`<html>`:                false,
		``:                      false,
		`{"code": 1`:            false,
	} {
		var v struct{ Code int }
		if got := (Answer{Body: []byte(body), Whole: true}).JSON(&v); got != want {
			t.Errorf("JSON(%q) = %t", body, got)
		}
		if (Answer{Body: []byte(body)}).JSON(&v) {
			t.Error("a part of a body is taken for JSON")
		}
	}
}
